// The second thread of a worker process: looks at the shared memory of `watch.js` and tells the
// registry which call runs for long; ends the process when the registry is gone.
(function (thread, fs, process) {
  'use strict';
  const { workerData, threadId } = thread;
  const { shared, words, mark, socket, parent, memory } = workerData;
  const { CALL, RUN, TOLD, LOCK, ASLEEP } = words;
  const INTERVAL = 20;
  const IDLE_ROUNDS = 50;
  const frame = new Uint8Array(mark);
  const view = new DataView(frame.buffer);

  function tell(call, run) {
    if (Atomics.compareExchange(shared, LOCK, 0, threadId) !== 0) return;
    if (Atomics.load(shared, RUN) === run) {
      view.setUint32(5, call);
      try {
        fs.writeSync(socket, frame);
        Atomics.store(shared, TOLD, run);
      } catch {
        // the registry does not read just now: the next round tries again
      }
    }
    Atomics.store(shared, LOCK, 0);
  }

  let last = 0;
  let idle = 0;
  for (;;) {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
    if (idle > IDLE_ROUNDS) {
      Atomics.store(shared, ASLEEP, 1);
      Atomics.wait(shared, ASLEEP, 1, 1000);
      Atomics.store(shared, ASLEEP, 0);
    } else {
      Atomics.wait(shared, ASLEEP, 0, INTERVAL);
    }
    const call = Atomics.load(shared, CALL);
    const run = Atomics.load(shared, RUN);
    idle = call === 0 && run === last ? idle + 1 : 0;
    // A run that fills the memory is told at once: the process will not live to see another round.
    const isLong = run === last || process.memoryUsage.rss() > memory;
    if (call !== 0 && isLong && Atomics.load(shared, TOLD) !== run) tell(call, run);
    last = run;
  }
});
