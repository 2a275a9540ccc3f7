// The data provider's side of a call: builds OC's `context`, settles each call once, and holds
// timers and requests to the registry. `host` is the native side; providers never see it.
(function (host) {
  'use strict';
  const calls = new Map();
  const timers = new Map();
  const requests = new Map();
  const streamSymbol = Symbol('stream');
  let processData;
  // Two realms of one isolate number their timers and requests, one odd and one even.
  let next = host.first;

  function number() {
    next += 2;
    return next;
  }

  // ---- settling -------------------------------------------------------------------------------

  function settle(call, error, data) {
    if (call.done) return;
    call.done = true;
    calls.delete(call.id);
    if (error || !data) return fail(call, error || new Error('data object is undefined'));
    if (call.rendered) return host.deliver(call.id, data);
    if (call.envelope !== undefined && isStreamed(data)) return stream(call, data);
    let text;
    try {
      text = JSON.stringify(data);
    } catch (reason) {
      if (host.outOfMemory()) return host.exhausted(call.id);
      return host.unserializable(call.id, String(host.prelude('json').explain(reason, data)));
    }
    host.answer(call.id, text === undefined ? 'null' : text);
  }

  // ---- streaming --------------------------------------------------------------------------------

  function isStreamed(data) {
    return Boolean(read(read(read(data, 'component'), 'props'), streamSymbol));
  }

  function stream(call, data) {
    const { id, envelope } = call;
    const answer = JSON.parse(envelope);
    try {
      delete data.component.props[streamSymbol];
    } catch (reason) {
      return host.unserializable(id, text(reason));
    }
    answer.data = data;
    let encoded;
    try {
      encoded = host.prelude('stream').encode(answer);
    } catch (reason) {
      if (host.outOfMemory()) return host.exhausted(id);
      return host.unstreamable(id, text(reason));
    }
    host.streamed(id, encoded.first);
    encoded
      .rest((line) => host.piece(id, line))
      .then(
        () => host.ended(id, undefined),
        (reason) => host.ended(id, text(reason)),
      );
  }

  function fail(call, error) {
    if (host.outOfMemory()) return host.exhausted(call.id);
    const code = read(error, 'code');
    if (call.first && code === 'DEPENDENCY_MISSING_FROM_REGISTRY') {
      return host.missing(call.id, [].concat(read(error, 'missing')).map(String));
    }
    let original;
    try {
      original = JSON.stringify(error);
    } catch (reason) {
      return host.unserializable(call.id, String(host.prelude('json').explain(reason, error)));
    }
    const message = read(error, 'message');
    const status = Number(text(read(error, 'status')));
    host.fail(
      call.id,
      message === undefined ? undefined : text(message),
      stackOf(error),
      original,
      Number.isNaN(status) ? 0 : status,
    );
  }

  function read(value, name) {
    try {
      return value == null ? undefined : value[name];
    } catch {
      return undefined;
    }
  }

  function text(value) {
    try {
      return String(value);
    } catch {
      return '';
    }
  }

  function stackOf(error) {
    const stack = read(error, 'stack');
    if (typeof stack !== 'string') return undefined;
    // V8's stacks begin with the error itself.
    if (host.isV8 || !(error instanceof Error)) return stack;
    return `${text(error)}\n${stack}`;
  }

  // An error that no caller of the provider could catch: of a timer, a floating promise, or of
  // handing the call over.
  function caught(id, error, thrown) {
    if (thrown && error !== null && (typeof error === 'object' || typeof error === 'function')) {
      try {
        error.domainThrown = true;
      } catch {
        // frozen
      }
    }
    settle(calls.get(id) ?? { id, done: false }, error);
  }

  // ---- requests to the registry -----------------------------------------------------------------

  // `send(id)` hands the request over; false means that the call has too many open.
  function request(send) {
    return new Promise((resolve, reject) => {
      const id = number();
      requests.set(id, { owner: host.current(), resolve, reject });
      if (send(id)) return;
      requests.delete(id);
      reject('too many requests to the registry');
    });
  }

  function resume(id, ok, value) {
    const waiting = requests.get(id);
    if (waiting === undefined) return;
    requests.delete(id);
    if (ok) waiting.resolve(value);
    else waiting.reject(value);
  }

  function lowerCased(headers) {
    const result = {};
    for (const name of Object.keys(headers || {})) result[name.toLowerCase()] = headers[name];
    return result;
  }

  function nested(items) {
    const wire = JSON.stringify(items);
    return request((id) => host.render(id, wire));
  }

  function renderComponent(name, options = {}) {
    if (!name) throw new Error("component's name is not valid");
    const item = {
      name: String(name),
      version: String(options.version || ''),
      parameters: options.parameters || {},
      headers: lowerCased(options.headers),
      ip: options.ip ? String(options.ip) : null,
    };
    return nested([item]).then(([result]) => {
      if (result.ok) return result.value;
      throw result.value;
    });
  }

  function renderComponents(components, options = {}) {
    if (!components || !components.length) throw new Error('components is not valid');
    const items = Array.from(components, (component) => ({
      name: String(component.name),
      version: String(component.version || ''),
      parameters: { ...options.parameters, ...component.parameters },
      headers: lowerCased(options.headers),
      ip: component.ip ? String(component.ip) : null,
    }));
    return nested(items).then((results) =>
      results.map((result) => (result.ok ? result.value : new Error(result.value))),
    );
  }

  // Promise without a callback as last argument, callback with one.
  function universal(work) {
    return function (...args) {
      if (typeof args[args.length - 1] !== 'function') return work(...args);
      const callback = args.pop();
      work(...args).then((value) => callback(null, value), callback);
    };
  }
  const renderOne = universal(renderComponent);
  const renderMany = universal(renderComponents);

  // ---- the context ------------------------------------------------------------------------------

  function languages(header) {
    const found = [];
    const ranges = String(header || '').match(/((([a-zA-Z]+(-[a-zA-Z0-9]+){0,2})|\*)(;q=[0-1](\.[0-9]+)?)?)*/g);
    for (const range of ranges) {
      if (!range) continue;
      const [tag, weight] = range.split(';');
      const parts = tag.split('-');
      const scripted = parts.length === 3;
      found.push({
        code: parts[0],
        script: scripted ? parts[1] : null,
        region: scripted ? parts[2] : parts[1],
        quality: weight ? parseFloat(weight.split('=')[1]) : 1,
      });
    }
    return found.sort((a, b) => b.quality - a.quality);
  }

  function contextOf(call, input) {
    const { params, nonFinite, acceptLanguage } = input;
    if (nonFinite) for (const name of Object.keys(nonFinite)) params[name] = Number(nonFinite[name]);
    let parsed;
    let plugins = plugged === undefined ? {} : undefined;
    return {
      action: input.action == null ? undefined : input.action,
      get acceptLanguage() {
        return (parsed ??= languages(acceptLanguage));
      },
      set acceptLanguage(value) {
        parsed = value;
      },
      baseUrl: input.baseUrl,
      env: input.env,
      params,
      get plugins() {
        return (plugins ??= plugged.of(input.name, input.version));
      },
      set plugins(value) {
        plugins = value;
      },
      renderComponent: renderOne,
      renderComponents: renderMany,
      requestHeaders: input.requestHeaders,
      requestIp: input.requestIp,
      setEmptyResponse: () => settle(call, null, { __oc_emptyResponse: true }),
      staticPath: input.staticPath,
      setHeader: (name, value) => {
        if (!(typeof name === 'string' && typeof value === 'string')) {
          throw 'context.setHeader parameters must be strings';
        }
        if (name && value) host.header(call.id, name.toLowerCase(), value);
      },
      setCookie: (name, value, options) => {
        if (typeof name !== 'string') throw 'context.setCookie parameters are not valid';
        host.cookie(call.id, name, JSON.stringify(value), JSON.stringify(options));
      },
      templates: input.templates,
      streamSymbol,
    };
  }

  // ---- entries that the native side calls -------------------------------------------------------

  // Runs after `server.js` was evaluated.
  function loaded() {
    processData = module.exports['data'] || exports['data'];
  }

  // Reports an error of evaluating `server.js`.
  function broken(id, error) {
    fail({ id, first: true }, error || new Error('data object is undefined'));
  }

  function start(id, input, rendered, first, envelope) {
    const call = { id, done: false, rendered, first, envelope, input };
    calls.set(id, call);
    if (plugged === undefined || plugged.admits(id)) begin(call);
  }

  // Starts a call that waited for the plugins.
  function proceed(id) {
    const call = calls.get(id);
    if (call !== undefined) begin(call);
  }

  // Whether a call has not begun yet, because plugins are being registered.
  const waits = (id) => plugged?.waits(id) ?? false;

  function begin(call) {
    try {
      plugged?.check();
      if (typeof processData !== 'function') throw new TypeError('processData is not a function');
      const returned = processData(contextOf(call, call.input), (error, data) => settle(call, error, data));
      answeredBy(call, returned);
    } catch (error) {
      settle(call, error);
    }
  }

  // A provider may also answer with what it returns. `undefined` counts only of a function that
  // names no callback: others return it while their callback is still to come.
  function answeredBy(call, returned) {
    const alone = processData.length === 1;
    const take = (value) => {
      if (value !== undefined || alone) settle(call, null, value);
    };
    if (returned !== null && typeof returned === 'object' && typeof returned.then === 'function') {
      returned.then(take, (error) => settle(call, error));
    } else if (alone && returned !== undefined) {
      take(returned);
    }
  }

  function forget(id) {
    calls.delete(id);
    plugged?.forget(id);
    for (const [key, timer] of timers) if (timer.owner === id) timers.delete(key);
    for (const [key, waiting] of requests) if (waiting.owner === id) requests.delete(key);
  }

  // ---- timers -----------------------------------------------------------------------------------

  class Timeout {
    #id;
    constructor(id) {
      this.#id = id;
    }
    ref() {
      return this;
    }
    unref() {
      return this;
    }
    hasRef() {
      return true;
    }
    refresh() {
      const timer = timers.get(this.#id);
      if (timer !== undefined) {
        host.clearTimer(this.#id);
        host.timer(this.#id, timer.delay);
      }
      return this;
    }
    close() {
      clearTimeout(this.#id);
      return this;
    }
    [Symbol.toPrimitive]() {
      return this.#id;
    }
  }

  function setTimeout(callback, delay, ...args) {
    if (typeof callback !== 'function') {
      throw Object.assign(new TypeError('The "callback" argument must be of type function.'), {
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    const id = number();
    const milliseconds = Number(delay);
    const wait = milliseconds >= 0 && milliseconds <= 2147483647 ? milliseconds : 1;
    if (!host.timer(id, wait)) throw new RangeError('too many timers');
    timers.set(id, { owner: host.current(), callback, args, delay: wait });
    return new Timeout(id);
  }

  function clearTimeout(timer) {
    if (timer == null) return;
    const id = Number(timer);
    if (timers.delete(id)) host.clearTimer(id);
  }

  function fire(id) {
    const timer = timers.get(id);
    if (timer === undefined) return;
    timers.delete(id);
    timer.callback(...timer.args);
  }

  // ---- globals ----------------------------------------------------------------------------------

  function require(path) {
    const found = host.require?.(String(path));
    if (found !== undefined) return found.exports;
    throw { code: 'DEPENDENCY_MISSING_FROM_REGISTRY', missing: [path] };
  }

  function consoleOf() {
    const names =
      'log warn dir time timeEnd timeLog trace assert clear count countReset group groupCollapsed groupEnd table ' +
      'debug info dirxml error profile profileEnd timeStamp';
    const result = {};
    for (const name of names.split(' ')) {
      const level = ['log', 'warn', 'trace', 'debug', 'info', 'error', 'dir'].includes(name) ? name : undefined;
      result[name] =
        host.console === undefined || level === undefined ? () => {} : (...args) => host.console(level, args.map(shown).join(' '));
    }
    return result;
  }

  function shown(value) {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return stackOf(value);
    try {
      return JSON.stringify(value) ?? String(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }

  const own = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
  const preludes = new Map();
  const prelude = (file) => {
    if (!preludes.has(file)) preludes.set(file, host.prelude(file)(host, { prelude, request, setTimeout, clearTimeout }));
    return preludes.get(file);
  };
  const lazy = (file, name) =>
    Object.defineProperty(globalThis, name, {
      get() {
        const value = prelude(file)[name];
        own(name, value);
        return value;
      },
      set(value) {
        own(name, value);
      },
      enumerable: true,
      configurable: true,
    });

  own('require', require);
  own('module', { exports: {} });
  own('exports', {});
  own('console', consoleOf());
  own('setTimeout', setTimeout);
  own('clearTimeout', clearTimeout);
  lazy('buffer', 'Buffer');
  own('Error', Error);
  lazy('abort', 'AbortController');
  lazy('abort', 'AbortSignal');
  own('Promise', Promise);
  own('Date', Date);
  own('Symbol', Symbol);
  own('eval', undefined);
  lazy('url', 'URL');
  lazy('url', 'URLSearchParams');
  lazy('crypto', 'crypto');
  lazy('fetch', 'fetch');
  own('process', { env: JSON.parse(host.environment) });

  const plugged = host.peer === undefined ? undefined : host.prelude('plugged')(host);

  return { loaded, broken, start, proceed, waits, caught, resume, fire, forget };
});
