//! From HTTP to a use-case and back; nothing is decided here.

pub(crate) mod assets;
pub(crate) mod batch;
pub(crate) mod client_files;
pub(crate) mod component;
pub(crate) mod discovery;
pub(crate) mod events;
pub(crate) mod externals;
pub(crate) mod lifecycle;
pub(crate) mod operations;
pub(crate) mod pages;
pub(crate) mod publish;
