//! Several nodes on one store.
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod crash;
mod publish;
