// Renders views of `oc-template-typescript-react`.
(function (escapeHtml, require) {
  'use strict';
  const React = require('react');
  const { renderToString } = require('react-dom/server');
  globalThis.React = React;
  globalThis.ReactDOM = require('react-dom');

  const link = require('ochre/component')('reactComponents', (component, props) =>
    renderToString(React.createElement(component, props)),
  );

  // Where the list of scripts ends that a page loads before it hydrates.
  const ENDS = '}], function(){';

  // On a page the script in a view's HTML takes the component from where only the view itself puts
  // it. A browser that got the HTML never evaluated the view: it is made to, so that it can hydrate.
  function withView(html, key, url) {
    const list = html.indexOf(ENDS, html.indexOf('<script>oc = oc || {};'));
    if (list < 0) return html;
    const quoted = (value) => JSON.stringify(value).replaceAll('<', '\\u003c');
    const view = quoted({ global: ['oc', 'components', key], url, name: 'template' });
    const rest = html.slice(list + ENDS.length);
    return `${html.slice(0, list)}},${view}], function(){oc.components[${quoted(key)}]();${rest}`;
  }

  return (view, key) => {
    const render = link(view);
    return (model) => {
      const html = render(model);
      return withView(html, key, (model.component ?? model.reactComponent).src);
    };
  };
});
