// AbortController and AbortSignal, with as much of events as they need.
(function (host, tools) {
  'use strict';
  const { setTimeout } = tools;
  const token = {};

  class AbortError extends Error {
    constructor(name, message, code) {
      super(message);
      Object.defineProperty(this, 'name', { value: name, configurable: true });
      Object.defineProperty(this, 'code', { value: code, configurable: true });
    }
  }
  const aborted = () => new AbortError('AbortError', 'This operation was aborted', 20);

  class AbortSignal {
    #aborted = false;
    #reason;
    #listeners = [];
    onabort = null;

    constructor(key) {
      if (key !== token) throw new TypeError('Illegal constructor');
      Object.defineProperty(this, 'onabort', { enumerable: false });
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
    addEventListener(type, listener, options) {
      if (type !== 'abort' || listener == null) return;
      if (this.#listeners.some((known) => known.listener === listener)) return;
      this.#listeners.push({ listener, once: options === Object(options) && Boolean(options.once) });
    }
    removeEventListener(type, listener) {
      if (type === 'abort') this.#listeners = this.#listeners.filter((known) => known.listener !== listener);
    }
    dispatchEvent(event) {
      if (event.type !== 'abort') return true;
      for (const { listener, once } of [...this.#listeners]) {
        if (once) this.removeEventListener('abort', listener);
        if (typeof listener === 'function') listener.call(this, event);
        else listener.handleEvent(event);
      }
      if (typeof this.onabort === 'function') this.onabort(event);
      return true;
    }
    get [Symbol.toStringTag]() {
      return 'AbortSignal';
    }

    static abort(reason = aborted()) {
      const signal = new AbortSignal(token);
      abort(signal, reason);
      return signal;
    }
    static timeout(milliseconds) {
      const signal = new AbortSignal(token);
      const late = () => new AbortError('TimeoutError', 'The operation was aborted due to timeout', 23);
      setTimeout(() => abort(signal, late()), milliseconds);
      return signal;
    }
    static any(signals) {
      const result = new AbortSignal(token);
      for (const signal of signals) {
        if (signal.aborted) {
          abort(result, signal.reason);
          break;
        }
        signal.addEventListener('abort', () => abort(result, signal.reason));
      }
      return result;
    }
    static signal(signal, reason) {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      signal.dispatchEvent({ type: 'abort', target: signal, currentTarget: signal });
    }
  }
  const { signal: abort } = AbortSignal;
  delete AbortSignal.signal;

  class AbortController {
    #signal = new AbortSignal(token);
    get signal() {
      return this.#signal;
    }
    abort(reason = aborted()) {
      abort(this.#signal, reason);
    }
    get [Symbol.toStringTag]() {
      return 'AbortController';
    }
  }
  return { AbortController, AbortSignal };
});
