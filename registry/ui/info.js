// The form of parameters: preview and code follow what is typed; the server writes the code.
(() => {
    const WAIT_MS = 300;

    const form = document.getElementById('parameters');
    const preview = document.getElementById('preview');
    const link = document.getElementById('preview-link');
    const stage = preview.parentElement;
    let running;

    const address = (inputs) => {
        const query = new URLSearchParams();
        for (const input of inputs) {
            // A name without a value tells the server that the form was emptied.
            query.append(input.dataset.parameter, input.value);
        }
        return `${location.pathname}?${query}`;
    };

    const copied = async (button) => {
        const code = document.getElementById(button.dataset.copy);
        const label = button.firstChild;
        try {
            await navigator.clipboard.writeText(code.textContent);
            label.data = 'Copied';
        } catch {
            getSelection().selectAllChildren(code);
            label.data = 'Selected';
        }
        setTimeout(() => {
            label.data = 'Copy';
        }, 1500);
    };

    const offerCopies = () => {
        for (const button of document.querySelectorAll('.copy')) {
            button.addEventListener('click', () => copied(button));
        }
    };

    const show = async (url) => {
        running?.abort();
        running = new AbortController();
        try {
            const answer = await fetch(url, {
                headers: { accept: 'text/html' },
                signal: running.signal,
            });
            const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
            const usage = page.getElementById('usage');
            const href = page.getElementById('preview-link')?.getAttribute('href');
            if (!usage || !href) {
                return;
            }
            document.getElementById('usage').replaceWith(usage);
            offerCopies();
            history.replaceState(null, '', url);
            if (link.getAttribute('href') !== href) {
                link.href = href;
                // Replaced, so that "back" leaves the page instead of going through every letter.
                preview.contentWindow.location.replace(link.href);
            }
        } catch (error) {
            if (error.name !== 'AbortError') {
                console.error(error);
            }
        }
    };

    window.updateHrefFromParameters = (inputs) => {
        let timer;
        for (const input of inputs) {
            input.addEventListener('input', () => {
                clearTimeout(timer);
                timer = setTimeout(() => show(address(inputs)), WAIT_MS);
            });
        }
        form?.addEventListener('submit', (event) => {
            event.preventDefault();
            clearTimeout(timer);
            show(address(inputs));
        });
    };

    const widths = document.getElementById('widths');
    for (const button of widths.querySelectorAll('button')) {
        button.addEventListener('click', () => {
            stage.dataset.width = button.dataset.width;
            for (const other of widths.querySelectorAll('button')) {
                other.setAttribute('aria-pressed', String(other === button));
            }
        });
    }
    offerCopies();
})();
