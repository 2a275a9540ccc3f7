//! A Redis server for one test.

use std::{path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Process, eventually, free_port, within};

/// How long the server may take for anything.
const BOUND: Duration = Duration::from_secs(30);

/// A real `redis-server` that keeps nothing on disk. It ends when the test does.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    options: Vec<String>,
    process: Process,
    folder: TempDir,
}

/// What `openssl` is asked for: an authority, and a certificate of 127.0.0.1 by it.
const CERTIFICATES: &str = "
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -keyout ca.key -out ca.pem -subj '/CN=authority of a test'
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout server.key -out server.csr -subj '/CN=redis of a test'
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile server.ext -out server.pem
";

impl RedisServer {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with further options, as on its command line.
    pub async fn start_with(options: &[&str]) -> Self {
        Self::start_at(free_port(), options).await
    }

    /// Starts a server that speaks TLS alone; the second part is the file of its authority.
    pub async fn start_with_tls(options: &[&str]) -> (Self, PathBuf) {
        let folder = TempDir::new().expect("a folder can be made");
        let made = Command::new("sh")
            .args(["-c", CERTIFICATES])
            .current_dir(folder.path())
            .output();
        let made = made.expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
        let port = free_port();
        let tls_port = port.to_string();
        let mut all = vec!["--port", "0", "--tls-port", &tls_port];
        all.extend([
            "--tls-cert-file",
            "server.pem",
            "--tls-key-file",
            "server.key",
        ]);
        all.extend(["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]);
        all.extend(options);
        let authority = folder.path().join("ca.pem");
        (Self::start_in(folder, port, &all).await, authority)
    }

    /// Starts a server at a port.
    pub async fn start_at(port: u16, options: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        Self::start_in(folder, port, options).await
    }

    async fn start_in(folder: TempDir, port: u16, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let process = spawn(port, &options, &folder);
        let mut server = Self {
            port,
            options,
            process,
            folder,
        };
        server.listening().await;
        server
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Settings of a registry that uses it, as TOML.
    pub fn settings(&self) -> String {
        format!("[redis]\nurl = \"redis://127.0.0.1:{}\"\n", self.port)
    }

    /// Ends the server at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same port, empty.
    pub async fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(self.port, &self.options, &self.folder);
        self.listening().await;
    }

    /// Stops the process without ending it: connections stay and nothing answers.
    pub fn pause(&self) {
        self.process.signal("-STOP");
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        self.process.signal("-CONT");
    }

    /// Runs one command and gives the first bytes of its answer, as the protocol has them.
    pub async fn command(&self, parts: &[&[u8]]) -> String {
        let mut message = format!("*{}\r\n", parts.len()).into_bytes();
        for part in parts {
            message.extend(format!("${}\r\n", part.len()).bytes());
            message.extend_from_slice(part);
            message.extend(b"\r\n");
        }
        let exchange = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(&message).await?;
            let mut answer = vec![0; 16 * 1024];
            let length = stream.read(&mut answer).await?;
            answer.truncate(length);
            std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = within("an answer of Redis", BOUND, exchange).await;
        answer.expect("Redis answers")
    }

    /// The one channel that somebody listens to.
    pub async fn channel(&self) -> String {
        eventually("somebody to listen to Redis", BOUND, || async {
            let answer = self.command(&[b"PUBSUB", b"CHANNELS"]).await;
            let channel = answer.lines().find(|line| line.starts_with("ochre:"));
            channel.map(str::to_owned)
        })
        .await
    }

    async fn listening(&mut self) {
        let port = self.port;
        let process = &mut self.process;
        eventually("redis-server to listen", BOUND, || {
            process.assert_running();
            async move { TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) }
        })
        .await;
    }
}

fn spawn(port: u16, options: &[String], folder: &TempDir) -> Process {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .args(options)
        .current_dir(folder.path());
    Process::spawn("redis-server", &mut command)
}
