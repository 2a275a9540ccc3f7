//! Entries of a tar, with what the headers before them say.

use std::io::{self, Read};

use tar::EntryType;

use crate::{Limits, PackageError, metered::Verdict, path, pax};

/// Longest extended header, in bytes.
const EXTENDED_MAX: u64 = 64 * 1024;

/// A file or a folder.
pub(crate) struct Entry<'a, R: Read> {
    /// Normalised path; empty for the root.
    pub(crate) path: String,
    /// Whether the entry is a folder.
    pub(crate) is_folder: bool,
    /// In bytes.
    pub(crate) size: u64,
    data: tar::Entry<'a, R>,
}

/// Walks through a tar.
pub(crate) struct Entries<'a, R: Read> {
    raw: tar::Entries<'a, R>,
    limits: &'a Limits,
    verdict: Verdict,
    /// Headers read, those of names included.
    headers: usize,
    /// Files and folders read.
    count: usize,
}

/// What came before an entry and belongs to it.
#[derive(Default)]
struct Pending {
    long_name: Option<Vec<u8>>,
    extended: Option<pax::Extended>,
}

// === impl Entries ===

impl<'a, R: Read> Entries<'a, R> {
    pub(crate) fn new(
        archive: &'a mut tar::Archive<R>,
        limits: &'a Limits,
        verdict: Verdict,
    ) -> Result<Self, PackageError> {
        let entries = archive.entries().map_err(|error| verdict.explain(error))?;
        Ok(Self {
            raw: entries.raw(true),
            limits,
            verdict,
            headers: 0,
            count: 0,
        })
    }

    /// The next file or folder.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'a, R>>, PackageError> {
        let mut pending = Pending::default();
        while let Some(raw) = self.raw.next() {
            let mut data = raw.map_err(|error| self.verdict.explain(error))?;
            self.headers += 1;
            // One extended header and one long name for each entry are the most that is useful.
            if self.headers > self.limits.entries.saturating_mul(3) {
                return Err(PackageError::TooManyEntries {
                    limit: self.limits.entries,
                });
            }
            match data.header().entry_type() {
                EntryType::XHeader => {
                    let extended = pax::parse(&self.metadata(&mut data, EXTENDED_MAX)?)?;
                    once(&mut pending.extended, extended)?;
                }
                EntryType::XGlobalHeader => {
                    if pax::parse(&self.metadata(&mut data, EXTENDED_MAX)?)?
                        != pax::Extended::default()
                    {
                        return Err(PackageError::Header("a global pax header names a file"));
                    }
                }
                EntryType::GNULongName => {
                    let limit = self.limits.path_bytes as u64 + 1;
                    let mut name = self.metadata(&mut data, limit)?;
                    if name.last() == Some(&0) {
                        name.pop();
                    }
                    once(&mut pending.long_name, name)?;
                }
                kind => return self.entry(data, kind, pending).map(Some),
            }
        }
        if pending.long_name.is_some() || pending.extended.is_some() {
            return Err(PackageError::Header("a name without an entry"));
        }
        Ok(None)
    }

    fn entry(
        &mut self,
        data: tar::Entry<'a, R>,
        kind: EntryType,
        pending: Pending,
    ) -> Result<Entry<'a, R>, PackageError> {
        self.count += 1;
        if self.count > self.limits.entries {
            return Err(PackageError::TooManyEntries {
                limit: self.limits.entries,
            });
        }
        let extended = pending.extended.unwrap_or_default();
        let name = match (pending.long_name, extended.path) {
            (Some(_), Some(_)) => return Err(PackageError::Header("two names for one entry")),
            (Some(name), None) | (None, Some(name)) => name,
            (None, None) => data.header().path_bytes().into_owned(),
        };
        let is_sparse = extended.is_sparse || kind == EntryType::GNUSparse;
        if is_sparse || !matches!(kind, EntryType::Regular | EntryType::Directory) {
            let kind = if is_sparse {
                "sparse file"
            } else {
                kind_name(kind)
            };
            return Err(PackageError::EntryType {
                path: path::excerpt(&name),
                kind,
            });
        }
        let size = data.header().entry_size().map_err(PackageError::Tar)?;
        if extended.size.is_some_and(|other| other != size) {
            return Err(PackageError::Header("two sizes for one entry"));
        }
        let is_folder = kind == EntryType::Directory || name.ends_with(b"/");
        if is_folder && size > 0 {
            return Err(PackageError::Header("a folder with content"));
        }
        if size > self.limits.unpacked.as_u64() {
            return Err(PackageError::UnpackedTooLarge {
                limit: self.limits.unpacked,
            });
        }
        let path = path::normalise(&name, self.limits)?;
        Ok(Entry {
            path,
            is_folder,
            size,
            data,
        })
    }

    /// The content of a header that describes the next entry.
    fn metadata(&self, data: &mut tar::Entry<'a, R>, limit: u64) -> Result<Vec<u8>, PackageError> {
        let size = data.header().entry_size().map_err(PackageError::Tar)?;
        if size > limit {
            return Err(PackageError::Header(
                "a name or an extended header is too long",
            ));
        }
        content(data, size, &self.verdict)
    }
}

// === impl Entry ===

impl<R: Read> Entry<'_, R> {
    /// The whole content.
    pub(crate) fn content(mut self, verdict: &Verdict) -> Result<Vec<u8>, PackageError> {
        content(&mut self.data, self.size, verdict)
    }
}

fn content<R: Read>(
    data: &mut tar::Entry<'_, R>,
    size: u64,
    verdict: &Verdict,
) -> Result<Vec<u8>, PackageError> {
    /// What a header alone may make us reserve.
    const RESERVED_MAX: u64 = 1024 * 1024;
    let reserved = usize::try_from(size.min(RESERVED_MAX)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(reserved);
    data.read_to_end(&mut bytes)
        .map_err(|error| verdict.explain(error))?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(verdict.explain(io::ErrorKind::UnexpectedEof.into()))
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), PackageError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(PackageError::Header("two names for one entry")),
    }
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "hard link",
        EntryType::Symlink => "symlink",
        EntryType::Char => "character device",
        EntryType::Block => "block device",
        EntryType::Fifo => "fifo",
        EntryType::Continuous => "contiguous file",
        EntryType::GNULongLink => "long link",
        _ => "unknown",
    }
}
