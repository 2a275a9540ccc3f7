//! `/metrics`, `/health` and `/ready` of the mirror.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::Daemon;

/// Connections at once; more wait in the backlog.
const CONNECTIONS_MAX: usize = 64;

/// Longest time of one connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers a scraper and an orchestrator.
#[derive(Debug)]
pub struct Monitor {
    listener: TcpListener,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: choose another address with --metrics-listen or `metrics.listen`"
)]
pub struct MonitorError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

// === impl Monitor ===

impl Monitor {
    /// Listens.
    ///
    /// # Errors
    ///
    /// [`MonitorError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, MonitorError> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| MonitorError { address, source })?;
        Ok(Self { listener })
    }

    /// Answers until cancelled.
    pub async fn run(self, daemon: Arc<Daemon>, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let accepting = async {
            loop {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                    return;
                };
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let daemon = Arc::clone(&daemon);
                        tokio::spawn(async move {
                            serve(stream, daemon).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        let _ = stop.run_until_cancelled(accepting).await;
    }
}

async fn serve(stream: TcpStream, daemon: Arc<Daemon>) {
    let answers = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &daemon);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answers);
    // A scraper that goes away is no news.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}

fn answer(request: &Request<Incoming>, daemon: &Daemon) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/metrics" => respond(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            daemon.metrics_text(),
        ),
        "/health" => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
        "/ready" => {
            let reasons = daemon.reasons();
            let (status, word) = if reasons.is_empty() {
                (StatusCode::OK, "ready")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready")
            };
            json(
                status,
                &serde_json::json!({ "status": word, "reasons": reasons }),
            )
        }
        _ => json(
            StatusCode::NOT_FOUND,
            &serde_json::json!({ "code": "not_found", "error": "there is nothing at this path" }),
        ),
    }
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    respond(status, "application/json; charset=utf-8", body.to_string())
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let value = hyper::header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}
