// Components whose view is an ES module: mounted, not turned into HTML.

import { oc } from './namespace.js';

export async function mount({ component, element }) {
    const { src, props, development } = component;
    const { _staticPath: staticPath, _componentName: name, _componentVersion: version } = props;

    // Modules ask for the URLs of their assets here.
    oc._esm ??= {};
    oc._esm[`${name}@${version}`] = (file) => `${staticPath}public/${file}`;

    const view = await import(src);
    view.mount(element, props, development ? { development } : {});
}
