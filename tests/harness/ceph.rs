//! A real Ceph cluster whose gateways speak S3.

use std::{
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{Answer, Process, TestStore, http_client, tests_folder};

/// User and secret that `ceph.sh` makes.
const CREDENTIALS: &str = "test:testtest";

static SHARED: OnceCell<Ceph> = OnceCell::const_new();
static BUCKETS: AtomicU32 = AtomicU32::new(0);

/// A cluster with two gateways: see `ceph.sh`. It ends with the test process.
#[derive(Debug)]
pub struct Ceph {
    gateways: [String; 2],
    process: Mutex<Process>,
    /// Held for reading by who uses the cluster, for writing by who crashes it.
    peace: RwLock<()>,
}

impl Ceph {
    /// The cluster of this test binary, started by the first who asks. While the guard lives
    /// nobody crashes it.
    pub async fn shared() -> (&'static Self, RwLockReadGuard<'static, ()>) {
        let ceph = SHARED.get_or_init(Self::start).await;
        (ceph, ceph.peace.read().await)
    }

    /// The cluster for a test that crashes it: alone.
    pub async fn alone() -> (&'static Self, RwLockWriteGuard<'static, ()>) {
        let ceph = SHARED.get_or_init(Self::start).await;
        (ceph, ceph.peace.write().await)
    }

    async fn start() -> Self {
        let script = tests_folder().join("harness/ceph.sh");
        let mut process = Process::spawn("ceph", &mut Command::new(script));
        let line = process.ready().await;
        let (first, second) = line.split_once(' ').expect("two gateways");
        Self {
            gateways: [first.to_owned(), second.to_owned()],
            process: Mutex::new(process),
            peace: RwLock::new(()),
        }
    }

    /// Kills every daemon at once and starts them again on the same disk.
    #[expect(
        clippy::await_holding_lock,
        reason = "who crashes the cluster is alone with it"
    )]
    pub async fn crash(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.say("crash");
        process.ready_again(2).await;
    }

    /// An empty bucket, through the one and the other gateway.
    pub fn new_bucket(&self) -> [TestStore; 2] {
        let bucket = format!("bucket-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        self.request("PUT", &format!("{bucket}/"));
        self.gateways.clone().map(|endpoint| TestStore::S3 {
            endpoint,
            bucket: bucket.clone(),
        })
    }

    /// Who may read an object of a bucket, as Ceph tells its owner: XML.
    pub fn acl(&self, store: &TestStore, key: &str) -> String {
        let (_, bucket) = Self::place(store);
        self.request("GET", &format!("{bucket}/{key}?acl="))
    }

    /// The answer to somebody without credentials.
    pub async fn get_as_public(&self, store: &TestStore, key: &str) -> Answer {
        let (endpoint, bucket) = Self::place(store);
        Answer::of(http_client().get(format!("{endpoint}/{bucket}/{key}"))).await
    }

    fn place(store: &TestStore) -> (&str, &str) {
        match store {
            TestStore::S3 { endpoint, bucket } => (endpoint, bucket),
            _ => panic!("the store is no bucket"),
        }
    }

    /// The answer to a signed request, which must succeed.
    fn request(&self, method: &str, path: &str) -> String {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--request", method])
            .args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", CREDENTIALS])
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
            .arg(format!("{}/{path}", self.gateways[0]))
            .output()
            .expect("curl starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{method} {path}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
