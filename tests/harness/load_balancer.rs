//! haproxy before the nodes of a cluster, as an operator would set it up.

use std::{fmt::Write as _, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{Answer, Process, eventually, free_port, http_client};

/// How long it may take to start.
const START: Duration = Duration::from_secs(30);

/// Answers of a node tell which one it was in this header.
const NODE_HEADER: &str = "x-node";

/// A haproxy that asks `~ready` of its nodes and asks another when one does not answer. It ends
/// when it is dropped.
#[derive(Debug)]
pub struct LoadBalancer {
    /// URL with a slash at the end.
    pub url: String,
    _process: Process,
    _folder: TempDir,
}

// === impl LoadBalancer ===

impl LoadBalancer {
    /// Starts a balancer before the ports of nodes on this machine.
    pub async fn start(ports: &[u16]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let port = free_port();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration(port, ports)).expect("a file can be written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        let mut process = Process::spawn("haproxy", &mut command);
        let url = format!("http://127.0.0.1:{port}/");
        let client = http_client();
        eventually("haproxy to find a node", START, || {
            process.assert_running();
            let request = client.get(format!("{url}~ready"));
            async move { (Answer::try_of(request).await.ok()?.status == 200).then_some(()) }
        })
        .await;
        Self {
            url,
            _process: process,
            _folder: folder,
        }
    }

    /// Which node an answer came from, counted from 0; none when it is the balancer's own.
    pub fn node_of(answer: &Answer) -> Option<usize> {
        answer.header(NODE_HEADER).parse().ok()
    }
}

/// Reads are repeated on another node when one breaks, is silent or says 503; publishes are not:
/// their clients do it, who know whether they may.
fn configuration(port: u16, nodes: &[u16]) -> String {
    let mut servers = String::new();
    for (at, node) in nodes.iter().enumerate() {
        let _ = writeln!(servers, "  server {at} 127.0.0.1:{node}");
    }
    format!(
        "defaults
  mode http
  timeout connect 500ms
  timeout client 60s
  timeout http-keep-alive 10s
  option redispatch 1
  option httpchk GET /~ready
  http-check expect status 200
  timeout check 1s
  default-server check inter 200ms fall 2 rise 2
frontend all
  bind 127.0.0.1:{port}
  http-response set-header {NODE_HEADER} %s
  use_backend publishes if METH_PUT
  default_backend reads
backend reads
  balance roundrobin
  timeout server 2s
  retries 8
  retry-on conn-failure empty-response response-timeout 503
{servers}backend publishes
  balance roundrobin
  timeout server 60s
  retries 2
{servers}"
    )
}
