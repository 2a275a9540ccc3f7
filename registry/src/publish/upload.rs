//! Receives the one file of a multipart upload into an unnamed temporary file, within limits.

use std::{fs::File, io, time::Duration};

use actix_multipart::{Field, Multipart, MultipartError};
use futures::StreamExt;
use ochre_model::Chain;
use tokio::{
    fs,
    io::{AsyncSeekExt, AsyncWriteExt},
    time::Instant,
};

use super::PublishFailure;
use crate::{error::ApiError, metrics::Metrics};

/// Content types of an archive, as the `oc` CLI and its users send them.
const TYPES: [&str; 2] = ["application/gzip", "application/octet-stream"];

/// Most parts that are no file.
const FIELDS_MAX: usize = 100;

/// Most bytes of a part that is no file.
const FIELD_MAX: u64 = 64 * 1024;

/// Slowest upload that is waited for, in bytes per second.
const RATE_MIN: u64 = 16 * 1024;

/// An archive received whole.
#[derive(Debug)]
pub struct Upload {
    /// Its bytes, from the start; the file has no name and goes when it is closed.
    pub file: File,
    /// Length in bytes.
    pub length: u64,
}

/// Limits of an upload.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Longest archive, in bytes.
    pub length: u64,
    /// Time that every upload has; one that makes progress has more.
    pub time: Duration,
}

/// What was received before the upload went wrong.
enum Part {
    Archive(Upload),
    Field,
    OtherFile,
}

/// Receives the archive of a publish.
///
/// # Errors
///
/// OC's `package is not valid` unless there is exactly one archive; 400, 408, 413 or 503 where the
/// upload itself cannot be received. Nothing is left on disk.
pub async fn receive(
    mut multipart: Multipart,
    limits: UploadLimits,
    metrics: &Metrics,
) -> Result<Result<Upload, PublishFailure>, ApiError> {
    let clock = Progress::start(limits.time);
    let mut archive = None;
    let mut files = 0_usize;
    let mut fields = 0_usize;
    let mut budget = limits.length;
    while let Some(field) = clock.in_time(0, multipart.next()).await? {
        let field = field.map_err(|error| malformed(&error, metrics))?;
        match part(field, &mut budget, (&clock, limits.length), metrics).await? {
            Part::Archive(upload) => {
                files += 1;
                archive = Some(upload);
            }
            Part::OtherFile => files += 2,
            Part::Field => fields += 1,
        }
        if fields > FIELDS_MAX {
            return Err(ApiError::bad_request(
                "too_many_fields",
                format!("upload has more than {FIELDS_MAX} fields; send one file"),
            ));
        }
    }
    Ok(match archive {
        Some(upload) if files == 1 => {
            metrics.upload_received(upload.length);
            Ok(upload)
        }
        _ => Err(PublishFailure::not_one_package()),
    })
}

async fn part(
    mut field: Field,
    budget: &mut u64,
    (clock, limit): (&Progress, u64),
    metrics: &Metrics,
) -> Result<Part, ApiError> {
    let file_name = field
        .content_disposition()
        .and_then(|disposition| disposition.get_filename())
        .map(String::from);
    let is_archive = file_name
        .as_deref()
        .is_some_and(|name| name.contains(".tar.gz"))
        && field
            .content_type()
            .is_some_and(|mime| TYPES.contains(&mime.essence_str()));
    let mut sink = if is_archive {
        Some(temporary_file().await?)
    } else {
        None
    };
    let allowed = if file_name.is_some() {
        *budget
    } else {
        FIELD_MAX
    };
    let mut length = 0_u64;
    while let Some(chunk) = clock.in_time(length, field.next()).await? {
        let chunk = chunk.map_err(|error| malformed(&error, metrics))?;
        length += chunk.len() as u64;
        if length > allowed {
            return Err(ApiError::too_large("upload", limit.min(allowed)));
        }
        if let Some(file) = &mut sink {
            file.write_all(&chunk).await.map_err(not_kept)?;
        }
    }
    *budget = budget.saturating_sub(length);
    match (sink, file_name) {
        (Some(mut file), _) => {
            // What the last write brought is told by the flush alone.
            file.flush().await.map_err(not_kept)?;
            file.rewind().await.map_err(not_kept)?;
            let file = file.into_std().await;
            Ok(Part::Archive(Upload { file, length }))
        }
        (None, Some(_)) => Ok(Part::OtherFile),
        (None, None) => Ok(Part::Field),
    }
}

/// A file without a name: whatever happens to this process, nothing is left of it.
async fn temporary_file() -> Result<fs::File, ApiError> {
    let created = tokio::task::spawn_blocking(tempfile::tempfile).await;
    let file = created
        .map_err(io::Error::other)
        .and_then(|file| file)
        .map_err(not_kept)?;
    Ok(fs::File::from_std(file))
}

fn not_kept(error: io::Error) -> ApiError {
    tracing::error!(error = %Chain(&error), "upload could not be kept in a temporary file");
    ApiError::unavailable(
        "upload_not_kept",
        "the registry has no room for the upload now, try again",
    )
    .because(error)
}

fn malformed(error: &MultipartError, metrics: &Metrics) -> ApiError {
    metrics.upload_aborted();
    ApiError::bad_request(
        "upload_malformed",
        format!("upload is no multipart/form-data with one file: {error}"),
    )
}

/// How long an upload may take: a fixed time, and more the more has arrived.
struct Progress {
    started: Instant,
    time: Duration,
}

// === impl Progress ===

impl Progress {
    fn start(time: Duration) -> Self {
        Self {
            started: Instant::now(),
            time,
        }
    }

    async fn in_time<T>(
        &self,
        received: u64,
        step: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let allowed = self.time + Duration::from_secs(received / RATE_MIN);
        tokio::time::timeout_at(self.started + allowed, step)
            .await
            .map_err(|_| {
                ApiError::new(
                    actix_web::http::StatusCode::REQUEST_TIMEOUT,
                    "upload_too_slow",
                    format!("upload did not arrive in {} s", allowed.as_secs()),
                )
            })
    }
}
