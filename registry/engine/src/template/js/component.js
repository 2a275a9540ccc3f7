// Views of the compilers that build with Vite. Such a view registers what the framework renders,
// then wraps the HTML that it finds in its model.
'use strict';

const message = (value) => `Cannot read properties of ${value} (reading 'props')`;

// `registry`: where in `oc` the view registers it. `toHtml(registered, props)` answers HTML, or a
// promise of it. `surroundings()`: what the view finds in `oc` beside the components, made anew.
module.exports = function component(registry, toHtml, surroundings = () => ({})) {
  return function link(view) {
    const { components } = globalThis.oc;
    // Views number their elements and keep their properties in `oc`: each render starts afresh,
    // so that nothing of one caller is there for the next.
    const begin = () => {
      globalThis.oc = { ...surroundings(), components: Object.assign({}, components) };
    };
    const registered = (key) => {
      const known = globalThis.oc[registry];
      return known[key] ?? Object.values(known)[0];
    };
    const wrap = (model, html) => {
      begin();
      return view(Object.assign({}, model, { __html: html }));
    };

    return function render(model) {
      const part = model.component ?? model.reactComponent;
      if (part == null) throw new TypeError(message(part));
      begin();
      try {
        // The view registers before it asks for the HTML, so one evaluation of it is enough.
        let html;
        const filled = Object.assign({}, model);
        Object.defineProperty(filled, '__html', {
          enumerable: true,
          get: () => (html ??= toHtml(registered(part.key), part.props)),
        });
        const wrapped = view(filled);
        return typeof html?.then === 'function' ? html.then((text) => wrap(model, text)).finally(begin) : wrapped;
      } finally {
        begin();
      }
    };
  };
};
