//! The manifest as one file to keep elsewhere: every version with its state, every channel.
//!
//! `ochre-backup/1 <SHA-256 of the rest, 64 digits>\n`, then one zstd frame of JSON lines: what the
//! backup holds, then one line for each component. The manifests of OC are exports of the same and
//! are written again from it; the releases themselves are not in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    sync::Arc,
};

use bytes::Bytes;
use ochre_model::{ComponentId, ComponentName, Version};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use crate::{
    catalog::{Channels, ComponentVersions, Components, VersionSummary},
    digest::Digest,
    source::ReadError,
    store::ComponentStore,
};

/// Begins every backup of the format written here.
const MAGIC: &str = "ochre-backup/1 ";

/// Begins a backup of any format.
const MAGIC_ANY: &[u8] = b"ochre-backup/";

/// zstd level: the one that costs little.
const LEVEL: i32 = 3;

/// Longest text of a backup, unpacked: more than an index may have.
const TEXT_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// The manifest of a store at one moment.
#[derive(Clone, Debug)]
pub struct Backup {
    head: Head,
    components: Components,
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    /// When it was made: milliseconds since 1970.
    made: u64,
    generation: u64,
    components: usize,
    versions: usize,
}

/// The line of one component.
#[derive(Deserialize)]
struct Line {
    name: ComponentName,
    versions: BTreeMap<Version, VersionSummary>,
    #[serde(default)]
    channels: Channels,
}

#[derive(Serialize)]
struct LineRef<'a> {
    name: &'a ComponentName,
    versions: BTreeMap<&'a Version, &'a VersionSummary>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    channels: BTreeMap<&'a ochre_model::ChannelName, &'a crate::Channel>,
}

/// The bytes are no backup that can be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something else.
    #[error("file is no backup of a manifest")]
    NoBackup,
    /// A newer Ochre wrote it.
    #[error("backup has an unknown format: run the release of Ochre that wrote it")]
    UnknownFormat,
    /// It is not what was written.
    #[error("backup is damaged")]
    Damaged,
    /// Its text cannot be packed, unpacked or understood.
    #[error("text of the backup cannot be read or written")]
    Text(#[source] std::io::Error),
}

/// A backup that was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The store cannot be read or written.
    #[error("store cannot be read or written")]
    Store(#[from] ReadError),
    /// The store does not hold what the backup lists.
    #[error(
        "store has nothing of {0} versions that the backup lists: bring their files back first"
    )]
    Unsupported(usize),
}

/// What restoring a backup comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestorePlan {
    /// Versions in the backup.
    pub versions: usize,
    /// Versions that the store's catalog does not list yet.
    pub listed: BTreeSet<ComponentId>,
    /// Components of which states or channels in the backup are later than those in the catalog.
    pub updated: BTreeSet<String>,
    /// Versions of which the store has nothing: they are not restored.
    pub unsupported: BTreeSet<ComponentId>,
    #[serde(skip)]
    components: Components,
}

// === impl Backup ===

impl Backup {
    /// The file to keep.
    ///
    /// # Errors
    ///
    /// [`BackupError::Text`].
    pub fn to_bytes(&self) -> Result<Bytes, BackupError> {
        let mut encoder =
            zstd::stream::Encoder::new(Vec::new(), LEVEL).map_err(BackupError::Text)?;
        write_line(&mut encoder, &self.head)?;
        for (name, versions) in self.components.iter() {
            let line = LineRef {
                name,
                versions: versions.iter().collect(),
                channels: versions.known_channels().collect(),
            };
            write_line(&mut encoder, &line)?;
        }
        let text = encoder.finish().map_err(BackupError::Text)?;
        let mut bytes = format!("{MAGIC}{}\n", Digest::of(&text)).into_bytes();
        bytes.extend_from_slice(&text);
        Ok(bytes.into())
    }

    /// Reads a file that [`Backup::to_bytes`] has made, and checks it against its digest.
    ///
    /// # Errors
    ///
    /// [`BackupError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BackupError> {
        let Some(rest) = bytes.strip_prefix(MAGIC.as_bytes()) else {
            return Err(if bytes.starts_with(MAGIC_ANY) {
                BackupError::UnknownFormat
            } else {
                BackupError::NoBackup
            });
        };
        let (digest, text) = rest.split_at_checked(64).ok_or(BackupError::Damaged)?;
        let text = text.strip_prefix(b"\n").ok_or(BackupError::Damaged)?;
        if digest != Digest::of(text).to_string().as_bytes() {
            return Err(BackupError::Damaged);
        }
        let decoder = zstd::stream::Decoder::new(text).map_err(BackupError::Text)?;
        let mut lines = BufReader::new(decoder.take(TEXT_MAX)).lines();
        let mut next = || lines.next().transpose().map_err(BackupError::Text);
        let head: Head = parse_line(&next()?.ok_or(BackupError::Damaged)?)?;
        let mut components = Vec::new();
        while let Some(line) = next()? {
            let line: Line = parse_line(&line)?;
            let mut versions: ComponentVersions = line.versions.into_iter().collect();
            versions.join_channels(&line.channels);
            components.push((line.name, Arc::new(versions)));
        }
        let components: Components = components.into_iter().collect();
        if (components.len(), components.version_count()) != (head.components, head.versions) {
            return Err(BackupError::Damaged);
        }
        Ok(Self { head, components })
    }

    /// When it was made: milliseconds since 1970.
    pub fn made(&self) -> u64 {
        self.head.made
    }

    /// Number of the index write that it holds.
    pub fn generation(&self) -> u64 {
        self.head.generation
    }

    /// How many components it lists.
    pub fn component_count(&self) -> usize {
        self.head.components
    }

    /// How many versions it lists.
    pub fn version_count(&self) -> usize {
        self.head.versions
    }
}

