// Renders views of `oc-template-vue`.
(function (escapeHtml, require) {
  'use strict';
  const Vue = require('vue');
  const { renderToString } = require('@vue/server-renderer');
  globalThis.Vue = Vue;

  return require('ochre/component')('vueComponents', ({ component }, props) => {
    // What a browser gives to the same component.
    const { _staticPath, _baseUrl, _componentName, _componentVersion, ...rest } = props;
    const app = Vue.createSSRApp(component, rest);
    // Without a handler, what a component throws would go to the console and leave a hole.
    const errors = [];
    app.config.errorHandler = (error) => errors.push(error);
    return renderToString(app).then((html) => {
      if (errors.length > 0) throw errors[0];
      return html;
    });
  });
});
