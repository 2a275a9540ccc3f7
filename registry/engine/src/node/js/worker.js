// A worker process of the registry: takes calls from the socket, runs them, answers.
(function (parts) {
  'use strict';
  const { require, wire, watch, memory, call: { Call }, release: { Release } } = parts;
  const { AsyncLocalStorage } = require('async_hooks');
  const { Buffer } = require('buffer');
  const net = require('net');
  const process = require('process');
  const { KINDS, Reader, frame, json } = wire;
  const SOCKET = 0;
  const PROTOCOL = 1;
  const current = new AsyncLocalStorage();
  const programs = new Map();
  const calls = new Map();
  const requests = new Map();
  let socket;
  let lastRequest = 0;
  let out = [];
  let flushing = false;
  let running;
  // Writes that have not reached the socket whole.
  let writing = 0;

  // ---- what goes out ----------------------------------------------------------------------------

  function send(bytes) {
    out.push(bytes);
    flushSoon();
  }

  function flushSoon() {
    if (flushing) return;
    setImmediate(flush);
    flushing = true;
  }

  // One write for everything that came up since the last one.
  function flush() {
    flushing = false;
    running?.left();
    running = undefined;
    if (watch.pauses()) out.push(frame(KINDS.paused, 0, ''));
    write();
    memory.tidy(programs.values());
  }

  function write() {
    if (out.length === 0) return;
    const bytes = out.length === 1 ? out[0] : Buffer.concat(out);
    out = [];
    if (writing === 0) watch.lock();
    writing += 1;
    socket.write(bytes, written);
  }

  // The other thread may write once nothing of a frame is left here.
  function written() {
    writing -= 1;
    if (writing === 0) watch.unlock();
  }

  function done(call, header, body) {
    call.isAnswered = true;
    header.cpu = Math.round(call.milliseconds * 1000);
    // It may still have timers and ask for something: `ended` tells when it will not any more.
    call.isToldOpen = call.isOpen;
    if (call.isToldOpen) header.open = true;
    if (call.headers.size > 0) header.headers = [...call.headers];
    if (call.cookies.length > 0) header.cookies = call.cookies;
    send(frame(KINDS.done, call.id, json(header), body));
    call.release.settled(call);
  }

  function fail(call, failure) {
    if (call === undefined || call.isAnswered) return;
    done(call, { failure: call.overflow === undefined ? failure : { kind: 'tooLarge', detail: call.overflow } });
  }

  // The call was not carried out.
  function refuse(call, refused) {
    if (!call.isAnswered) done(call, { refused });
  }

  function answer(call, kind, text) {
    if (call === undefined || call.isAnswered) return;
    const bytes = text === undefined ? 0 : Buffer.byteLength(text);
    const allowed = call.limits.outputBytes;
    if (call.overflow !== undefined) fail(call);
    else if (bytes > allowed) fail(call, { kind: 'tooLarge', detail: `output of ${bytes} bytes, ${allowed} are allowed` });
    else done(call, { answer: kind }, text);
  }

  // Begins a stream; `text` is its first piece, or the error if there is nothing to stream.
  function stream(call, kind, text) {
    if (call === undefined || call.isAnswered) return;
    const allowed = call.limits.outputBytes;
    const bytes = Buffer.byteLength(text);
    if (call.overflow !== undefined || bytes > allowed) return answer(call, 'model', text);
    call.isStreaming = true;
    done(call, { answer: kind });
    piece(call, text);
  }

  function piece(call, text) {
    if (call === undefined || !call.isStreaming) return;
    if (call.mayStream(Buffer.byteLength(text))) send(frame(KINDS.chunk, call.id, '', text));
    else endStream(call, `Error: output is longer than ${call.limits.outputBytes} bytes`);
  }

  function endStream(call, error) {
    if (call === undefined || !call.isStreaming) return;
    if (error !== undefined) send(frame(KINDS.chunk, call.id, '', error));
    send(frame(KINDS.chunk, call.id, ''));
    call.isStreaming = false;
    call.release.settled(call);
  }

  function ask(call, request, header, body) {
    lastRequest = (lastRequest % 0xffffffff) + 1;
    requests.set(lastRequest, { call, request });
    send(frame(KINDS.host, lastRequest, header, body));
  }

  // ---- what comes in ----------------------------------------------------------------------------

  function load({ id, header }) {
    programs.set(id, new Release(JSON.parse(header), tools));
  }

  function begin({ id, header, bytes }) {
    const begin = JSON.parse(header);
    const release = programs.get(begin.program);
    const call = new Call(id, begin, release);
    calls.set(id, call);
    const end = bytes.length - (begin.envelope ?? 0);
    const envelope = begin.envelope === undefined ? undefined : bytes.utf8Slice(end);
    release.begin(call, bytes.utf8Slice(0, end), envelope);
  }

  function reply({ id, header, bytes }) {
    const waiting = requests.get(id);
    if (waiting === undefined) return;
    requests.delete(id);
    const { call, request } = waiting;
    const { kind, results, message, statusText, ...rest } = JSON.parse(header);
    if (kind === 'rendered') call.release.resume(call, request, true, json(rendered(results, bytes)));
    else if (kind === 'rejected') call.release.resume(call, request, false, message);
    else call.release.resumeFetch(call, request, { ...rest, statusText }, bytes);
  }

  function rendered(results, bytes) {
    let at = 0;
    return results.map((result) => {
      if (result.html === undefined) return { ok: false, value: result.error };
      at += result.html;
      return { ok: true, value: bytes.utf8Slice(at - result.html, at) };
    });
  }

  function cancel({ id }) {
    const call = calls.get(id);
    if (call !== undefined) call.release.cancel(call);
  }

  const handlers = {
    [KINDS.load]: load,
    [KINDS.call]: begin,
    [KINDS.reply]: reply,
    [KINDS.cancel]: cancel,
    [KINDS.forget]: ({ id }) => programs.delete(id),
  };

  // ---- what programs may do -----------------------------------------------------------------------

  const tools = {
    answer,
    fail,
    refuse,
    stream,
    piece,
    endStream,
    ask,
    tell: (call, header) => send(frame(KINDS.host, 0, json(header))),
    // Nothing more comes of a call.
    ended(call) {
      calls.delete(call.id);
      call.isAnswered = true;
      call.isStreaming = false;
      if (call.isToldOpen) send(frame(KINDS.end, call.id, ''));
      if (!call.wasOpen) return;
      for (const [id, waiting] of requests) if (waiting.call === call) requests.delete(id);
    },
    current: () => current.getStore(),
    run(call, work) {
      if (running !== call) running?.left();
      running = call;
      call.entered();
      watch.runs(call.id);
      flushSoon();
      current.run(call, work);
    },
  };

  function caught(error, isThrown, promise) {
    const call = current.getStore();
    if (call !== undefined) call.release.caught(call, error, isThrown, promise);
    // Writing the stack of a component's error would run its code with what is ours.
    else if (error instanceof Error) process.stderr.write(`error of no call: ${error.stack}\n`);
    else process.stderr.write('error of no call, of a component\n');
  }

  function run() {
    process.on('unhandledRejection', (reason, promise) => caught(reason, false, promise));
    process.on('uncaughtException', (error) => caught(error, true));
    const reader = new Reader();
    socket = new net.Socket({ fd: SOCKET, readable: true, writable: true });
    socket.on('data', (chunk) => {
      // Each in a turn of its own, so that what one call leaves to run is run before the next.
      for (const read of reader.frames(chunk)) setImmediate(handlers[read.kind], read);
    });
    socket.on('error', () => process.exit(0));
    socket.on('close', () => process.exit(0));
    watch.start(SOCKET, () => send(frame(KINDS.ready, 0, json({ protocol: PROTOCOL }))));
  }

  return { run };
});
