// The native halves of the globals that `quickjs/js` builds, by what Node has. A program that
// requires modules gets Node's own classes, because modules know no others.
(function (parts) {
  'use strict';
  const { require } = parts;
  const { createHash, randomBytes, randomUUID, webcrypto } = require('crypto');
  const { Buffer } = require('buffer');
  const { URL, URLSearchParams } = globalThis;
  const HASHES = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
  const NAMES = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const SPECIAL = /[&<>"'`=]/g;
  const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;', '`': '&#x60;', '=': '&#x3D;' };

  const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

  function parsed(url, base) {
    try {
      return new URL(url, base);
    } catch {
      return undefined;
    }
  }

  // `realm.list(json)` and `realm.bytes(length)` make what is handed over in the program's realm.
  function nativesOf(realm) {
    const copied = (bytes) => {
      const copy = realm.bytes(bytes.length);
      bytes.copy(copy);
      return copy;
    };
    const partsOf = (url) => (url === undefined ? undefined : realm.parse(JSON.stringify(NAMES.map((name) => url[name]))));
    return {
      encode: (bytes, encoding) => bytesOf(bytes).toString(encoding),
      decode: (text, encoding) => copied(Buffer.from(text, encoding)),
      random: (length) => copied(randomBytes(Math.min(length, 65536))),
      digest(name, bytes) {
        const hash = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
        return hash === undefined ? undefined : copied(createHash(hash).update(bytesOf(bytes)).digest());
      },
      uuid: () => randomUUID(),
      parseUrl: (url, base) => partsOf(parsed(url, base)),
      setUrl(href, part, value) {
        const url = parsed(href);
        if (url !== undefined) url[part] = value;
        return partsOf(url);
      },
      parseForm: (text) => realm.parse(JSON.stringify([...new URLSearchParams(`&${text}`)].flat())),
      serializeForm(pairs) {
        const params = new URLSearchParams();
        for (let at = 0; at < pairs.length; at += 2) params.append(pairs[at], pairs[at + 1]);
        return params.toString();
      },
    };
  }

  // What stands in for a prelude of `quickjs/js` in programs that require modules.
  const own = {
    buffer: () => ({ Buffer }),
    url: () => ({ URL, URLSearchParams }),
    abort: () => ({ AbortController, AbortSignal }),
    crypto: () => ({ crypto: webcrypto }),
  };

  const escapeHtml = (text) => text.replace(SPECIAL, (character) => ENTITIES[character]);

  return { nativesOf, own, escapeHtml };
});
