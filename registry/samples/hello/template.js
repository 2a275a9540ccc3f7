var oc = oc || {};
oc.components = oc.components || {};
oc.components['37fafc0b47d639c24043c0e74722f0da2717c41f'] = function (model) {
  oc.es6Components = oc.es6Components || {};
  oc.es6Components['37fafc0b47d639c24043c0e74722f0da2717c41f'] = (
    (function () {
      var ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

      function escapeHtml(value) {
        return String(value).replace(/[&<>"']/g, function (character) {
          return ENTITIES[character];
        });
      }

      function view(props) {
        var waves = '';
        for (var index = 0; index < props.waves; index += 1) {
          waves += '👋';
        }

        return (
          '<p style="display:inline-flex;gap:.5em;align-items:center;margin:0;padding:.75em 1.25em;' +
          'border-radius:999px;font:600 1.125rem/1.4 system-ui,sans-serif;color-scheme:light dark;' +
          'color:light-dark(#5c2c06,#ffe3c7);background:light-dark(#ffeedd,#4a2409)">' +
          '<span>' + escapeHtml(props.greeting) + '</span>' +
          (waves ? '<span aria-hidden="true">' + waves + '</span>' : '') +
          '</p>'
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
  oc.es6Components['37fafc0b47d639c24043c0e74722f0da2717c41f'](model.component.props, element);
  return element.innerHTML;
};
