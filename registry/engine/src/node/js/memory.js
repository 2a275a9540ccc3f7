// Keeps the process below what it may hold: realms hold whatever their programs keep between calls,
// and those not used for longest are dropped.
(function (parts) {
  'use strict';
  const { require, settings } = parts;
  const { performance } = require('perf_hooks');
  const process = require('process');
  const v8 = require('v8');
  const vm = require('vm');
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  // Realms that are made from now on have none.
  v8.setFlagsFromString('--no-expose-gc');
  const BOUND = 0.6 * settings.memory;
  const INTERVAL = 20;
  // Collecting takes long: only what has grown since is worth it.
  const GROWTH = 0.1 * settings.memory;
  let next = 0;
  let floor = 0;

  const held = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };

  // Called where nothing runs; `programs`: every release, in any order.
  function tidy(programs) {
    const now = performance.now();
    if (now < next) return;
    next = now + INTERVAL;
    if (process.memoryUsage.rss() < BOUND || held() < floor + GROWTH) return;
    collect();
    if (held() > BOUND / 2) {
      const idle = [...programs].filter((release) => release.isIdle && release.isLoaded);
      idle.sort((one, other) => one.lastUsed - other.lastUsed);
      for (const release of idle.slice(0, Math.ceil(idle.length / 2))) release.unload();
      collect();
    }
    floor = held();
  }

  return { tidy };
});
