// The inner side of the boundary around a realm, evaluated in it before anything of a program:
// what scripts do to its built-in objects later changes nothing here.
(function () {
  'use strict';
  const { apply } = Reflect;
  const { defineProperty, keys } = Object;
  const { parse } = JSON;
  const Bytes = Uint8Array;
  const kinds = { __proto__: null, Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError };
  const text = (value) => (typeof value === 'string' ? value : '');
  // As many arguments take 16 KiB of the stack.
  const room = Array.from({ length: 2048 }, () => 0);
  const nothing = () => {};

  // An error of this realm with the words of another one's.
  function fault(name, message, stack) {
    const error = new (kinds[text(name)] ?? kinds.Error)(text(message));
    if (typeof stack === 'string') defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
    return error;
  }

  // An error of the process would lead to its built-in objects. One that finds the stack full would
  // leave the work half done: that is found out before it is begun.
  const guarded = (native) => (...args) => {
    apply(nothing, undefined, room);
    try {
      return apply(native, undefined, args);
    } catch (error) {
      throw fault(error?.name, error?.message);
    }
  };

  function guard(host) {
    const result = { __proto__: null };
    for (const name of keys(host)) result[name] = typeof host[name] === 'function' ? guarded(host[name]) : host[name];
    return result;
  }

  return { parse, fault, guard, bytes: (length) => new Bytes(length), Promise };
})();