// === impl ComponentStore ===

impl ComponentStore {
    /// Takes the manifest as it is now: what a node that starts now would list.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; also when a manifest is damaged or gone, which would make a backup of less
    /// than there is.
    #[instrument(skip_all)]
    pub async fn backup(&self) -> Result<Backup, ReadError> {
        let read = self.read_catalog(None).await?;
        let broken = read
            .alerts
            .iter()
            .find(|alert| !matches!(alert, crate::CatalogAlert::WithoutFiles(_)));
        if let Some(alert) = broken {
            return Err(ReadError::Malformed {
                path: "the manifest".to_owned(),
                source: Arc::new(alert.clone()),
            });
        }
        let catalog = read.snapshot.unwrap_or_default();
        let head = Head {
            made: self.inner.clock.now_ms(),
            generation: catalog.revision.generation,
            components: catalog.components.len(),
            versions: catalog.components.version_count(),
        };
        Ok(Backup {
            head,
            components: catalog.components,
        })
    }

    /// Compares a backup with what the store holds and lists.
    ///
    /// Lists the whole store.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the store cannot be read.
    #[instrument(skip_all)]
    pub async fn plan_restore(&self, backup: &Backup) -> Result<RestorePlan, ReadError> {
        let held = self.inner.list_releases().await?;
        let catalog = self.read_catalog(None).await?.snapshot.unwrap_or_default();
        let mut plan = RestorePlan {
            versions: backup.version_count(),
            ..RestorePlan::default()
        };
        for (name, versions) in backup.components.iter() {
            let supported = |version: &Version| {
                held.contains_key(&ComponentId {
                    name: name.clone(),
                    version: version.clone(),
                })
            };
            let (kept, gone) = versions.partition(supported);
            plan.unsupported
                .extend(gone.into_iter().map(|version| ComponentId {
                    name: name.clone(),
                    version,
                }));
            if !kept.versions().is_empty() {
                plan.components.set(name.clone(), Arc::new(kept));
            }
        }
        let mut after = catalog.components.clone();
        after.merge(&plan.components);
        for (name, before, after) in Components::differences(&catalog.components, &after) {
            let Some(after) = after else { continue };
            let known = |version: &Version| before.is_some_and(|before| before.contains(version));
            let added = after.versions().iter().filter(|version| !known(version));
            let listed = plan.listed.len();
            plan.listed.extend(added.map(|version| ComponentId {
                name: name.clone(),
                version: version.clone(),
            }));
            if plan.listed.len() == listed && before != Some(after) {
                plan.updated.insert(name.to_string());
            }
        }
        Ok(plan)
    }

    /// Lists everything that a plan can restore, beside what is listed now: no version, state or
    /// channel that is later in the catalog is changed, and nothing is taken away.
    ///
    /// # Errors
    ///
    /// [`RestoreError::Unsupported`] when the store lacks versions of the backup, unless they are
    /// to be passed over; [`RestoreError::Store`].
    #[instrument(skip_all)]
    pub async fn restore(
        &self,
        plan: &RestorePlan,
        pass_over_unsupported: bool,
    ) -> Result<(), RestoreError> {
        if !plan.unsupported.is_empty() && !pass_over_unsupported {
            return Err(RestoreError::Unsupported(plan.unsupported.len()));
        }
        let written = self.inner.index.rebuild(&plan.components).await;
        written.map_err(ReadError::from)?;
        Ok(())
    }
}

fn write_line(to: &mut impl std::io::Write, line: &impl Serialize) -> Result<(), BackupError> {
    let text = serde_json::to_vec(line).map_err(|error| BackupError::Text(error.into()))?;
    to.write_all(&text).map_err(BackupError::Text)?;
    to.write_all(b"\n").map_err(BackupError::Text)
}

fn parse_line<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, BackupError> {
    serde_json::from_str(line).map_err(|error| BackupError::Text(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> Backup {
        let components = Components::of_changes(&[
            r#"{"add":{"id":"a@1.0.0","details":{"publishDate":5}}}"#,
            r#"{"add":{"id":"b@2.0.0","details":{}}}"#,
            r#"{"state":{"id":"a@1.0.0","status":{"state":"deprecated","note":"old","at":4}}}"#,
            r#"{"channel":{"name":"a","channel":"stable","version":"1.0.0","at":5}}"#,
            r#"{"channel":{"name":"a","channel":"next","at":6}}"#,
        ]);
        let head = Head {
            made: 9,
            generation: 3,
            components: 2,
            versions: 2,
        };
        Backup { head, components }
    }

    #[test]
    fn a_backup_is_read_as_it_was_written() {
        let bytes = backup().to_bytes().unwrap();
        let read = Backup::parse(&bytes).unwrap();
        assert_eq!(read.head, backup().head);
        assert_eq!(read.components, backup().components);
    }

    #[test]
    fn damage_and_other_files_are_refused() {
        let bytes = backup().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(Backup::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        for at in MAGIC.len()..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1;
            assert!(
                matches!(Backup::parse(&damaged), Err(BackupError::Damaged)),
                "{at}"
            );
        }
        assert!(matches!(
            Backup::parse(b"ochre-backup/2 x"),
            Err(BackupError::UnknownFormat)
        ));
        assert!(matches!(Backup::parse(b"{}"), Err(BackupError::NoBackup)));
    }
}
