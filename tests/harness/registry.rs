//! One running registry node.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::{
    Answer, Process, S3Server, TestPackage, eventually, files_below, free_port, http_client,
};

/// How long a node may take until it is ready.
const READY_WITHIN: Duration = Duration::from_mins(3);

/// What `~ready` tells while the store's self-test has not ended.
const UNTESTED: &str = "the store could not be tested yet";

/// Accept header of unrendered answers.
const UNRENDERED: &str = "application/vnd.oc.unrendered+json";

/// User agent of the command line program of the OpenComponents version we follow.
const CLI_AGENT: &str = "oc-cli-0.50.44/v20.20.2-linux-x64";

/// The store that one or more nodes share.
#[derive(Clone, Debug)]
pub enum TestStore {
    /// A local folder; removed with its last user.
    Folder(Arc<TempDir>),
    /// A bucket of the S3 server of this test binary.
    S3 {
        /// URL of the server, without a slash at the end.
        endpoint: String,
        /// Name of the bucket.
        bucket: String,
    },
    /// What a `[storage]` section describes.
    Service(Table),
}

impl TestStore {
    /// An empty folder.
    pub fn folder() -> Self {
        Self::Folder(Arc::new(TempDir::new().expect("a folder can be made")))
    }

    /// An empty bucket on the shared S3 server.
    pub async fn s3() -> Self {
        Self::on(S3Server::shared().await).await
    }

    /// An empty bucket on an S3 server.
    pub async fn on(server: &S3Server) -> Self {
        Self::S3 {
            endpoint: server.endpoint().to_owned(),
            bucket: server.new_bucket().await,
        }
    }

    /// Host and port of the server that has the bucket. Fails the test for other stores.
    pub(crate) fn server(&self) -> &str {
        let Self::S3 { endpoint, .. } = self else {
            panic!("the store is no bucket");
        };
        endpoint.trim_start_matches("http://")
    }

    /// The same bucket as it is seen through a port of this machine.
    pub(crate) fn through(&self, port: u16) -> Self {
        let mut seen = self.clone();
        if let Self::S3 { endpoint, .. } = &mut seen {
            *endpoint = format!("http://127.0.0.1:{port}");
        }
        seen
    }

    /// The folder, for stores that are one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder.path()),
            Self::S3 { .. } | Self::Service(_) => None,
        }
    }

    /// How many files or objects it holds, those of a write in progress included. Fails the test
    /// for stores that are neither a folder nor a bucket of the S3 server.
    pub async fn objects(&self) -> usize {
        match self {
            Self::Folder(folder) => files_below(folder.path()).len(),
            Self::S3 { endpoint, bucket } => {
                let url = format!("{endpoint}/{bucket}?list-type=2");
                let list = Answer::of(http_client().get(url)).await.expect_status(200);
                list.text().matches("<Key>").count()
            }
            Self::Service(storage) => panic!("objects of {storage} are not counted"),
        }
    }

    /// Runs a subcommand of the registry's program on this store.
    pub fn operate(&self, settings: &str, arguments: &[&str]) -> Output {
        let folder = TempDir::new().expect("a folder can be made");
        let file = folder.path().join("ochre.toml");
        let config = configuration(free_port(), self, settings);
        std::fs::write(&file, config.to_string()).expect("the configuration can be written");
        Command::new(registry_binary())
            .args(arguments)
            .arg("--config")
            .arg(&file)
            .current_dir(folder.path())
            .output()
            .expect("the registry starts")
    }

    /// The `[storage]` section that describes it.
    pub fn settings(&self) -> Table {
        let mut storage = Table::new();
        let mut set = |key: &str, value: &str| storage.insert(key.to_owned(), value.into());
        match self {
            Self::Folder(folder) => {
                set("backend", "folder");
                set("path", &folder.path().to_string_lossy());
            }
            Self::S3 { endpoint, bucket } => {
                set("backend", "s3");
                set("bucket", bucket);
                set("region", "us-east-1");
                set("endpoint", endpoint);
                set("access_key_id", "test");
                set("secret_access_key", "testtest");
                storage.insert("allow_http".to_owned(), true.into());
            }
            Self::Service(service) => return service.clone(),
        }
        storage
    }
}

