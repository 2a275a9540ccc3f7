//! Components and callers that mean harm: each may hurt only its own request.
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod caller;
mod provider;
mod sandbox;
mod worker;
