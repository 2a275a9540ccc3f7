// Light or dark: as the system, until the reader chooses; the choice is kept in a cookie.
(() => {
    const button = document.getElementById('theme');
    const scheme = document.querySelector('meta[name="color-scheme"]');
    const system = matchMedia('(prefers-color-scheme: dark)');
    const root = new URL(document.querySelector('.brand').href).pathname;

    const isDark = () => {
        const chosen = scheme.content.split(' ');
        return chosen.length === 1 ? chosen[0] === 'dark' : system.matches;
    };

    const label = () => {
        const other = isDark() ? 'light' : 'dark';
        button.ariaLabel = `Use ${other} theme`;
        button.dataset.next = other;
    };

    button.addEventListener('click', () => {
        const theme = button.dataset.next;
        scheme.content = theme;
        document.documentElement.dataset.theme = theme;
        document.cookie = `oc-theme=${theme}; path=${root}; max-age=31536000; samesite=lax`;
        label();
    });
    system.addEventListener('change', label);
    label();
})();
