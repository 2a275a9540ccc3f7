// Makes a fresh realm offer ECMAScript alone, without natives that could loop for ever unseen.
(function () {
  'use strict';
  const standard = new Set(
    (
      'AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean ' +
      'DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array ' +
      'Function Infinity Int16Array Int32Array Int8Array Iterator JSON Map Math NaN Number Object Promise Proxy ' +
      'RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol SyntaxError ' +
      'TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI ' +
      'decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt ' +
      'undefined unescape'
    ).split(' '),
  );
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!standard.has(name)) delete globalThis[name];
  }

  // These natives walk `length` elements without an interrupt point, holes included.
  const LONGEST = 2 ** 25;
  const apply = Reflect.apply;
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  const guard = (owner, name) => {
    const native = owner[name];
    if (typeof native !== 'function') return;
    const guarded = {
      [name](...args) {
        if (this != null && this.length > LONGEST) throw new RangeError('Invalid array length');
        return apply(native, this, args);
      },
    }[name];
    Object.defineProperty(guarded, 'length', { value: native.length, configurable: true });
    Object.defineProperty(owner, name, { value: guarded, writable: true, configurable: true });
  };
  for (const name of ['join', 'toString', 'toLocaleString']) guard(Array.prototype, name);
});
