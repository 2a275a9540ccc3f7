//! Decompression that stops at its limits and remembers why.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, BufReader, Read},
    rc::Rc,
};

use flate2::bufread::GzDecoder;

use crate::{Limits, PackageError};

/// Bytes read ahead of the decompressor.
const BUFFER: usize = 16 * 1024;

/// The unpacked bytes of one gzip member. Every failure is an `io::Error`;
/// [`Verdict::explain`] tells what it was.
pub(crate) struct Metered<R> {
    decoder: GzDecoder<BufReader<Counted<R>>>,
    unpacked: u64,
    limits: Limits,
    verdict: Verdict,
}

/// Why reading stopped, shared with the one who reads through other types.
#[derive(Clone, Default)]
pub(crate) struct Verdict(Rc<RefCell<Option<Cause>>>);

enum Cause {
    Input(io::Error),
    Gzip,
    Refused(PackageError),
}

/// Counts packed bytes.
struct Counted<R> {
    archive: R,
    packed: Rc<Cell<u64>>,
    verdict: Verdict,
}

// === impl Metered ===

impl<R: Read> Metered<R> {
    pub(crate) fn new(archive: R, limits: &Limits) -> Self {
        let verdict = Verdict::default();
        let counted = Counted {
            archive,
            packed: Rc::default(),
            verdict: verdict.clone(),
        };
        Self {
            decoder: GzDecoder::new(BufReader::with_capacity(BUFFER, counted)),
            unpacked: 0,
            limits: limits.clone(),
            verdict,
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    /// Reads to the end: only zeros may be left of the tar, and nothing of the archive.
    pub(crate) fn finish(mut self) -> Result<(), PackageError> {
        let verdict = self.verdict();
        let mut rest = [0; 8 * 1024];
        loop {
            let read = self
                .read(&mut rest)
                .map_err(|error| verdict.explain(error))?;
            if read == 0 {
                break;
            }
            if rest[..read].iter().any(|byte| *byte != 0) {
                return Err(PackageError::TrailingData);
            }
        }
        let left = self
            .decoder
            .get_mut()
            .fill_buf()
            .map_err(|error| verdict.explain(error))?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(PackageError::TrailingData)
        }
    }

    fn check(&self) -> Result<(), PackageError> {
        if self.unpacked > self.limits.unpacked.as_u64() {
            return Err(PackageError::UnpackedTooLarge {
                limit: self.limits.unpacked,
            });
        }
        let packed = self.decoder.get_ref().get_ref().packed.get();
        let allowed = packed.saturating_mul(self.limits.ratio);
        if self.unpacked > self.limits.ratio_after.as_u64() && self.unpacked > allowed {
            return Err(PackageError::RatioTooHigh {
                limit: self.limits.ratio,
            });
        }
        Ok(())
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.verdict.set(Cause::Gzip);
            }
        })?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        if let Err(refused) = self.check() {
            self.verdict.set(Cause::Refused(refused));
            return Err(io::Error::other("limit passed"));
        }
        Ok(read)
    }
}

// === impl Counted ===

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.archive.read(buffer) {
            Ok(read) => {
                self.packed
                    .set(self.packed.get().saturating_add(read as u64));
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.verdict.set(Cause::Input(error));
                Err(kind.into())
            }
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// What `error`, met while reading the tar, really was.
    pub(crate) fn explain(&self, error: io::Error) -> PackageError {
        match self.0.take() {
            Some(Cause::Input(error)) => PackageError::Unreadable(error),
            Some(Cause::Gzip) => PackageError::Gzip(error),
            Some(Cause::Refused(refused)) => refused,
            None => PackageError::Tar(error),
        }
    }

    /// The first cause stays.
    fn set(&self, cause: Cause) {
        self.0.borrow_mut().get_or_insert(cause);
    }
}
