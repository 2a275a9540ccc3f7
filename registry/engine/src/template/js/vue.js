// Renders views of `oc-template-vue`.
(function (escapeHtml, require) {
  'use strict';
  const Vue = require('vue');
  const { renderToString } = require('@vue/server-renderer');
  globalThis.Vue = Vue;

  return require('ochre/component')('vueComponents', ({ component }, props) => {
    // What a browser gives to the same component.
    const { _staticPath, _baseUrl, _componentName, _componentVersion, ...rest } = props;
    return renderToString(Vue.createSSRApp(component, rest));
  });
});
