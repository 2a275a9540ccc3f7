// Renders the elements of a page: `oc.renderNestedComponent`, `oc.renderUnloadedComponents` and
// `oc.load`.

import { conf } from './conf.js';
import { callSafely, logDebug, logFailure } from './log.js';
import { oc } from './namespace.js';
import { place } from './place.js';

// Elements that are being rendered, each with whoever waits for it.
const rendering = new WeakMap();

// Elements that failed, while those who waited for them are told.
const exhausted = new WeakSet();

export function isRendering(element) {
    return rendering.has(element);
}

// `target`: an element, or a list with one (jQuery's). Calls back in the end, however it ends.
export function renderNestedComponent(target, callback) {
    const element = target[0] || target;
    oc.ready(() => {
        if (element.getAttribute('data-rendered') === 'true') {
            callback();
        } else if (element.getAttribute('data-rendering') === 'true') {
            whenSettled(element, () => oc.renderNestedComponent(element, callback));
        } else {
            start(element, callback);
        }
    });
}

// Another script may have begun to render it; that is found out by looking again.
function whenSettled(element, callback) {
    const waiting = rendering.get(element);
    if (waiting) {
        waiting.push(callback);
    } else {
        setTimeout(callback, conf.pollingInterval);
    }
}

function start(element, callback) {
    const waiting = [callback];
    rendering.set(element, waiting);
    logDebug('Unrendered component found. Trying to retrieve it...');
    element.setAttribute('data-rendering', true);
    if (!conf.disableLoader) {
        element.innerHTML = `<div class="oc-loading">${conf.loadingMessage}</div>`;
    }
    const target = {
        href: element.getAttribute('href'),
        id: element.getAttribute('id'),
        element,
        // Who waited for an element that failed tries once more, and not all over again.
        retryLimit: exhausted.has(element) ? 0 : conf.retryLimit,
    };
    oc.renderByHref(target, (error, rendered) => {
        rendering.delete(element);
        if (error || !rendered) {
            fail(element, error, rendered);
            exhausted.add(element);
        } else {
            place(element, rendered);
        }
        for (const waiter of waiting) {
            callSafely(waiter);
        }
        exhausted.delete(element);
    });
}

function fail(element, originalError, data) {
    element.setAttribute('data-rendering', false);
    element.setAttribute('data-rendered', false);
    element.setAttribute('data-failed', true);
    element.innerHTML = '';
    oc.events.fire('oc:failed', { originalError, data, component: element });
    logFailure(originalError);
}

// Renders all that is not rendered yet, then what that brought with it.
export function renderUnloadedComponents(seen = new Set()) {
    oc.ready(() => {
        const found = [...document.querySelectorAll(unloaded())];
        const unseen = found.filter((element) => !seen.has(element));
        let left = unseen.length;
        for (const element of unseen) {
            seen.add(element);
            oc.renderNestedComponent(element, () => {
                left -= 1;
                if (left === 0) {
                    renderUnloadedComponents(seen);
                }
            });
        }
    });
}

// Lazy elements render themselves when they are seen, unless they were told not to.
function unloaded() {
    const own = '[disable-lifecycle]:not([disable-lifecycle="false"])';
    const lazy = conf.disableLifecycles ? '' : `:not([loading="lazy"]:not(${own}))`;
    return `${conf.tag}:not([data-rendered="true"]):not([data-failed="true"])${lazy}`;
}

// Puts a component into `placeholder` and calls back with its element.
export function load(placeholder, href, callback = () => {}) {
    oc.ready(() => {
        const parent = placeholder?.[0] || placeholder;
        if (!parent) {
            return;
        }
        const element = document.createElement(conf.tag);
        element.setAttribute('href', href);
        // Begun before it is on the page, where it would begin by itself.
        oc.renderNestedComponent(element, () => callback(element));
        parent.replaceChildren(element);
    });
}
