// What the client tells the console.

import { oc } from './namespace.js';

export function logFailure(message) {
    console.log(message);
}

// Only with `oc.conf.debug`.
export function logDebug(message) {
    if (oc.conf.debug) {
        console.log(message);
    }
}

// Calls what belongs to the page; its failure is told, and harms nobody else.
export function callSafely(callback, ...given) {
    try {
        callback(...given);
    } catch (error) {
        if (window.reportError) {
            window.reportError(error);
        } else {
            console.error(error);
        }
    }
}
