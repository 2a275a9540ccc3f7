// `oc.require` and `oc.requireSeries`: globals, from their scripts when they are not there yet.

import { oc } from './namespace.js';

// Globals whose script is on its way: path -> promise.
const loading = new Map();

// `path`: a global's name, or names of members from the window on.
function lookUp(path) {
    return path.reduce((owner, name) => owner?.[name] || undefined, window);
}

// `oc.require(path, url, callback)`, or without the path for a script that defines no global.
//
// The callback gets the global, or nothing when the script failed or did not define it.
export function require(...given) {
    const callback = given.pop();
    const url = given.pop();
    const path = given[0] === undefined ? undefined : [given[0]].flat();
    const found = () => path && lookUp(path);

    if (found()) {
        callback(found());
        return;
    }
    const name = path?.join('.');
    if (loading.has(name)) {
        // Another version of it in the middle of the first one's scripts would be mixed with them.
        loading.get(name).then(() => oc.require(path, url, callback));
        return;
    }
    let called = false;
    let settle = () => {};
    if (name) {
        loading.set(name, new Promise((resolve) => (settle = resolve)));
    }
    const finish = () => {
        if (!called) {
            called = true;
            loading.delete(name);
            settle();
            callback(found());
        }
    };
    window.ljs.load(url, finish)?.then(undefined, (error) => {
        if (called) {
            throw error;
        }
        finish();
    });
}

// `oc.requireSeries([{ global, url }], callback)`: one after another, because later scripts may
// need earlier ones.
export function requireSeries(wanted, callback) {
    const results = [];
    const next = () => {
        if (results.length === wanted.length) {
            callback(results);
            return;
        }
        const { global, url } = wanted[results.length];
        oc.require(global, url, (result) => {
            results.push(result);
            next();
        });
    };
    next();
}
