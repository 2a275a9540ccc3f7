//! Executes the JavaScript of components.
//!
//! Read [`driver`] first: the one trait through which the registry runs data providers and views.
//! [`quickjs`] is the embedded implementation, [`node`] the one in processes of Node, [`router`]
//! decides which of several drivers executes a program, [`template`] holds what renders each
//! template type, [`script`] the source texts,
//! [`plugin`] what an operator adds, [`stream`] answers told piece by piece. [`pool`] keeps worker
//! processes and talks to them in [`frame`]s; [`worker`] is their inside. `contract` (feature
//! `testing`) is the suite that every driver passes.
//!
//! Nothing here knows HTTP, the store or the catalog: what a running component may ask of the
//! registry comes as [`driver::HostCalls`].

mod affinity;
pub mod conduct;
#[cfg(feature = "testing")]
pub mod contract;
pub mod driver;
pub mod frame;
pub mod node;
pub mod plugin;
pub mod pool;
pub mod quickjs;
pub mod router;
pub mod script;
mod serial;
pub mod stream;
pub mod template;
pub mod worker;
