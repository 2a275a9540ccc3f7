//! One HTTP node of the Ochre component registry.
//!
//! Reading order: [`app`] puts the parts together, [`routes`] is the table of URLs, [`render`] and
//! [`publish`] are the two paths. [`settings`] is everything that an operator can tune.

pub mod app;
pub mod assets;
pub mod auth;
pub mod base_url;
pub mod body;
pub mod browser_client;
pub mod cache_tags;
pub mod descriptors;
pub mod directory;
pub mod discovery;
pub mod drivers;
pub mod egress;
pub mod error;
pub mod events;
pub mod externals;
pub mod extract;
pub mod fallback;
pub mod lifecycle;
pub mod memory;
pub mod metrics;
pub mod middleware;
pub mod oc_client;
pub mod outage;
pub mod packs;
pub mod plugins;
pub mod public_path;
pub mod publish;
pub mod readiness;
pub mod release;
pub mod render;
pub mod routes;
pub mod samples;
pub mod served;
pub mod settings;
pub mod store_command;
pub mod tasks;
pub mod template_command;
pub mod ui;
pub mod write_gate;

mod answer;
mod assembly;
mod cookie;
mod etag;
mod handlers;
mod json_object;
mod server;
mod slow_reader;
mod unread;

pub use ochre_cdn_sync::{program, telemetry};
