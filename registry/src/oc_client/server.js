// The data of the component `oc-client`: where its scripts are, and which templates there are.
'use strict';

module.exports.data = function (context, callback) {
  var staticPath = context.staticPath;
  var hasProtocol = staticPath.indexOf('http') === 0;
  callback(null, {
    component: {
      key: 'ochre-oc-client',
      src: (hasProtocol ? staticPath : 'https:' + staticPath) + 'template.js',
      props: {
        staticPath: staticPath,
        templates: context.templates,
        _staticPath: staticPath,
        _baseUrl: context.baseUrl,
        _componentName: 'oc-client',
        _componentVersion: '__VERSION__'
      },
      esm: false
    }
  });
};
