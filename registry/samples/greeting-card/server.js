'use strict';

function respond(context, model, callback) {
  var props = context.action
    ? model
    : Object.assign(model, {
        _staticPath: context.staticPath,
        _baseUrl: context.baseUrl,
        _componentName: 'greeting-card',
        _componentVersion: '1.0.0'
      });
  var hasProtocol = context.staticPath.indexOf('http') === 0;

  callback(null, {
    component: {
      key: 'a1a997890b63884fa556f1227b3f8f136eef6b33',
      src: (hasProtocol ? context.staticPath : 'https:' + context.staticPath) + 'template.js',
      props: props,
      esm: false
    }
  });
}

module.exports.data = function (context, callback) {
  var params = context.params;

  context
    .renderComponent('hello', {
      version: '1.x.x',
      parameters: { name: params.name, tone: 'formal', waves: 0 }
    })
    .then(
      function (greetingHtml) {
        respond(
          context,
          {
            greetingHtml: greetingHtml,
            message: params.message,
            signature: '— ' + params.from
          },
          callback
        );
      },
      function (reason) {
        callback(new Error('hello could not be rendered: ' + (reason.message || reason)));
      }
    );
};
