//! Everything of Ochre that touches the object store.
//!
//! Start with [`ComponentStore`]. What is published changes through [`Committer`] alone; what is
//! published is told by [`CatalogSnapshot`]. The layout of the store is in the private module
//! `key`, the release object that makes a version certain in `release`, the index and the manifests
//! that all registries share in `index` and `manifest`.
//!
//! Files that must stay private (`server.js`, `.env`) lie in the same bucket as public ones, as in
//! OpenComponents. Either a bucket policy denies them to the public, together with the whole
//! `.ochre` prefix, or every object has its own ACL ([`PublicAccess`], the private module `acl`), or
//! public files are copied to a container of their own ([`AzureSettings`]).

mod acl;
mod artifact;
mod backup;
mod catalog;
mod check;
mod commit;
mod compare_swap;
#[cfg(feature = "testing")]
pub mod contract;
mod digest;
mod failure;
#[cfg(feature = "testing")]
pub mod faulty;
mod index;
mod instrumented;
mod key;
mod manifest;
mod mirror;
mod objects;
mod open;
mod origin;
mod pending;
mod poll;
mod probe;
mod projection;
mod reconcile;
mod release;
mod repair;
mod retry;
mod settings;
mod source;
mod staging;
mod stats;
mod store;

pub use backup::{Backup, BackupError, RestoreError, RestorePlan};
pub use catalog::{
    Catalog, CatalogRevision, CatalogSnapshot, Channel, ComponentVersions, Target, VersionSummary,
};
pub use check::{CheckProgress, CheckReport, Problem, ProblemKind};
pub use commit::{CommitError, Committed, Committer, PublishRelease, StoreChange};
pub use digest::{Digest, DigestError, FileDigest};
pub use failure::FailureKind;
pub use index::{ChannelAction, EditRefusal, Expected, IndexEdit, IndexError};
pub use instrumented::StoreObserver;
pub use key::{KeyError, MediaType, PACKAGE_JSON, is_private, media_type};
pub use mirror::{CopyError, ReleaseCopy};
pub use objects::Medium;
pub use open::{OpenError, open_objects};
pub use poll::{CatalogAlert, CatalogRead};
pub use probe::ProbeError;
pub use reconcile::{ReconcileReport, ReconcileScope};
pub use repair::{RepairPlan, RepairReport};
pub use settings::{
    AzureSettings, Backend, GcsSettings, Place, PublicAccess, Secret, StoreSettings,
};
pub use source::{ReadError, ReleaseFiles};
pub use stats::{Amount, StoreStats};
pub use store::ComponentStore;
