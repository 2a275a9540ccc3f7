// Template types that can be rendered here, with the scripts that each needs.

import { oc } from './namespace.js';
import { registry } from './registry.js';

// type -> { externals: [{ global, url }] }
const registered = {};

export function readTemplates() {
    Object.assign(registered, registry.templates);
    if (oc.conf.templates) {
        register(oc.conf.templates, true);
    }
}

function register(templates, overwrite) {
    for (const { type, externals } of [templates].flat()) {
        if (overwrite || !registered[type]) {
            registered[type] = { externals };
        }
    }
}

// `oc.registerTemplates(template or templates)`; types that are known stay as they are.
export function registerTemplates(templates) {
    register(templates, false);
    oc.ready(() => oc.renderUnloadedComponents());
    return registered;
}

// Older components name their type without `oc-template-`.
export function mappedType(type) {
    const isLegacy = type === 'jade' || type === 'handlebars';
    return isLegacy && !registry.disableLegacyTemplates ? `oc-template-${type}` : type;
}

export function templateOf(type) {
    return Object.hasOwn(registered, type) ? registered[type] : undefined;
}
