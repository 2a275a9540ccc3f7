// The component's side of the plugins: waits until they are registered, and gives `context.plugins`.
(function (host) {
  'use strict';
  const { peer } = host;
  const port = host.prelude('port')();
  port.connect(peer);
  peer.connect(port.side);
  const sharedOf = port.foreign(peer.shared);
  const ofComponent = peer.areAlike ? undefined : port.foreign(peer.ofComponent);
  const waiting = new Set();
  let isDone = false;
  let failure;
  let shared;

  peer.whenDone((error) => {
    isDone = true;
    failure = error;
    for (const id of waiting) host.proceed(id);
    waiting.clear();
  });

  return {
    // Whether a call can start; else it is started again when it can.
    admits(id) {
      if (!isDone) waiting.add(id);
      return isDone;
    },
    waits: (id) => waiting.has(id),
    // A call that ended while it waited: plugins whose registration depended on it never get ready.
    forget(id) {
      if (waiting.delete(id)) host.discard();
    },
    // Fails a call whose plugins are not there, whether it uses them or not.
    check() {
      if (failure === undefined) return;
      host.discard();
      throw new Error(failure);
    },
    of(name, version) {
      shared ??= sharedOf();
      return { ...shared, ...ofComponent?.({ name, version }) };
    },
  };
});
