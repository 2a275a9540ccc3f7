// Renders views of `oc-template-solid`. Their compiler writes code for browsers, and brings Solid's
// own runtime for those: it gets a page to fill.
(function (escapeHtml, require) {
  'use strict';
  const page = require('ochre/dom/page');
  page.install();

  // A view takes its component's element from the page, and what holds that one.
  function begin() {
    const { body } = page.open();
    const element = body.appendChild(document.createElement('oc-component'));
    document.querySelector = (selector) => (`${selector}`.startsWith('oc-component') ? element : null);
    const nothing = () => {};
    return { conf: {}, cmd: [], events: { fire: nothing, on: nothing, off: nothing }, getData: nothing };
  }

  // Effects are the browser's, as in Solid's own rendering on servers. Its runtime for browsers marks
  // them so before it runs them: nothing else has `user` and all of these. It stays defined, because
  // V8 forgets what it learned of all objects whenever their prototype changes.
  const isEffect = (value) => ['fn', 'owned', 'sources', 'updatedAt'].every((key) => Object.hasOwn(value, key));
  Object.defineProperty(Object.prototype, 'user', {
    configurable: true,
    get: () => undefined,
    set(value) {
      if (isEffect(this)) this.fn = () => undefined;
      Reflect.defineProperty(this, 'user', { value, writable: true, enumerable: true, configurable: true });
    },
  });

  let html;

  function toHtml(mount, props) {
    const root = document.createElement('div');
    mount(props, root);
    // A view takes no HTML for not being rendered.
    html = root.innerHTML || '<!---->';
    return html;
  }

  // The script after the HTML mounts the component once more, behind what is there. And it holds the
  // properties, in which nothing may end it.
  function mended(wrapped, key) {
    const end = wrapped.indexOf('>') + 1 + html.length;
    const start = wrapped.indexOf('<script>', end) + '<script>'.length;
    const stop = wrapped.lastIndexOf('</script>');
    const mount = `oc.solidComponents["${key}"](`;
    const script = wrapped.slice(start, stop).replaceAll('<', '\\u003c');
    const at = script.lastIndexOf(mount);
    if (at < 0) return wrapped;
    return `${wrapped.slice(0, start)}${script.slice(0, at)}targetNode.textContent="";${script.slice(at)}${wrapped.slice(stop)}`;
  }

  const link = require('ochre/component')('solidComponents', toHtml, begin);
  return (view, key) => {
    const render = link(view, key);
    return (model) => mended(render(model), key);
  };
});
