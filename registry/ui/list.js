// Searches while the reader types; the server makes every list.
(() => {
    const WAIT_MS = 150;

    const form = document.getElementById('filters');
    const words = document.getElementById('q');
    let timer;
    let running;

    const address = () => {
        const query = new URLSearchParams();
        for (const [name, value] of new FormData(form)) {
            if (value.trim() !== '') {
                query.set(name, value.trim());
            }
        }
        const text = query.toString();
        return form.action + (text === '' ? '' : `?${text}`);
    };

    const show = async (url, { focus = false } = {}) => {
        running?.abort();
        running = new AbortController();
        const { signal } = running;
        try {
            const answer = await fetch(url, { headers: { accept: 'text/html' }, signal });
            if (!answer.ok) {
                throw new Error(`status ${answer.status}`);
            }
            const text = await answer.text();
            if (signal.aborted) {
                return;
            }
            const page = new DOMParser().parseFromString(text, 'text/html');
            const results = page.getElementById('results');
            const summary = document.getElementById('summary');
            const fresh = results.querySelector('#summary');
            // The status element stays, so that its new text is read out.
            summary.replaceChildren(...fresh.childNodes);
            fresh.replaceWith(summary);
            document.getElementById('results').replaceWith(results);
            history.replaceState(null, '', url);
            if (focus) {
                document.getElementById('content').focus();
                scrollTo(0, 0);
            }
        } catch (error) {
            if (error.name !== 'AbortError') {
                location.assign(url);
            }
        }
    };

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        clearTimeout(timer);
        show(address());
    });
    form.addEventListener('input', (event) => {
        clearTimeout(timer);
        timer = setTimeout(() => show(address()), event.target === words ? WAIT_MS : 0);
    });
    document.addEventListener('keydown', (event) => {
        const isTyping = event.target.closest('input, select, textarea, [contenteditable]');
        if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            words.focus();
            words.select();
        }
    });
})();
