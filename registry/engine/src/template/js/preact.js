// Renders views of `oc-template-preact`. Such a view brings its own Preact, whose hooks wait for
// what renders it to tell them of each component: through the `options` of that very Preact.
(function (escapeHtml, require) {
  'use strict';
  const preact = require('preact');
  const { renderToString } = require('preact-render-to-string');
  const { options, h } = preact;
  // What Preact's published builds call `options._render`.
  const RENDER = '__r';
  let own;

  // Hooks set themselves into `options` when the view is evaluated.
  function watch() {
    Object.defineProperty(Object.prototype, RENDER, {
      configurable: true,
      get: () => undefined,
      set(value) {
        own = this;
        Object.defineProperty(this, RENDER, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }

  function toHtml({ component }, props) {
    delete Object.prototype[RENDER];
    preact.options = own ?? options;
    return renderToString(h(component, props));
  }

  const link = require('ochre/component')('preactComponents', toHtml);
  return (view, key) => {
    const render = link(view, key);
    return (model) => {
      own = undefined;
      watch();
      try {
        return render(model);
      } finally {
        delete Object.prototype[RENDER];
      }
    };
  };
});
