//! Azurite, the emulator of Azure Blob Storage.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio::sync::OnceCell;
use toml::Table;

use crate::{Answer, Process, TestStore, Tools, http_client, tests_folder};

/// Key of the account: 32 bytes in base64 that keep no secret.
const KEY: &str = "dGhlIGtleSBvZiB0aGUgdGVzdHMsIG5vdCBhIHNlY3I=";

static SHARED: OnceCell<Azurite> = OnceCell::const_new();
static STORES: AtomicU32 = AtomicU32::new(0);

/// An emulator in memory with a private and a public container. It ends with the test process.
#[derive(Debug)]
pub struct Azurite {
    endpoint: String,
    _process: Process,
}

impl Azurite {
    /// The emulator of this test binary, started by the first who asks.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let tools = Tools::find();
        let script = tests_folder().join("harness/azurite.js");
        let mut command = Command::new(tools.node());
        command.arg(script).arg(tools.node_modules()).arg(KEY);
        let mut process = Process::spawn("azurite", &mut command);
        let endpoint = process.ready().await;
        Self {
            endpoint,
            _process: process,
        }
    }

    /// A store of its own, whose public files are copied to the public container.
    pub fn store(&self) -> TestStore {
        let endpoint = &self.endpoint;
        let prefix = format!("store-{}", STORES.fetch_add(1, Ordering::Relaxed));
        let account = Table::from_iter([
            ("account".to_owned(), "ochre".into()),
            ("account_key".to_owned(), KEY.into()),
            ("public_container".to_owned(), "public".into()),
        ]);
        TestStore::Service(Table::from_iter([
            ("backend".to_owned(), "azure".into()),
            ("bucket".to_owned(), "private".into()),
            ("components_dir".to_owned(), prefix.into()),
            ("endpoint".to_owned(), endpoint.as_str().into()),
            ("allow_http".to_owned(), true.into()),
            ("azure".to_owned(), account.into()),
        ]))
    }

    /// The answer to somebody without credentials who asks for a blob of a container.
    pub async fn get_as_public(&self, container: &str, key: &str) -> Answer {
        let url = format!("{}/{container}/{key}", self.endpoint);
        Answer::of(http_client().get(url)).await
    }
}
