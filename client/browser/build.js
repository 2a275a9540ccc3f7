// `oc.build`: the markup of a component.

import { conf } from './conf.js';

// Throws text, as pages know it from OC.
export function demand(name, value) {
    if (!value) {
        throw `${name} parameter is required`;
    }
}

export function build({ baseUrl, name, version, parameters }) {
    demand('baseUrl', baseUrl);
    demand('name', name);
    const path = [baseUrl.replace(/\/$/, ''), name, ...(version ? [version] : [])].join('/');
    const query = Object.entries(parameters ?? {}).map(([key, value]) => `${key}=${encode(value)}`);
    const href = query.length > 0 ? `${path}?${query.join('&')}` : path;
    return `<${conf.tag} href="${href.replaceAll('"', '&quot;')}"></${conf.tag}>`;
}

// Only what would end the value is encoded: callers may have encoded the rest themselves.
function encode(value) {
    return /[+&=#]/.test(value) ? encodeURIComponent(value) : String(value);
}