/// How a process is started.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Variables of its environment.
    pub environment: Vec<(&'static str, String)>,
    /// A program with its arguments that becomes the registry, such as `prlimit --nofile=256`.
    pub wrapper: Vec<String>,
    /// Another executable than the one that is tested.
    pub binary: Option<PathBuf>,
}

impl Surroundings {
    fn command(&self) -> Command {
        let binary = self.binary.clone().unwrap_or_else(registry_binary);
        let mut command = if let [program, arguments @ ..] = self.wrapper.as_slice() {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary);
            command
        } else {
            Command::new(binary)
        };
        command.envs(self.environment.iter().cloned());
        command
    }
}

/// A registry process of the real binary, ready to answer. It is killed when dropped.
#[derive(Debug)]
pub struct TestRegistry {
    /// URL with a slash at the end.
    pub url: String,
    /// The process, to stop it or to read its log.
    pub process: Process,
    /// The store it works on.
    pub store: TestStore,
    prefix: String,
    client: Client,
    _config: TempDir,
}

impl TestRegistry {
    /// Starts a node on an empty folder.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a node on an empty folder with further settings, as TOML.
    pub async fn start_with(settings: &str) -> Self {
        Self::start_on(&TestStore::folder(), settings).await
    }

    /// Starts a node on a store, with further settings as TOML.
    pub async fn start_on(store: &TestStore, settings: &str) -> Self {
        let mut node = Self::spawn_on(store, settings);
        node.ready().await;
        node
    }

    /// Starts the process without waiting until it is ready.
    pub fn spawn_on(store: &TestStore, settings: &str) -> Self {
        Self::spawn_at(free_port(), store, settings)
    }

    /// Starts the process at a port without waiting until it is ready.
    pub fn spawn_at(port: u16, store: &TestStore, settings: &str) -> Self {
        Self::spawn_in(port, store, settings, &Surroundings::default())
    }

    /// Starts the process at a port, in other surroundings than those of the test.
    pub fn spawn_in(
        port: u16,
        store: &TestStore,
        settings: &str,
        surroundings: &Surroundings,
    ) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let file = folder.path().join("ochre.toml");
        let config = configuration(port, store, settings);
        let prefix = config["http"].get("prefix").and_then(Value::as_str);
        let prefix = prefix.unwrap_or("/").to_owned();
        std::fs::write(&file, config.to_string()).expect("the configuration can be written");
        let mut command = surroundings.command();
        command
            .arg("--config")
            .arg(&file)
            .current_dir(folder.path());
        Self {
            url: format!("http://127.0.0.1:{port}/"),
            process: Process::spawn("registry", &mut command),
            store: store.clone(),
            prefix,
            client: http_client(),
            _config: folder,
        }
    }

    /// Waits until the node says that it is ready, and knows whether it may publish.
    pub async fn ready(&mut self) {
        let url = self.at(&format!("{}~ready", self.prefix));
        let client = self.client.clone();
        let process = &mut self.process;
        eventually("the registry to be ready", READY_WITHIN, || {
            process.assert_running();
            let request = client.get(&url);
            async move {
                let answer = Answer::try_of(request).await.ok()?;
                let is_tested = !answer.text().contains(UNTESTED);
                (answer.status == 200 && is_tested).then_some(())
            }
        })
        .await;
    }

    /// The URL of a path that starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{}", self.url.trim_end_matches('/'), path)
    }

    /// Host and port, for raw connections.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    /// A request to a path that starts with a slash.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method name");
        self.client.request(method, self.at(path))
    }

    /// Answer to a GET.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path)).await
    }

    /// Answer to a GET for unrendered data.
    pub async fn get_unrendered(&self, path: &str) -> Answer {
        self.get_with_headers(path, &[("accept", UNRENDERED)]).await
    }

    /// The first metric whose line begins with `name`, with or without labels; 0 when none does.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/~metrics").await.expect_status(200).text();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// Answer to a GET with headers.
    pub async fn get_with_headers(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request("GET", path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }

    /// Answer to a POST of JSON.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Answer {
        Answer::of(self.request("POST", path).json(body)).await
    }

    /// Answer to a POST of JSON for unrendered data.
    pub async fn post_unrendered(&self, path: &str, body: &serde_json::Value) -> Answer {
        let request = self.request("POST", path).header("accept", UNRENDERED);
        Answer::of(request.json(body)).await
    }

    /// Publishes a package, and fails the test unless the answer is 200.
    pub async fn publish(&self, package: &TestPackage) {
        self.try_publish(package).await.expect_status(200);
    }

    /// Publishes a package under its own name and version.
    pub async fn try_publish(&self, package: &TestPackage) -> Answer {
        let path = format!("/{}/{}", package.name(), package.version());
        self.put_archive(&path, package.archive()).await
    }

    /// Uploads an archive to a path, as the command line program does.
    pub async fn put_archive(&self, path: &str, archive: Vec<u8>) -> Answer {
        Answer::of(self.put_request(path, archive)).await
    }

    /// The request of [`TestRegistry::put_archive`], to add headers to or to send later.
    pub fn put_request(&self, path: &str, archive: Vec<u8>) -> RequestBuilder {
        put_request(self.request("PUT", path), archive)
    }
}

