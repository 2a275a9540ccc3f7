//! What stands for Google Cloud Storage.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;
use toml::Table;

use crate::{Process, TestStore, Tools, tests_folder};

static SHARED: OnceCell<GcsFake> = OnceCell::const_new();
static BUCKETS: AtomicU32 = AtomicU32::new(0);

/// A fake of the XML API in memory: see `gcs_fake.py` for what it shows and what not. It ends with
/// the test process.
#[derive(Debug)]
pub struct GcsFake {
    endpoint: String,
    service_account: NamedTempFile,
    _process: Process,
}

impl GcsFake {
    /// The fake of this test binary, started by the first who asks.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let script = tests_folder().join("harness/gcs_fake.py");
        let mut command = Command::new(Tools::find().python());
        let mut process = Process::spawn("the fake of GCS", command.arg(script));
        let endpoint = process.ready().await;
        let service_account = NamedTempFile::new().expect("a file can be made");
        // No token is asked for, and none sent.
        let account = json!({
            "disable_oauth": true,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        });
        std::fs::write(service_account.path(), account.to_string()).expect("it can be written");
        Self {
            endpoint,
            service_account,
            _process: process,
        }
    }

    /// An empty bucket.
    pub fn store(&self) -> TestStore {
        let bucket = format!("bucket-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        let file = self.service_account.path().to_string_lossy();
        let account = Table::from_iter([("service_account_file".to_owned(), (*file).into())]);
        TestStore::Service(Table::from_iter([
            ("backend".to_owned(), "gcs".into()),
            ("bucket".to_owned(), bucket.into()),
            ("endpoint".to_owned(), self.endpoint.as_str().into()),
            ("allow_http".to_owned(), true.into()),
            ("gcs".to_owned(), account.into()),
        ]))
    }
}
