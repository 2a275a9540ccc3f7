//! The Node registry of npm `oc`.

use std::{process::Command, time::Duration};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Answer, Process, TestPackage, TestStore, Tools, eventually, free_port, http_client,
    registry::put_request, tests_folder,
};

/// A running Node registry on a bucket, ready to answer. It is killed when dropped.
#[derive(Debug)]
pub struct NodeRegistry {
    /// URL with a slash at the end.
    pub url: String,
    client: Client,
    _process: Process,
    _uploads: TempDir,
}

impl NodeRegistry {
    /// Starts the registry on a bucket; `registry` are further options of it, as its
    /// documentation calls them. Every second it looks for what others have published.
    ///
    /// `fresh`: every es6 request is rendered as the first of its component.
    pub async fn start(store: &TestStore, registry: &Value, fresh: bool) -> Self {
        let TestStore::S3 { endpoint, bucket } = store else {
            panic!("the Node registry wants a bucket");
        };
        let tools = Tools::find();
        let port = free_port();
        let uploads = TempDir::new().expect("a folder can be made");
        let options = json!({
            "modules": tools.node_modules(),
            "port": port,
            "endpoint": endpoint,
            "bucket": bucket,
            "tempDir": format!("{}/", uploads.path().display()),
            "fresh": fresh,
            "registry": registry,
        });
        let script = tests_folder().join("harness/node_registry.js");
        let mut command = Command::new(tools.node());
        command
            .arg(script)
            .arg(options.to_string())
            .env("NODE_ENV", "production");
        let mut process = Process::spawn("the Node registry", &mut command);
        eventually(
            "the Node registry to be ready",
            Duration::from_mins(1),
            || {
                process.assert_running();
                let ready = process.log().contains("ready").then_some(());
                async move { ready }
            },
        )
        .await;
        Self {
            url: format!("http://127.0.0.1:{port}/"),
            client: http_client(),
            _process: process,
            _uploads: uploads,
        }
    }

    /// Answer to a GET of a path that starts with a slash, with headers.
    pub async fn get_with_headers(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let mut request = self.client.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }

    /// Publishes a package under its own name and version.
    pub async fn try_publish(&self, package: &TestPackage) -> Answer {
        let path = format!("{}/{}", package.name(), package.version());
        let request = self.client.put(format!("{}{path}", self.url));
        Answer::of(put_request(request, package.archive())).await
    }

    /// Publishes a package, and fails the test unless the answer is 200.
    pub async fn publish(&self, package: &TestPackage) {
        self.try_publish(package).await.expect_status(200);
    }
}
