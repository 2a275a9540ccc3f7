'use strict';

var GREETINGS = { casual: 'Hi', plain: 'Hello', formal: 'Good day' };
var WAVES_MAX = 5;

function waves(value) {
  return Math.max(0, Math.min(WAVES_MAX, Math.round(value) || 0));
}

module.exports.data = function (context, callback) {
  var params = context.params;
  var model = {
    greeting: GREETINGS[params.tone] + ', ' + params.name,
    waves: waves(params.waves)
  };

  var props = context.action
    ? model
    : Object.assign(model, {
        _staticPath: context.staticPath,
        _baseUrl: context.baseUrl,
        _componentName: 'hello',
        _componentVersion: '1.0.0'
      });
  var hasProtocol = context.staticPath.indexOf('http') === 0;

  callback(null, {
    component: {
      key: '37fafc0b47d639c24043c0e74722f0da2717c41f',
      src: (hasProtocol ? context.staticPath : 'https:' + context.staticPath) + 'template.js',
      props: props,
      esm: false
    }
  });
};
