'use strict';
// Runs the acceptance suite that npm `oc-client` brings along against a registry that is running.
//
// Usage: node oc_client.js MODULES ADDRESS: the node_modules folder that holds `oc-client` and what
// its suite wants, and host and port of the registry. Prints one line of JSON for each test:
// {"title": "…", "error": "…"}, without an error for one that passed.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const [folder, address] = process.argv.slice(2);
// As `require` names the files below it.
const modules = fs.realpathSync(folder);
const [host, port] = address.split(':');
const load = (name) => require(path.join(modules, name));
const suite = path.join(modules, 'oc-client/test/acceptance/client.js');

// The suite starts a registry on port 3030 of localhost: the one that runs takes its place.
const registry = { start: (done) => done(), close: (done) => done() };
const resolve = Module._load;
Module._load = function (name, ...rest) {
    return name === 'oc' ? { Registry: function () { return registry; } } : resolve.call(this, name, ...rest);
};
Module._extensions['.js'] = ((compile) => (module, file) => {
    if (file !== suite) return compile(module, file);
    const text = fs.readFileSync(file, 'utf8').replace(/localhost/g, host).replace(/3030/g, port);
    return module._compile(text, file);
})(Module._extensions['.js']);

// Assertions shorten what they show.
function describe(error) {
    if (error.expected === undefined) return error.message || String(error);
    return `expected ${JSON.stringify(error.expected)}\n     got ${JSON.stringify(error.actual)}`;
}

const Mocha = load('mocha');
const mocha = new Mocha({ timeout: 20000, reporter: function () {} });
mocha.addFile(suite);
const tell = (test, error) => console.log(JSON.stringify({ title: test.fullTitle(), error }));
mocha
    .run((failures) => process.exit(failures ? 1 : 0))
    .on('pass', (test) => tell(test))
    .on('fail', (test, error) => tell(test, describe(error)));
