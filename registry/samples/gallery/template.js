var oc = oc || {};
oc.components = oc.components || {};
oc.components['b6bbfe38f10aa11fb180c5af8b398faf7a44bf6b'] = function (model) {
  oc.es6Components = oc.es6Components || {};
  oc.es6Components['b6bbfe38f10aa11fb180c5af8b398faf7a44bf6b'] = (
    (function () {
      var ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
      var PICTURES = [
        { file: 'dunes.svg', caption: 'Dunes at noon' },
        { file: 'cliffs.svg', caption: 'Cliffs at dusk' },
        { file: 'quarry.svg', caption: 'The ochre quarry' }
      ];

      function escapeHtml(value) {
        return String(value).replace(/[&<>"']/g, function (character) {
          return ENTITIES[character];
        });
      }

      function figure(folder, picture, isSelected) {
        return (
          '<figure class="ochre-gallery__figure"' + (isSelected ? '' : ' hidden') + '>' +
          '<img src="' + folder + picture.file + '" alt="" width="480" height="270">' +
          '<figcaption>' + picture.caption + '</figcaption>' +
          '</figure>'
        );
      }

      function view(props) {
        var folder = escapeHtml(props._staticPath) + 'public/';
        var start = Math.max(1, Math.min(PICTURES.length, Math.round(props.start) || 1)) - 1;
        var figures = PICTURES.map(function (picture, index) {
          return figure(folder, picture, index === start);
        }).join('');

        return (
          '<link rel="stylesheet" href="' + folder + 'gallery.css">' +
          '<section class="ochre-gallery" aria-label="' + escapeHtml(props.title) + '">' +
          '<h2 class="ochre-gallery__title">' + escapeHtml(props.title) + '</h2>' +
          figures +
          '<button class="ochre-gallery__next" type="button">Next picture</button>' +
          '</section>' +
          '<script src="' + folder + 'gallery.js" defer></script>'
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
  oc.es6Components['b6bbfe38f10aa11fb180c5af8b398faf7a44bf6b'](model.component.props, element);
  return element.innerHTML;
};
