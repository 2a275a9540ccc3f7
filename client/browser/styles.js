// `oc.addStylesToHead`: for components that bring their styles as text.

import { nonce } from './namespace.js';

export function addStylesToHead(styles) {
    const style = document.createElement('style');
    style.textContent = styles;
    if (nonce) {
        style.setAttribute('nonce', nonce);
    }
    document.head.append(style);
}
