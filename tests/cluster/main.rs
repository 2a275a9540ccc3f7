//! Several nodes on one store.
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod acl;
mod chaos;
mod crash;
mod events;
mod late;
mod lifecycle;
mod manifests;
mod mirror;
mod publish;
mod replica;
mod rotation;
mod side_by_side;
mod steps;
mod store_faults;
mod takeover;
mod upgrade;
mod upkeep;
mod upload;
mod wakeup;
