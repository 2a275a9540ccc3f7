// The realm of an operator's plugins: evaluates their modules and registers each one after those
// that it depends on. Components reach `side` alone, and that by text.
(function (host, port, list) {
  'use strict';
  const plugins = new Map();
  const registered = {};
  const waiting = [];
  let failure;
  let isDone = false;

  const failed = (name, reason) => {
    const message = reason instanceof Error ? reason.message : String(reason);
    return new Error(`plugin ${name}: ${message}`, { cause: reason });
  };

  function load({ name, options, description, withContext }, index) {
    const module = { exports: {} };
    try {
      host.plugin(index).call(module.exports, module, module.exports, globalThis.require);
    } catch (error) {
      throw failed(name, error);
    }
    const { register, execute, dependencies = [] } = Object(module.exports);
    if (typeof register !== 'function' || typeof execute !== 'function' || !Array.isArray(dependencies)) {
      throw failed(name, 'module does not export register(options, dependencies, next) and execute');
    }
    plugins.set(name, { register, execute, dependencies, description, withContext, options: JSON.parse(options) });
  }

  // Names in the order in which they are registered.
  function order() {
    const sorted = new Set();
    const visit = (name, path) => {
      if (sorted.has(name)) return;
      if (path.includes(name)) throw failed(name, `dependency cycle: ${[...path, name].join(' -> ')}`);
      for (const dependency of plugins.get(name).dependencies) {
        if (!plugins.has(dependency)) throw failed(name, `unknown plugin dependency: ${dependency}`);
        visit(dependency, [...path, name]);
      }
      sorted.add(name);
    };
    for (const name of plugins.keys()) visit(name, []);
    return sorted;
  }

  function register(name) {
    const plugin = plugins.get(name);
    const dependencies = Object.fromEntries(plugin.dependencies.map((other) => [other, registered[other]]));
    return new Promise((resolve, reject) => {
      const next = (error) => (error ? reject(error) : resolve());
      const returned = plugin.register(plugin.options, dependencies, next);
      if (typeof returned?.then === 'function') returned.then(undefined, reject);
    });
  }

  async function registerAll(names) {
    for (const name of names) {
      try {
        await register(name);
      } catch (error) {
        throw failed(name, error);
      }
      const { execute, description, withContext } = plugins.get(name);
      registered[name] = { handler: execute, description, context: withContext };
    }
  }

  // Exceptions of the component's side are objects of its realm: nobody may see them.
  function tell(told) {
    try {
      told(failure);
    } catch {
      // it is told no more
    }
  }

  function finished(error) {
    failure = error?.message;
    isDone = true;
    for (const told of waiting.splice(0)) tell(told);
  }

  function chosen(withContext, give) {
    const names = Object.keys(registered).filter((name) => registered[name].context === withContext);
    return Object.fromEntries(names.map((name) => [name, give(registered[name].handler)]));
  }

  list.forEach(load);
  registerAll(order()).then(() => finished(), finished);

  return {
    ...port.side,
    connect: port.connect,
    whenDone(told) {
      if (isDone) tell(told);
      else waiting.push(told);
    },
    // Whether all components get the same.
    areAlike: !list.some(({ withContext }) => withContext),
    shared: port.expose(() => chosen(false, (handler) => handler)),
    ofComponent: port.expose((component) => chosen(true, (handler) => handler(component))),
  };
});
