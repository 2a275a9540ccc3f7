// The view of the component `oc-client`: two scripts that bring the browser client to a page.
var oc = oc || {};
oc.components = oc.components || {};
oc.components['ochre-oc-client'] = function (model) {
  function asScript(value) {
    return JSON.stringify(value).replace(/</g, '\\u003c');
  }

  function view(props) {
    return (
      '<script>window.oc=window.oc||{};oc.conf=oc.conf||{};' +
      'oc.conf.templates=(oc.conf.templates||[]).concat(' + asScript(props.templates) + ');</script>' +
      '<script src="' + props.staticPath + 'src/oc-client.min.js" type="text/javascript"></script>'
    );
  }

  oc.es6Components = oc.es6Components || {};
  oc.es6Components['ochre-oc-client'] = function (props, element) {
    element.innerHTML = view(props);
  };
  if (!model) return undefined;
  return model.__html || view(model.component.props);
};
