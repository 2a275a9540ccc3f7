// Renders views of `oc-template-jade`, which are functions that use the runtime's global.
(function (escapeHtml, require) {
  'use strict';
  globalThis.jade = require('jade');

  return (view) => (model) => view(model);
});
