// Tells why a component could not be rendered, over the place where it would be.
(() => {
    const HINTS = {
        NOT_FOUND: 'The component or the requested version was not found on the registry.',
        NOT_VALID_REQUEST: 'Required parameters are missing, or parameters are not valid.',
        PLUGIN_MISSING_FROM_REGISTRY: 'The registry does not have a plugin that it needs.',
        DEPENDENCY_MISSING_FROM_REGISTRY: 'The registry does not have a dependency that it needs.',
        TEMPLATE_NOT_SUPPORTED: 'The registry does not render templates of its type.',
        TEMPLATE_REQUIRES_HIGHER_OC_VERSION: 'It needs a newer registry.',
        DATA_RESOLVING_ERROR: 'Its server logic could not be loaded.',
        ENV_RESOLVING_ERROR: 'Its environment file could not be loaded.',
        GENERIC_ERROR: 'Its server logic failed.',
    };

    const { component, href } = document.currentScript.dataset;

    const element = (name, text, attributes = {}) => {
        const made = document.createElement(name);
        made.textContent = text;
        for (const [key, value] of Object.entries(attributes)) {
            made.setAttribute(key, value);
        }
        return made;
    };

    const show = (failure) => {
        const isRendered = document.getElementById(component)?.dataset.rendered === 'true';
        if (isRendered || document.getElementById('oc-error-overlay')) {
            return;
        }
        const answer = failure?.response ?? failure ?? {};
        const code = answer.code ?? 'UNKNOWN_ERROR';
        const message = answer.error ?? answer.message;
        const stack = answer.details?.stack;
        const overlay = element('div', '', { id: 'oc-error-overlay', role: 'alert' });
        const card = element('div', '', { class: 'oc-error-card' });
        const actions = element('p', '');
        const retry = element('button', 'Retry', { type: 'button' });
        const dismiss = element('button', 'Dismiss', { type: 'button' });
        retry.addEventListener('click', () => location.reload());
        dismiss.addEventListener('click', () => overlay.remove());
        actions.append(retry, dismiss);
        card.append(
            element('strong', 'The component was not rendered'),
            element('p', HINTS[code] ?? 'Something went wrong on the way.'),
            element('pre', `${code}\n${typeof message === 'string' ? message : ''}`.trim(), { tabindex: '0' }),
        );
        if (typeof stack === 'string') {
            card.append(element('pre', stack, { tabindex: '0' }));
        }
        card.append(element('a', href, { href, target: '_blank', rel: 'noopener' }), actions);
        overlay.append(card);
        document.body.append(overlay);
    };

    window.oc = window.oc ?? {};
    window.oc.cmd = window.oc.cmd ?? [];
    window.oc.cmd.push((oc) => {
        oc.events.on('oc:error', (_event, failure) => show(failure));
        oc.events.on('oc:rendered', () => document.getElementById('oc-error-overlay')?.remove());
    });
})();
