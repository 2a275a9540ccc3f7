// Lets `oc-template-svelte-compiler` load: it requires a plug-in of Vite that can only be imported.
const Module = require('node:module');
const { pathToFileURL } = require('node:url');

const plugin = '@sveltejs/vite-plugin-svelte';
const load = Module._load;

Module._load = function (request, parent, ...rest) {
    if (request !== plugin) {
        return load.call(this, request, parent, ...rest);
    }
    const folder = parent.paths.map((path) => `${path}/${plugin}`).find((path) => require('node:fs').existsSync(path));
    // Vite takes promises of plug-ins.
    const imported = () => import(pathToFileURL(`${folder}/src/index.js`));
    return { svelte: (...options) => imported().then(({ svelte }) => svelte(...options)) };
};
