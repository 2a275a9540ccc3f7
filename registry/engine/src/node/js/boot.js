// Starts a worker process: `scripts` holds every script of ours by name, `settings` what the
// operator decided.
(function (require, scripts, settings) {
  'use strict';
  const vm = require('vm');
  const compiled = new Map();

  // Each of our scripts is an expression; compiled once, run in as many realms as there are.
  const script = (name) => {
    if (!compiled.has(name)) compiled.set(name, new vm.Script(scripts[name], { filename: `ochre:${name}` }));
    return compiled.get(name);
  };
  const parts = { require, settings, script, source: (name) => scripts[name] };
  for (const name of ['wire', 'natives', 'modules', 'realms', 'call', 'watch', 'memory', 'release', 'worker']) {
    parts[name] = script(name).runInThisContext()(parts);
  }
  parts.worker.run();
});
