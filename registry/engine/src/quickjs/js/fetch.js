// `fetch`: the request is carried out by the registry, under its egress policy.
(function (host, tools) {
  'use strict';
  const { prelude, request } = tools;
  const { URL, URLSearchParams } = prelude('url');
  const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

  class Headers {
    #values = new Map();
    constructor(init) {
      if (init == null) return;
      if (typeof init[Symbol.iterator] === 'function') for (const [name, value] of init) this.append(name, value);
      else for (const name of Object.keys(init)) this.append(name, init[name]);
    }
    append(name, value) {
      const key = Headers.#key(name);
      const text = Headers.#value(value);
      const known = this.#values.get(key);
      this.#values.set(key, known === undefined ? [text] : [...known, text]);
    }
    set(name, value) {
      this.#values.set(Headers.#key(name), [Headers.#value(value)]);
    }
    get(name) {
      const known = this.#values.get(Headers.#key(name));
      return known === undefined ? null : known.join(', ');
    }
    getSetCookie() {
      return [...(this.#values.get('set-cookie') ?? [])];
    }
    has(name) {
      return this.#values.has(Headers.#key(name));
    }
    delete(name) {
      this.#values.delete(Headers.#key(name));
    }
    forEach(callback, receiver) {
      for (const [name, value] of this) callback.call(receiver, value, name, this);
    }
    *entries() {
      for (const name of [...this.#values.keys()].sort()) yield [name, this.get(name)];
    }
    *keys() {
      for (const [name] of this.entries()) yield name;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    get [Symbol.toStringTag]() {
      return 'Headers';
    }
    static #key(name) {
      const key = `${name}`.toLowerCase();
      if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(key)) throw new TypeError(`Header name "${name}" is not valid`);
      return key;
    }
    static #value(value) {
      const text = `${value}`.trim();
      if (/[\0\r\n]/.test(text)) throw new TypeError('Header value is not valid');
      return text;
    }
  }

  class Response {
    #parts;
    #body;
    #used = false;
    #headers;
    constructor(parts) {
      this.#parts = parts;
      this.#body = parts.body;
      this.#headers = new Headers(parts.headers);
    }
    get status() {
      return this.#parts.status;
    }
    get statusText() {
      return this.#parts.statusText;
    }
    get ok() {
      return this.status >= 200 && this.status <= 299;
    }
    get url() {
      return this.#parts.url;
    }
    get redirected() {
      return this.#parts.redirected;
    }
    get type() {
      return 'basic';
    }
    get headers() {
      return this.#headers;
    }
    get bodyUsed() {
      return this.#used;
    }
    #take() {
      if (this.#used) throw new TypeError('Body is unusable: Body has already been read');
      this.#used = true;
      return this.#body;
    }
    async bytes() {
      return this.#take().slice();
    }
    async arrayBuffer() {
      return this.#take().slice().buffer;
    }
    async text() {
      return host.encode(this.#take(), 'utf8').replace(/^\uFEFF/, '');
    }
    async json() {
      return JSON.parse(await this.text());
    }
    clone() {
      if (this.#used) throw new TypeError('Response.clone: Body has already been consumed.');
      return new Response(this.#parts);
    }
    get [Symbol.toStringTag]() {
      return 'Response';
    }
  }

  function bodyOf(body, headers) {
    if (body == null) return undefined;
    const typed = (type) => {
      if (!headers.has('content-type')) headers.set('content-type', type);
    };
    if (ArrayBuffer.isView(body)) return bytesOf(body);
    if (body instanceof ArrayBuffer) return new Uint8Array(body);
    typed(body instanceof URLSearchParams ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8');
    return host.decode(`${body}`, 'utf8');
  }

  async function fetch(input, init = {}) {
    const options = input !== null && typeof input === 'object' && 'url' in input ? { ...input, ...init } : init ?? {};
    const url = new URL(input !== null && typeof input === 'object' && 'url' in input ? input.url : input);
    const named = `${options.method ?? 'GET'}`;
    const method = /^(delete|get|head|options|post|put)$/i.test(named) ? named.toUpperCase() : named;
    const headers = new Headers(options.headers);
    if ((method === 'GET' || method === 'HEAD') && options.body != null) {
      throw new TypeError('Request with GET/HEAD method cannot have body.');
    }
    const body = bodyOf(options.body, headers);
    const { signal } = options;
    if (signal != null) signal.throwIfAborted();
    url.hash = '';
    const head = [method, url.href, options.redirect ?? 'follow', ...[...headers].flat()];
    const answered = request((id) => host.fetch(id, head, body)).then(
      (parts) => new Response(parts),
      (message) => {
        throw new TypeError('fetch failed', { cause: new Error(message) });
      },
    );
    if (signal == null) return answered;
    return Promise.race([
      answered,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    ]);
  }
  return { fetch };
});