/// Adds an archive to a request, as the command line program does.
pub fn put_request(request: RequestBuilder, archive: Vec<u8>) -> RequestBuilder {
    let part = reqwest::multipart::Part::bytes(archive)
        .file_name("package.tar.gz")
        .mime_str("application/gzip")
        .expect("a media type");
    let form = reqwest::multipart::Form::new().part("package.tar.gz", part);
    request.header("user-agent", CLI_AGENT).multipart(form)
}

/// The registry executable: `OCHRE_REGISTRY_BIN`, or the one next to the test executable.
pub fn registry_binary() -> PathBuf {
    binary("OCHRE_REGISTRY_BIN", ("ochre-registry", "ochre-registry"))
}

/// The command line executable: `OCHRE_BIN`, or the one next to the test executable.
pub fn cli_binary() -> PathBuf {
    binary("OCHRE_BIN", ("ochre", "ochre-client"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the harness is configured by its environment"
)]
pub(crate) fn binary(variable: &str, (name, package): (&str, &str)) -> PathBuf {
    let path = env::var(variable).map_or_else(
        |_| {
            let this = env::current_exe().expect("this executable has a path");
            // target/<profile>/deps/<test>
            let profile = this.ancestors().nth(2).expect("a target folder");
            profile.join(name)
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p {package}` first, or set {variable}",
        path.display()
    );
    path
}

fn configuration(port: u16, store: &TestStore, settings: &str) -> Table {
    let mut config: Table = toml::toml! {
        [sync]
        poll_interval = "200ms"
        [engine]
        deadline = "15s"
        [samples]
        publish = false
        [telemetry]
        format = "json"
        [http]
    };
    let http = Table::from_iter([
        ("listen".to_owned(), format!("127.0.0.1:{port}").into()),
        (
            "base_url".to_owned(),
            format!("http://127.0.0.1:{port}/").into(),
        ),
    ]);
    config.insert("http".to_owned(), Value::Table(http));
    let mut storage = store.settings();
    storage.insert("answer_timeout".to_owned(), "15s".into());
    config.insert("storage".to_owned(), Value::Table(storage));
    let further: Table = settings.parse().expect("the settings of a test are TOML");
    merge(&mut config, further);
    config
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(more)) => merge(inner, more),
            (_, value) => drop(base.insert(key, value)),
        }
    }
}
