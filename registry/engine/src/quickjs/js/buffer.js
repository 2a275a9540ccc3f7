// The commonly used surface of Node's Buffer; encodings are native.
(function (host) {
  'use strict';
  const ENCODINGS = {
    utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1',
    ascii: 'ascii', ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le',
  };
  const fail = (Type, code, message) => {
    throw Object.assign(new Type(message), { code });
  };
  const encodingOf = (name) => {
    if (name === undefined || name === null || name === '') return 'utf8';
    return ENCODINGS[`${name}`.toLowerCase()] ?? fail(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${name}`);
  };
  const plain = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const decoded = (text, encoding) => host.decode(text, encodingOf(encoding));
  const sized = (size) => {
    if (typeof size !== 'number') fail(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "size" argument must be of type number.');
    if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER)) fail(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "size" is out of range.');
    return size;
  };
  const wrap = (bytes) => new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const compare = (a, b) => {
    const length = Math.min(a.length, b.length);
    for (let index = 0; index < length; index++) {
      if (a[index] !== b[index]) return a[index] < b[index] ? -1 : 1;
    }
    return Math.sign(a.length - b.length);
  };

  class Buffer extends Uint8Array {
    constructor(value, offset, length) {
      if (typeof value === 'string') super(decoded(value, offset));
      else super(value, offset, length);
    }

    static from(value, offset, length) {
      if (typeof value === 'string') return wrap(decoded(value, offset));
      if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Buffer(value, offset, length);
      if (ArrayBuffer.isView(value)) return new Buffer(plain(value).slice());
      if (value !== null && typeof value === 'object') {
        if (value.type === 'Buffer' && Array.isArray(value.data)) return new Buffer(value.data);
        if (typeof value.length === 'number') return new Buffer(Array.from(value));
        const primitive = value.valueOf();
        if (primitive !== value && primitive != null) return Buffer.from(primitive, offset, length);
      }
      return fail(
        TypeError,
        'ERR_INVALID_ARG_TYPE',
        'The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object.',
      );
    }
    static of(...bytes) {
      return new Buffer(bytes);
    }
    static alloc(size, fill, encoding) {
      const buffer = new Buffer(sized(size));
      return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, encoding);
    }
    static allocUnsafe(size) {
      return new Buffer(sized(size));
    }
    static allocUnsafeSlow(size) {
      return new Buffer(sized(size));
    }
    static concat(list, total = list.reduce((sum, one) => sum + one.length, 0)) {
      const joined = new Buffer(total);
      let at = 0;
      for (const one of list) {
        if (at >= total) break;
        const part = one.length > total - at ? one.subarray(0, total - at) : one;
        joined.set(part, at);
        at += part.length;
      }
      return joined;
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static isEncoding(name) {
      return typeof name === 'string' && Object.hasOwn(ENCODINGS, name.toLowerCase());
    }
    static byteLength(value, encoding) {
      return typeof value === 'string' ? decoded(value, encoding).length : value.byteLength;
    }
    static compare(a, b) {
      return compare(a, b);
    }

    get parent() {
      return this.buffer;
    }
    toString(encoding, start = 0, end = this.length) {
      return host.encode(plain(this.subarray(Math.max(start, 0), Math.max(end, 0))), encodingOf(encoding));
    }
    toLocaleString(encoding, start, end) {
      return this.toString(encoding, start, end);
    }
    toJSON() {
      return { type: 'Buffer', data: Array.from(this) };
    }
    slice(start, end) {
      return this.subarray(start, end);
    }
    equals(other) {
      return this.length === other.length && compare(this, other) === 0;
    }
    compare(other, start = 0, end = other.length, ownStart = 0, ownEnd = this.length) {
      return compare(this.subarray(ownStart, ownEnd), other.subarray(start, end));
    }
    copy(target, at = 0, start = 0, end = this.length) {
      const part = this.subarray(start, Math.min(end, start + target.length - at));
      target.set(part, at);
      return part.length;
    }
    write(text, offset = 0, length = this.length - offset, encoding) {
      if (typeof offset === 'string') [offset, length, encoding] = [0, this.length, offset];
      else if (typeof length === 'string') [length, encoding] = [this.length - offset, length];
      const bytes = decoded(text, encoding).subarray(0, Math.min(length, this.length - offset));
      this.set(bytes, offset);
      return bytes.length;
    }
    fill(value, offset = 0, end = this.length, encoding) {
      if (typeof offset === 'string') [offset, end, encoding] = [0, this.length, offset];
      else if (typeof end === 'string') [end, encoding] = [this.length, end];
      if (typeof value !== 'string' && !ArrayBuffer.isView(value)) {
        super.fill(value, offset, end);
        return this;
      }
      const bytes = typeof value === 'string' ? decoded(value, encoding) : plain(value);
      if (bytes.length === 0) super.fill(0, offset, end);
      else for (let at = offset; at < end; at++) this[at] = bytes[(at - offset) % bytes.length];
      return this;
    }
    #find(value, from, encoding, step) {
      if (typeof value === 'number') {
        const byte = value & 255;
        return step > 0 ? super.indexOf(byte, from) : super.lastIndexOf(byte, from);
      }
      const bytes = typeof value === 'string' ? decoded(value, encoding) : plain(value);
      const last = this.length - bytes.length;
      const begin = from < 0 ? from + this.length : from;
      for (let at = step > 0 ? Math.max(begin, 0) : Math.min(begin, last); at >= 0 && at <= last; at += step) {
        let index = 0;
        while (index < bytes.length && this[at + index] === bytes[index]) index++;
        if (index === bytes.length) return at;
      }
      return -1;
    }
    indexOf(value, from = 0, encoding) {
      return typeof from === 'string' ? this.#find(value, 0, from, 1) : this.#find(value, from, encoding, 1);
    }
    lastIndexOf(value, from = this.length, encoding) {
      return typeof from === 'string' ? this.#find(value, this.length, from, -1) : this.#find(value, from, encoding, -1);
    }
    includes(value, from, encoding) {
      return this.indexOf(value, from, encoding) >= 0;
    }
    swap16() {
      return this.#swap(2);
    }
    swap32() {
      return this.#swap(4);
    }
    swap64() {
      return this.#swap(8);
    }
    #swap(size) {
      if (this.length % size !== 0) fail(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${size * 8}-bits`);
      for (let at = 0; at < this.length; at += size) plain(this.subarray(at, at + size)).reverse();
      return this;
    }
    readUIntBE(offset, length) {
      return inside(this, offset, length) && this.subarray(offset, offset + length).reduce((sum, byte) => sum * 256 + byte, 0);
    }
    readUIntLE(offset, length) {
      return inside(this, offset, length) && this.subarray(offset, offset + length).reduceRight((sum, byte) => sum * 256 + byte, 0);
    }
    readIntBE(offset, length) {
      return signed(this.readUIntBE(offset, length), length);
    }
    readIntLE(offset, length) {
      return signed(this.readUIntLE(offset, length), length);
    }
    writeUIntBE(value, offset, length) {
      return written(this, value, offset, length, (index) => length - 1 - index);
    }
    writeUIntLE(value, offset, length) {
      return written(this, value, offset, length, (index) => index);
    }
    writeIntBE(value, offset, length) {
      return this.writeUIntBE(value < 0 ? value + 2 ** (8 * length) : value, offset, length);
    }
    writeIntLE(value, offset, length) {
      return this.writeUIntLE(value < 0 ? value + 2 ** (8 * length) : value, offset, length);
    }
  }

  function inside(buffer, offset, length) {
    if (typeof offset !== 'number') fail(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "offset" argument must be of type number.');
    if (Number.isInteger(offset) && offset >= 0 && offset + length <= buffer.length) return true;
    return fail(
      RangeError,
      'ERR_OUT_OF_RANGE',
      `The value of "offset" is out of range. It must be >= 0 and <= ${buffer.length - length}. Received ${offset}`,
    );
  }
  const signed = (value, length) => (value >= 2 ** (8 * length - 1) ? value - 2 ** (8 * length) : value);
  const written = (buffer, value, offset, length, place) => {
    inside(buffer, offset, length);
    for (let index = 0, rest = value; index < length; index++, rest = Math.floor(rest / 256)) {
      buffer[offset + place(index)] = rest % 256;
    }
    return offset + length;
  };

  // readInt32LE and its kin, with Node's second spelling of `UInt`.
  const numbers = [
    ['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2], ['UInt32', 'Uint32', 4],
    ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8], ['BigInt64', 'BigInt64', 8],
    ['BigUInt64', 'BigUint64', 8],
  ];
  const method = (name, value) => {
    for (const spelling of new Set([name, name.replace('UInt', 'Uint')])) {
      Object.defineProperty(Buffer.prototype, spelling, { value, writable: true, configurable: true });
    }
  };
  const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  for (const [name, native, size] of numbers) {
    for (const order of size === 1 ? [''] : ['LE', 'BE']) {
      const [get, set] = [DataView.prototype[`get${native}`], DataView.prototype[`set${native}`]];
      method(`read${name}${order}`, function (offset = 0) {
        inside(this, offset, size);
        return get.call(view(this), offset, order === 'LE');
      });
      method(`write${name}${order}`, function (value, offset = 0) {
        inside(this, offset, size);
        set.call(view(this), offset, value, order === 'LE');
        return offset + size;
      });
    }
  }
  for (const name of ['UInt', 'Int']) {
    for (const order of ['LE', 'BE']) {
      method(`read${name}${order}`, Buffer.prototype[`read${name}${order}`]);
      method(`write${name}${order}`, Buffer.prototype[`write${name}${order}`]);
    }
  }
  Buffer.poolSize = 8192;
  return { Buffer };
});
