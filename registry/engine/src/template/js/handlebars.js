// Renders views of `oc-template-handlebars` with the runtime that the `handlebars` package
// publishes. The view is linked once; the package links it again for each render.
(function (escapeHtml, require) {
  'use strict';
  const Handlebars = require('handlebars');

  const slow = Handlebars.Utils.escapeExpression;
  Handlebars.Utils.escapeExpression = (value) => (typeof value === 'string' ? escapeHtml(value) : slow(value));

  return function link(specification) {
    if (specification.compiler[0] < 7) {
      return () => {
        throw "The component can't be rendered because it was published with an older OC version";
      };
    }
    const template = Handlebars.template(specification);
    return (model) => template(model);
  };
});
