// Makes a fresh realm offer ECMAScript alone, without natives that could loop for ever unseen.
// `more`: globals that an engine of another kind offers too; its natives can be stopped.
(function (more) {
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
    if (!standard.has(name) && !more?.includes(name)) delete globalThis[name];
  }

  // These natives walk `length` elements without an interrupt point, holes included: a sparse array
  // or an array-like object would keep them busy for hours. Dense arrays end at the heap limit.
  const LONGEST = 2 ** 25;
  const apply = Reflect.apply;
  const guard = (owner, name, native, lengthOf, longest = LONGEST) => {
    const guarded = {
      [name]() {
        if (lengthOf(this, arguments) > longest) throw new RangeError('Invalid array length');
        return apply(native, this, arguments);
      },
    }[name];
    Object.defineProperty(guarded, 'length', { value: native.length, configurable: true });
    Object.defineProperty(owner, name, { value: guarded, writable: true, configurable: true });
  };
  const own = (array) => (array == null ? 0 : array.length);
  // Takes the square of the length for a run of combining marks.
  guard(String.prototype, 'normalize', String.prototype.normalize, own, 100_000);
  if (more !== undefined) return;

  // Call sites would hand out the functions on the stack, those of other realms among them.
  Error.prepareStackTrace = (_, sites) => sites;
  const [site] = new Error('a call site').stack;
  delete Object.getPrototypeOf(site).getFunction;
  Error.prepareStackTrace = undefined;

  const names =
    'concat copyWithin flat flatMap join reverse shift slice sort splice toLocaleString toString unshift';
  for (const name of names.split(' ')) guard(Array.prototype, name, Array.prototype[name], own);
  guard(String, 'raw', String.raw, (_, [strings]) => strings?.raw?.length);
});
