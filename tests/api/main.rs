//! What one node answers over HTTP.
#![expect(clippy::expect_used, reason = "a test reports by failing")]

mod archive;
mod assets;
mod batch;
mod browser_client;
mod cli;
mod client;
mod consume;
mod credentials;
mod descriptors;
mod discovery;
mod fallback;
mod lifecycle;
mod node;
mod operation;
mod options;
mod other_clients;
mod pages;
mod plugins;
mod preview;
mod protocol;
mod publish;
mod settings;
mod templates;
mod upload;
mod validate;
