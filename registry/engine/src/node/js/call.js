// One call: what it may still do, and what it brought so far. The registry checks the same bounds;
// here they keep a call from filling this process first.
(function (parts) {
  'use strict';
  const { require, wire } = parts;
  const { Buffer } = require('buffer');
  const { performance } = require('perf_hooks');
  const OPEN_MAX = 1000;
  const CLEARED_MAX = 16384;
  const HEADER_BYTES_MAX = 64 * 1024;
  const ERROR_LENGTH_MAX = 16 * 1024;
  const ORIGINAL_LENGTH_MAX = 64 * 1024;

  const shortened = (text) => {
    const well = text.length > ERROR_LENGTH_MAX ? text.slice(0, ERROR_LENGTH_MAX) : text;
    const bytes = Buffer.from(well);
    return bytes.length > ERROR_LENGTH_MAX ? bytes.utf8Slice(0, ERROR_LENGTH_MAX - 2).replace(/\ufffd+$/, '') : well;
  };

  // JSON text that a program wrote; nothing stays nothing, what nobody can read is null.
  const parsed = (text) => {
    if (text === undefined) return undefined;
    return wire.isDeep(text) ? null : JSON.parse(text);
  };

  class Call {
    // The answer was sent.
    isAnswered = false;
    // Nobody waits for the answer any more.
    isCancelled = false;
    // Its deadline came before its end.
    isLate = false;
    // Input and envelope, until the call begins.
    handed = undefined;
    // The answer said that more may come.
    isToldOpen = false;
    // Timers and requests that are open.
    open = 0;
    wasOpen = false;
    // The answer was begun, and pieces of it follow.
    isStreaming = false;
    headers = new Map();
    cookies = [];
    // What ends the call if it does not end by itself.
    expiry = undefined;
    // The first passed limit that fails the call whatever it answers.
    overflow = undefined;
    #milliseconds = 0;
    #enteredAt = undefined;
    #streamed = 0;
    #handedOver = 0;
    #fetches = 0;
    #cleared = 0;
    #headerBytes = 0;
    #cookieBytes = 0;

    constructor(id, begin, release) {
      this.id = id;
      this.task = begin.task;
      this.limits = begin.limits;
      this.renderId = begin.renderId;
      this.release = release;
    }

    get isOpen() {
      return this.open > 0 || this.isStreaming;
    }

    mayOpen() {
      if (this.open >= OPEN_MAX) return false;
      this.wasOpen = true;
      this.open += 1;
      return true;
    }

    closed() {
      this.open = Math.max(0, this.open - 1);
    }

    // Timers that are cleared in one run: a loop of them would never give the process back.
    mayClear() {
      this.#cleared += 1;
      return this.#cleared <= CLEARED_MAX;
    }

    // JavaScript runs for the call from now on, until another one or none is entered.
    entered() {
      this.#cleared = 0;
      this.#enteredAt ??= performance.now();
    }

    left() {
      this.#milliseconds = this.milliseconds;
      this.#enteredAt = undefined;
    }

    // Time that JavaScript ran so far.
    get milliseconds() {
      const run = this.#enteredAt === undefined ? 0 : performance.now() - this.#enteredAt;
      return this.#milliseconds + run;
    }

    mayHandOver(bytes) {
      this.#handedOver += bytes;
      return this.#handedOver <= this.limits.outputBytes;
    }

    mayStream(bytes) {
      this.#streamed += bytes;
      return this.#streamed <= this.limits.outputBytes;
    }

    mayFetch() {
      this.#fetches += 1;
      return this.#fetches <= this.limits.fetches;
    }

    setHeader(name, value) {
      if (this.overflow !== undefined) return;
      if (typeof name !== 'string' || typeof value !== 'string') throw new TypeError('header is no text');
      this.#headerBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
      this.headers.set(name, value);
      if (this.headers.size <= this.limits.headers && this.#headerBytes <= HEADER_BYTES_MAX) return;
      this.overflow = 'response headers';
      this.headers.clear();
    }

    setCookie(name, value, options) {
      if (this.overflow !== undefined) return;
      this.#cookieBytes += name.length + (value?.length ?? 0) + (options?.length ?? 0);
      this.cookies.push({ name, value: parsed(value), options: parsed(options) });
      if (this.cookies.length <= this.limits.headers && this.#cookieBytes <= HEADER_BYTES_MAX) return;
      this.overflow = 'cookies';
      this.cookies = [];
    }
  }

  function providerError(message, stack, original, status) {
    return {
      message: message === undefined ? undefined : shortened(message),
      stack: stack === undefined ? undefined : shortened(stack),
      original: original === undefined || original.length > ORIGINAL_LENGTH_MAX ? undefined : parsed(original),
      status: typeof status === 'number' && status !== 0 && Number.isFinite(status) ? status : undefined,
    };
  }

  return { Call, providerError, shortened, parsed };
});
