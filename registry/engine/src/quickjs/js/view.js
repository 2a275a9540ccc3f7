// The view's side of a call, in a realm of its own: links the view to its template pack once and
// renders models.
(function (host) {
  'use strict';
  const modules = new Map();
  let link;
  let render;

  function require(name) {
    if (!modules.has(name)) throw new Error(`Cannot find module '${name}'`);
    return modules.get(name);
  }

  // The engine's words for a view that is an ES module, and V8's.
  const MODULE_KEYWORD = /^unsupported keyword: (\w+)$/;

  function described(error) {
    if (!(error instanceof Error) && Object.prototype.toString.call(error) !== '[object Error]') return error;
    const result = {};
    for (const name of Object.keys(error)) {
      if (typeof error[name] !== 'function') result[name] = error[name];
    }
    result.name = String(error.name);
    result.message = String(error.message).replace(MODULE_KEYWORD, "Unexpected token '$1'");
    // V8's stacks begin with the error itself.
    result.stack = host.isV8 ? String(error.stack) : `${String(error)}\n${String(error.stack)}`;
    return result;
  }

  function fail(id, error) {
    if (host.outOfMemory()) return host.exhausted(id);
    let text;
    try {
      text = JSON.stringify(described(error));
    } catch {
      // a value that cannot be told
    }
    host.viewFailed(id, text);
  }

  return {
    // A runtime of the template pack: a CommonJS module.
    define(name, factory) {
      const module = { exports: {} };
      factory.call(module.exports, module, module.exports, require);
      modules.set(name, module.exports);
    },
    prepare(adapter) {
      link = adapter(host.escapeHtml, require);
    },
    link(key) {
      const { components } = oc;
      render = link(components[key], key);
    },
    render(id, renderId, model) {
      try {
        if (renderId !== undefined) model.id = renderId;
        if (model.__oc_emptyResponse === true) return host.empty(id);
        const html = render(model);
        if (!(html instanceof Promise)) return host.html(id, String(html));
        html.then(
          (text) => host.html(id, String(text)),
          (error) => fail(id, error),
        );
      } catch (error) {
        fail(id, error);
      }
    },
    fail,
  };
});
