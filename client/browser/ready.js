// `oc.ready` and `oc.cmd`: what waits until the client can work.

import { callSafely } from './log.js';
import { nonce, oc } from './namespace.js';
import { registry } from './registry.js';

let state = 'new';

// Calls back at once when ready; the first call makes ready.
export function ready(callback) {
    if (state === 'ready') {
        callback();
    } else if (state === 'getting ready') {
        oc.cmd.push(callback);
    } else {
        state = 'getting ready';
        oc.requireSeries(registry.externals, () => finish(callback));
    }
}

function finish(callback) {
    state = 'ready';
    addImportMap();
    callSafely(callback);
    oc.events.fire('oc:ready', oc);
    oc.status = 'ready';
    const waiting = oc.cmd;
    oc.cmd = { push: (command) => command(oc) };
    for (const command of waiting) {
        callSafely(command, oc);
    }
}

// Bare names that ES-module components import.
function addImportMap() {
    const { imports } = registry;
    if (Object.keys(imports).length === 0) {
        return;
    }
    const script = document.createElement('script');
    script.type = 'importmap';
    script.textContent = JSON.stringify({ imports });
    if (nonce) {
        script.setAttribute('nonce', nonce);
    }
    document.head.append(script);
}
