// The view's side of a call, in a realm of its own: links the view to its template pack once and
// renders models.
(function (host) {
  'use strict';
  let link;
  let render;

  function described(error) {
    if (!(error instanceof Error) && Object.prototype.toString.call(error) !== '[object Error]') return error;
    const result = {};
    for (const name of Object.keys(error)) {
      if (typeof error[name] !== 'function') result[name] = error[name];
    }
    result.name = String(error.name);
    result.message = String(error.message);
    result.stack = `${String(error)}\n${String(error.stack)}`;
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
    prepare(adapter) {
      link = adapter(host.escapeHtml);
    },
    link(key) {
      const { components } = oc;
      render = link(components[key], key);
    },
    render(id, renderId, model) {
      try {
        if (renderId !== undefined) model.id = renderId;
        if (model.__oc_emptyResponse === true) host.empty(id);
        else host.html(id, String(render(model)));
      } catch (error) {
        fail(id, error);
      }
    },
    fail,
  };
});
