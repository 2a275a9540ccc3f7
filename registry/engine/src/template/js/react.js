// Renders views of `oc-template-react`.
(function (escapeHtml, require) {
  'use strict';
  const React = require('react');
  const { renderToString } = require('react-dom/server');
  globalThis.React = React;
  globalThis.ReactDOM = require('react-dom');

  return require('ochre/component')('reactComponents', ({ component }, props) =>
    renderToString(React.createElement(component, props)),
  );
});
