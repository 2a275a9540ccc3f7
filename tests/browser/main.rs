//! Pages and components in a real browser: headless Chromium, driven by the scripts in `specs/`.
//!
//! A test starts what its script needs and runs it: see [`script::Script`].
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod client;
mod pages;
mod script;
mod types;
