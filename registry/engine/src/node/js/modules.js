// What providers may `require`: packages and core modules that the operator listed.
(function (parts) {
  'use strict';
  const { require, settings } = parts;
  const path = require('path');
  const process = require('process');
  const { builtinModules, createRequire } = require('module');
  const allowed = new Set(settings.dependencies);
  const folder = path.resolve(settings.modules);
  const load = createRequire(path.join(folder, 'index.js'));

  // `@scope/name/path` -> `@scope/name`, `fs/promises` -> `fs`.
  function packageOf(name) {
    const parts = name.split('/');
    return name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  }

  const isCore = (name) => name.startsWith('node:') || builtinModules.includes(name);

  // As OC looks: a package may stand in for a core module of its name.
  const candidates = (name) => [path.join(folder, 'node_modules', name), ...(isCore(name) ? [name] : [])];

  // `{ exports }`, or nothing for what is not listed or cannot be loaded.
  function find(name) {
    if (!allowed.has(packageOf(name)) || name.split('/').includes('..')) return undefined;
    for (const candidate of candidates(name)) {
      try {
        return { exports: load(candidate) };
      } catch (error) {
        // The reason is the operator's business; components are told what OC tells them.
        if (error?.code !== 'MODULE_NOT_FOUND') process.stderr.write(`${name} cannot be loaded: ${error}\n`);
      }
    }
    return undefined;
  }

  const isRequiredBy = (source) => allowed.size > 0 && /\brequire\s*\(/.test(source);

  // Paths of this machine in a stack trace, shortened to what callers may know.
  const hidden = (text) => text.replaceAll(`${folder}${path.sep}`, '');

  return { areThere: allowed.size > 0, find, isRequiredBy, hidden };
});
