// The part of Web Crypto that needs no keys.
(function (host) {
  'use strict';
  const integers = new Set(['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array']);
  const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;
  const bytesOf = (data) => {
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    throw new TypeError('The data is neither an ArrayBuffer nor a view of one');
  };
  const named = (name, message) => Object.defineProperty(new Error(message), 'name', { value: name, configurable: true });

  const subtle = {
    async digest(algorithm, data) {
      const name = String(typeof algorithm === 'object' && algorithm !== null ? algorithm.name : algorithm).toUpperCase();
      const hash = host.digest(name, bytesOf(data));
      if (hash == null) throw named('NotSupportedError', 'Unrecognized algorithm name');
      return hash.buffer;
    },
  };
  const crypto = {
    subtle,
    getRandomValues(array) {
      if (!ArrayBuffer.isView(array) || !integers.has(tagOf.call(array))) {
        throw named('TypeMismatchError', 'The data argument must be an integer-type TypedArray');
      }
      if (array.byteLength > 65536) {
        throw named('QuotaExceededError', `The requested length exceeds 65,536 bytes`);
      }
      bytesOf(array).set(host.random(array.byteLength));
      return array;
    },
    randomUUID() {
      return host.uuid();
    },
  };
  for (const [object, tag] of [[crypto, 'Crypto'], [subtle, 'SubtleCrypto']]) {
    Object.defineProperty(object, Symbol.toStringTag, { value: tag, configurable: true });
  }
  return { crypto };
});
