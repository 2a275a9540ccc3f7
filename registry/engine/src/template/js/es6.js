// Renders views of `oc-template-es6` 2.x as that package does for a component it has never seen:
// the view registers itself, fills an element from its properties, then wraps what it filled.
(function () {
  'use strict';
  const message = (value, name) => `Cannot read properties of ${value} (reading '${name}')`;

  return function link(view, key) {
    const components = globalThis.oc.components;
    // Views number their elements and keep their properties in `oc`: each render starts afresh,
    // so that nothing of one caller is there for the next.
    const begin = () => {
      globalThis.oc = { components: Object.assign({}, components) };
    };

    function filled(model) {
      begin();
      const copy = JSON.stringify(model);
      const properties = JSON.stringify(model.component.props);
      view(JSON.parse(copy));
      const element = { innerHTML: '' };
      oc.es6Components[key](properties === undefined ? undefined : JSON.parse(properties), element);
      return element.innerHTML;
    }

    return function render(model) {
      if (model.component == null) throw new TypeError(message(model.component, 'src'));
      try {
        const html = filled(model);
        begin();
        return view(Object.assign({}, model, { __html: html }));
      } finally {
        begin();
      }
    };
  };
});
