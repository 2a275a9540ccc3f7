// Puts a rendered component in its element.

import { nonce, oc } from './namespace.js';

export function place(element, rendered) {
    const { id, ocId, name, version, key, html, baseUrl } = rendered;
    const attributes = {
        id,
        'data-rendered': true,
        'data-rendering': false,
        'data-version': version,
        'data-id': ocId,
        ...(key && { 'data-hash': key }),
        ...(name && { 'data-name': name }),
    };
    for (const [attribute, value] of Object.entries(attributes)) {
        element.setAttribute(attribute, value);
    }
    if (typeof html === 'string') {
        element.innerHTML = html;
    }
    runScripts(element);
    if (name) {
        oc.renderedComponents[name] = { version, ...(baseUrl && { baseUrl }) };
        rendered.element = element;
        oc.events.fire('oc:rendered', { ...rendered, id: ocId });
    }
}

// Scripts that came as HTML do not run; copies of them do.
function runScripts(element) {
    for (const script of element.querySelectorAll('script')) {
        const copy = document.createElement('script');
        for (const { name, value } of script.attributes) {
            copy.setAttribute(name, value);
        }
        if (nonce) {
            copy.setAttribute('nonce', nonce);
        }
        copy.textContent = script.textContent;
        script.replaceWith(copy);
    }
}
