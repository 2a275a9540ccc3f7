//! Ports for servers that are told theirs.

use std::{collections::BTreeSet, net::TcpListener, ops::Range, sync::Mutex};

use rand::RngExt as _;

/// Below those that the system gives to connections, so that a server can also come back to its own.
const PORTS: Range<u16> = 10_000..30_000;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port of the loopback address that nobody listens on, and that no other test was given.
pub fn free_port() -> u16 {
    loop {
        let port = rand::rng().random_range(PORTS);
        let is_new = GIVEN.lock().expect("not poisoned").insert(port);
        if is_new && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
