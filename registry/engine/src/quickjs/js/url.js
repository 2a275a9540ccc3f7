// URL and URLSearchParams over the native parser.
(function (host) {
  'use strict';
  const NAMES = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const text = (value) => `${value}`.toWellFormed();

  class URLSearchParams {
    #pairs = [];
    #url = null;

    constructor(init = '') {
      if (init !== null && (typeof init === 'object' || typeof init === 'function')) {
        if (typeof init[Symbol.iterator] === 'function') {
          for (const pair of init) {
            const [name, value, ...rest] = pair;
            if (rest.length > 0 || [...pair].length !== 2) {
              throw new TypeError('Each query pair must be an iterable [name, value] tuple');
            }
            this.#pairs.push([text(name), text(value)]);
          }
        } else {
          for (const name of Reflect.ownKeys(init)) this.#pairs.push([text(name), text(init[name])]);
        }
      } else {
        this.#read(text(init).replace(/^\?/, ''));
      }
    }
    #read(query) {
      const flat = host.parseForm(query);
      this.#pairs = [];
      for (let index = 0; index < flat.length; index += 2) this.#pairs.push([flat[index], flat[index + 1]]);
    }
    #changed() {
      if (this.#url !== null) this.#url(this.toString());
    }
    // Binds the parameters to a URL: `changed(query)` is told of each change.
    static bind(url, changed) {
      const params = new URLSearchParams(url.search);
      params.#url = changed;
      return params;
    }
    static refresh(params, query) {
      params.#read(query.replace(/^\?/, ''));
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([text(name), text(value)]);
      this.#changed();
    }
    delete(name, value) {
      this.#pairs = this.#pairs.filter(([key, known]) => key !== text(name) || (value !== undefined && known !== text(value)));
      this.#changed();
    }
    get(name) {
      const found = this.#pairs.find(([key]) => key === text(name));
      return found === undefined ? null : found[1];
    }
    getAll(name) {
      return this.#pairs.filter(([key]) => key === text(name)).map(([, value]) => value);
    }
    has(name, value) {
      return this.#pairs.some(([key, known]) => key === text(name) && (value === undefined || known === text(value)));
    }
    set(name, value) {
      const key = text(name);
      const index = this.#pairs.findIndex((pair) => pair[0] === key);
      if (index < 0) this.#pairs.push([key, text(value)]);
      else {
        this.#pairs[index][1] = text(value);
        this.#pairs = this.#pairs.filter((pair, at) => at <= index || pair[0] !== key);
      }
      this.#changed();
    }
    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed();
    }
    forEach(callback, receiver) {
      for (const [name, value] of this.#pairs) callback.call(receiver, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return host.serializeForm(this.#pairs.flat());
    }
    get [Symbol.toStringTag]() {
      return 'URLSearchParams';
    }
  }
  const { bind, refresh } = URLSearchParams;
  delete URLSearchParams.bind;
  delete URLSearchParams.refresh;

  const parse = (url, base) => host.parseUrl(text(url), base === undefined ? undefined : text(base));

  class URL {
    #parts;
    #params;

    constructor(url, base) {
      const parts = parse(url, base);
      if (parts == null) {
        throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: text(url) });
      }
      this.#parts = parts;
    }
    static canParse(url, base) {
      return parse(url, base) != null;
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    // Reads and writes parts for the accessors that are defined below.
    static part(url, index) {
      return url.#parts[index];
    }
    static change(url, name, value) {
      const parts = name === 'href' ? parse(value) : host.setUrl(url.#parts[0], name, text(value));
      if (parts == null) {
        throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: text(value) });
      }
      url.#parts = parts;
      if (url.#params !== undefined) refresh(url.#params, parts[9]);
    }
    get searchParams() {
      this.#params ??= bind(this, (query) => {
        this.#parts = host.setUrl(this.#parts[0], 'search', query);
      });
      return this.#params;
    }
    toString() {
      return this.#parts[0];
    }
    toJSON() {
      return this.#parts[0];
    }
    get [Symbol.toStringTag]() {
      return 'URL';
    }
  }
  const { part, change } = URL;
  delete URL.part;
  delete URL.change;
  NAMES.forEach((name, index) => {
    Object.defineProperty(URL.prototype, name, {
      get() {
        return part(this, index);
      },
      set: name === 'origin' ? undefined : function (value) {
        change(this, name, value);
      },
      enumerable: true,
      configurable: true,
    });
  });
  return { URL, URLSearchParams };
});
