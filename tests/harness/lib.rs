//! Starts real processes for the black-box tests and talks to them over HTTP.
//!
//! Start with [`TestRegistry`]; [`TestPackage`] makes what is published to it, [`S3Server`] is
//! the object store of the tests that want one. Everything here fails the test that uses it
//! instead of returning errors: a harness has no other caller.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "the harness reports by failing the test"
)]

mod answer;
mod azurite;
mod bucket;
mod ceph;
mod compiled;
mod events;
mod fault_proxy;
mod files;
mod gcs;
mod history;
mod load_balancer;
mod mirror;
mod node_registry;
mod package;
mod port;
mod process;
mod raw;
mod redis;
mod registry;
mod relay;
mod s3;
mod step_proxy;
mod tools;
mod wait;

pub use answer::{Answer, http_client};
pub use azurite::Azurite;
pub use bucket::Bucket;
pub use ceph::Ceph;
pub use compiled::TEMPLATE_TYPES;
pub use events::{EventReader, SentEvent};
pub use fault_proxy::{Fault, FaultProxy};
pub use files::files_below;
pub use gcs::GcsFake;
pub use history::{
    Action, Asked, Event, Happening, History, Millis, Operation, Outcome, Rule, Violation,
};
pub use load_balancer::LoadBalancer;
pub use mirror::{MirrorRun, TestMirror};
pub use node_registry::NodeRegistry;
pub use package::{RawEntry, TestPackage, archive_of};
pub use port::free_port;
pub use process::Process;
pub use raw::RawConnection;
pub use redis::RedisServer;
pub use registry::{
    Surroundings, TestRegistry, TestStore, cli_binary, put_request, registry_binary,
};
pub use s3::S3Server;
pub use step_proxy::{Step, StepProxy};
pub use tar::EntryType;
pub use tools::{Tools, tests_folder};
pub use wait::{eventually, pass, within};
