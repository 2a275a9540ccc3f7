//! An S3 server for one test binary.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::sync::OnceCell;

use crate::{Answer, Process, Tools, eventually, http_client, tests_folder};

static SHARED: OnceCell<S3Server> = OnceCell::const_new();
static BUCKETS: AtomicU32 = AtomicU32::new(0);

/// A moto server in memory whose conditional writes are atomic. It ends with the test process.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    _process: Process,
}

impl S3Server {
    /// The server of this test binary, started by the first who asks.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start(&[])).await
    }

    /// Starts a server of its own.
    pub async fn alone() -> Self {
        Self::start(&[]).await
    }

    /// Starts a server of its own that does not know conditional writes.
    pub async fn without_conditions() -> Self {
        Self::start(&["--ignore-conditions"]).await
    }

    /// Starts a server of its own that hands out keys for a short time.
    pub async fn with_temporary_keys() -> Self {
        Self::start(&["--temporary-keys"]).await
    }

    /// Where a server [with temporary keys](Self::with_temporary_keys) hands them out, to who has
    /// the token `pod`.
    pub fn keys_url(&self) -> String {
        format!("{}/~keys", self.endpoint)
    }

    /// How many temporary keys were handed out.
    pub async fn keys_issued(&self) -> u32 {
        let url = format!("{}/issued", self.keys_url());
        let answer = Answer::of(http_client().get(url)).await.expect_status(200);
        answer.text().parse().expect("a number")
    }

    /// Withdraws all temporary keys but the last two.
    pub async fn withdraw_keys(&self) {
        let url = format!("{}/withdraw", self.keys_url());
        Answer::of(http_client().post(url)).await.expect_status(200);
    }

    /// Starts a server on a free port.
    async fn start(options: &[&str]) -> Self {
        let tools = Tools::find();
        let script = tests_folder().join("harness/moto_s3.py");
        let mut process = Process::spawn(
            "moto",
            Command::new(tools.python()).arg(script).args(options),
        );
        let port: u16 = eventually("moto to listen", Duration::from_mins(1), || {
            process.assert_running();
            let port = process.log().lines().find_map(|line| line.parse().ok());
            async move { port }
        })
        .await;
        Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            _process: process,
        }
    }

    /// URL of the server, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Creates an empty bucket with a name of its own.
    pub async fn new_bucket(&self) -> String {
        let name = format!("bucket-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        self.create_bucket(&name).await;
        name
    }

    /// Creates an empty bucket.
    pub async fn create_bucket(&self, name: &str) {
        let url = format!("{}/{name}", self.endpoint);
        Answer::of(http_client().put(url)).await.expect_status(200);
    }
}
