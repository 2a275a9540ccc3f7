var oc = oc || {};
oc.components = oc.components || {};
oc.components['a1a997890b63884fa556f1227b3f8f136eef6b33'] = function (model) {
  oc.es6Components = oc.es6Components || {};
  oc.es6Components['a1a997890b63884fa556f1227b3f8f136eef6b33'] = (
    (function () {
      var ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

      function escapeHtml(value) {
        return String(value).replace(/[&<>"']/g, function (character) {
          return ENTITIES[character];
        });
      }

      function view(props) {
        return (
          '<article style="box-sizing:border-box;max-width:26rem;margin:0;padding:1.5rem;' +
          'border-radius:1rem;font:400 1rem/1.5 system-ui,sans-serif;color-scheme:light dark;' +
          'color:light-dark(#2b2118,#f3ebe3);background:light-dark(#fffaf5,#221a14);' +
          'border:1px solid light-dark(#e8d5c1,#54402e)">' +
          // HTML of another component, rendered by the registry: it has escaped its own values.
          '<header>' + props.greetingHtml + '</header>' +
          '<p style="margin:1rem 0 0">' + escapeHtml(props.message) + '</p>' +
          '<footer style="margin-top:1rem;color:light-dark(#6b5642,#c9b39d)">' +
          escapeHtml(props.signature) +
          '</footer>' +
          '</article>'
        );
      }

      return function render(props, element) {
        element.innerHTML = view(props);
      };
    })()
  );
  if (!model) return;
  if (model.__html) return model.__html;

  var element = { innerHTML: '' };
  oc.es6Components['a1a997890b63884fa556f1227b3f8f136eef6b33'](model.component.props, element);
  return element.innerHTML;
};
