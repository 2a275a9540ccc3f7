// Which call JavaScript runs for, in memory shared with a second thread (`watcher.js`): a run that
// never ends cannot tell the registry whom to blame. Writing a frame for every run would cost more
// than most runs do.
(function (parts) {
  'use strict';
  const { require, source, settings, wire: { KINDS, frame } } = parts;
  const { Worker } = require('worker_threads');
  const process = require('process');
  const words = { CALL: 0, RUN: 1, TOLD: 2, LOCK: 3, ASLEEP: 4 };
  const { CALL, RUN, TOLD, LOCK, ASLEEP } = words;
  const shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(words).length));

  // `ready` is called when the second thread looks.
  function start(socket, ready) {
    const code = `const watch = ${source('watcher')} watch(require('worker_threads'), require('fs'), process);`;
    const mark = [...frame(KINDS.started, 0, '')];
    const memory = 0.75 * settings.memory;
    const workerData = { shared, words, socket, mark, parent: process.ppid, memory };
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };
    const worker = new Worker(code, { eval: true, env: {}, workerData, resourceLimits });
    worker.once('online', ready);
    // Without it nobody could be blamed: better a new process.
    worker.once('error', () => process.exit(1));
    worker.once('exit', () => process.exit(1));
  }

  function runs(call) {
    Atomics.store(shared, CALL, call);
    Atomics.add(shared, RUN, 1);
    if (Atomics.load(shared, ASLEEP) === 1) Atomics.notify(shared, ASLEEP);
  }

  // Nothing runs; answers whether the registry was told of the last run.
  function pauses() {
    Atomics.store(shared, CALL, 0);
    return Atomics.load(shared, TOLD) === Atomics.load(shared, RUN) && Atomics.load(shared, TOLD) !== 0;
  }

  // Only one thread writes to the socket at a time, and whole frames.
  function lock() {
    while (Atomics.compareExchange(shared, LOCK, 0, -1) !== 0);
  }

  function unlock() {
    Atomics.store(shared, LOCK, 0);
  }

  return { start, runs, pauses, lock, unlock };
});
