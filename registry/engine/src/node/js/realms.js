// Realms for components, and the outer side of the boundary around them: only texts, numbers and
// bytes come out, and no object of this realm goes in, errors included. What V8 and Node throw in
// there by themselves (`import()`, a stack that is full while a stack trace is written) cannot be
// caught here: it leads to built-in objects that are frozen and make no code from texts.
(function (parts) {
  'use strict';
  const { require, script, modules } = parts;
  const vm = require('vm');
  const { isUint8Array } = require('util').types;
  const EMPTY = vm.constants?.DONT_CONTEXTIFY;
  const LIST_LENGTH_MAX = 2 ** 20;
  // What Node's realms have and the embedded engine's do not; OC has them too.
  const MORE_GLOBALS = ['Intl', 'WebAssembly'];
  const run = (script, context) => script.runInContext(context, { displayErrors: false });

  function newRealm() {
    const context = EMPTY === undefined ? vm.createContext() : vm.createContext(EMPTY);
    run(script('realm'), context)(MORE_GLOBALS);
    return { context, ...run(script('boundary'), context) };
  }

  // Our scripts take what the built-in objects of a program give them, which it may have replaced.
  function taken(value) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value;
    if (isUint8Array(value)) return new Uint8Array(value);
    if (!Array.isArray(value)) throw new TypeError('value cannot be handed over');
    const { length } = value;
    if (!(length <= LIST_LENGTH_MAX)) throw new RangeError('list is too long');
    const list = [];
    for (let at = 0; at < length; at++) list.push(`${value[at]}`);
    return list;
  }

  const checked = (work) => (...args) => {
    for (let at = 0; at < args.length; at++) args[at] = taken(args[at]);
    return work(...args);
  };

  // What `realm` may call of `host`; members that are no functions stay as they are.
  function guarded(realm, host) {
    const result = {};
    for (const [name, value] of Object.entries(host)) {
      // A model is handed to the program's own view, and never looked at.
      result[name] = typeof value === 'function' && name !== 'deliver' ? checked(value) : value;
    }
    return realm.guard(result);
  }

  // `error` as `realm` may see it. Modules throw errors of this realm, and those who require them
  // have its objects anyway.
  function retold(realm, error) {
    if (modules.areThere || !(error instanceof Object)) return error;
    return realm.fault(error.name, error.message, error.stack);
  }

  function evaluate(realm, { origin, source }) {
    let compiled;
    try {
      compiled = new vm.Script(source, { filename: origin });
    } catch (error) {
      // Node puts the place and the line before what is usual.
      const [place] = String(error.stack).split('\n');
      throw realm.fault(error.name, error.message, `${error}\n    at ${place}`);
    }
    return run(compiled, realm.context);
  }

  // The class of the error that `import()` fails with is Node's own: not among those it freezes.
  run(new vm.Script("import('nothing')"), vm.createContext()).catch((error) => {
    for (let value = error; value !== null; value = Object.getPrototypeOf(value)) Object.freeze(value.constructor);
    Object.freeze(Object.getPrototypeOf(error));
  });

  return { newRealm, guarded, retold, evaluate, run };
});
