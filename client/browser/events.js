// `oc.events`: listeners by name of event.

import { callSafely, logDebug } from './log.js';

export function createEvents() {
    let listeners = new Map();

    return {
        fire(type, data) {
            logDebug(`OC event fired: "${type}"`);
            // A copy: listeners may come and go while they are called.
            for (const listener of [...(listeners.get(type) ?? [])]) {
                callSafely(listener, { type }, data);
            }
        },

        on(type, listener) {
            if (!listener) {
                throw new Error('Callback is required');
            }
            listeners.set(type, [...(listeners.get(type) ?? []), listener]);
        },

        // Without `listener`, all of them.
        off(types, listener) {
            for (const type of [types].flat()) {
                const others = listener
                    ? (listeners.get(type) ?? []).filter((other) => other !== listener)
                    : [];
                listeners.set(type, others);
            }
        },

        reset() {
            listeners = new Map();
        },
    };
}
