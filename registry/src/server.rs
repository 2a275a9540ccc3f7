//! The listener: HTTP/1 connections with their time limits, and every part for the handlers.

use std::{future::ready, io, net::TcpListener, sync::Arc};

use actix_http::{HttpService, Protocol, Request, Response, body::BoxBody};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App,
    dev::AppConfig,
    http::header::{AUTHORIZATION, HeaderValue},
    middleware::from_fn,
    web,
};
use tokio::net::TcpStream;

use crate::{
    assembly::Parts,
    auth::{Authenticator, Unauthorized},
    base_url::BaseUrls,
    body::BodyLimits,
    cache_tags::CacheTags,
    descriptors,
    extract::ExtractSettings,
    handlers::batch::BatchLimits,
    middleware::{self, Edge},
    routes,
    settings::Settings,
    slow_reader::PacedWrites,
};

/// Starts serving on `listener`; the server ends through its handle alone.
///
/// # Errors
///
/// When the listener cannot be used.
pub(crate) fn start(
    listener: TcpListener,
    parts: &Parts,
    settings: &Settings,
) -> io::Result<Server> {
    let http = settings.http.clone();
    let workers = if http.workers == 0 {
        cores()
    } else {
        http.workers
    };
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections(http.connections_max, workers))
        .shutdown_timeout(http.shutdown_timeout.as_secs().max(1))
        .disable_signals();
    let draining = builder.graceful_shutdown_signal();
    let shared = Shared::new(parts, settings);
    let authenticator = Arc::clone(&parts.authenticator);
    let service = move || {
        let draining = draining.clone();
        let authenticator = Arc::clone(&authenticator);
        let shared = shared.clone();
        let app = App::new()
            .configure(|config| shared.add_data(config))
            .wrap(from_fn(middleware::finish))
            .configure(|config| routes::configure(config, &shared.prefix));
        let http_service = HttpService::build()
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .keep_alive(http.keep_alive)
            .client_request_timeout(http.header_timeout)
            .client_disconnect_timeout(http.linger_timeout)
            .expect(fn_service(move |request: Request| {
                let allowed = may_continue(&authenticator, &request);
                async move { allowed.map(|()| request) }
            }))
            .finish(map_config(
                app.into_factory()
                    .map_err(|error: actix_web::Error| error.error_response()),
                |()| AppConfig::default(),
            ));
        fn_service(move |io: TcpStream| {
            let address = io.peer_addr().ok();
            let paced = PacedWrites::new(io, http.write_timeout);
            ready(Ok((paced, Protocol::Http1, address)))
        })
        .and_then(http_service)
    };
    Ok(builder.listen("ochre-registry", listener, service)?.run())
}

/// Decides on `Expect: 100-continue` before one byte of the body is sent.
fn may_continue(authenticator: &Authenticator, request: &Request) -> Result<(), Response<BoxBody>> {
    let credentials = request
        .head()
        .headers()
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    let is_publish = request.method() == actix_web::http::Method::PUT;
    if is_publish && authenticator.authenticate(credentials).is_err() {
        return Err(Unauthorized::head());
    }
    Ok(())
}

/// What every worker's app is made of.
#[derive(Clone)]
struct Shared {
    parts: Parts,
    edge: Arc<Edge>,
    body_limits: BodyLimits,
    batch_limits: BatchLimits,
    extract: ExtractSettings,
    base_urls: BaseUrls,
    cache_tags: CacheTags,
    prefix: String,
}

// === impl Shared ===

impl Shared {
    fn new(parts: &Parts, settings: &Settings) -> Self {
        let http = &settings.http;
        let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let withheld = &settings.render.withheld_headers;
        Self {
            parts: parts.clone(),
            edge: Arc::new(Edge::new(
                &settings.cors,
                (bytes(http.url_max), bytes(http.headers_max)),
                Arc::clone(&parts.metrics),
            )),
            body_limits: BodyLimits {
                length: bytes(http.body_max),
                time: http.body_timeout,
            },
            batch_limits: BatchLimits {
                entries: http.batch_max,
                concurrency: http.batch_concurrency,
                deadline: http.batch_deadline,
                output: bytes(http.batch_output_max),
            },
            extract: ExtractSettings {
                withheld_headers: withheld
                    .iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect(),
            },
            base_urls: BaseUrls::new(http),
            cache_tags: CacheTags::new(&http.cache_tags),
            prefix: http.prefix.clone(),
        }
    }

    fn add_data(&self, config: &mut web::ServiceConfig) {
        let parts = self.parts.clone();
        config
            .app_data(web::Data::from(parts.own))
            .app_data(web::Data::from(parts.renderer))
            .app_data(web::Data::from(parts.publisher))
            .app_data(web::Data::from(parts.lifecycle))
            .app_data(web::Data::from(parts.assets))
            .app_data(web::Data::from(parts.externals))
            .app_data(web::Data::from(parts.discovery))
            .app_data(web::Data::from(parts.ui))
            .app_data(web::Data::from(parts.readiness))
            .app_data(web::Data::from(parts.events))
            .app_data(web::Data::from(parts.wakeup))
            .app_data(web::Data::from(parts.authenticator))
            .app_data(web::Data::from(parts.metrics))
            .app_data(web::Data::from(parts.clock))
            .app_data(web::Data::from(Arc::clone(&self.edge)))
            .app_data(web::Data::new(self.base_urls.clone()))
            .app_data(web::Data::new(self.cache_tags.clone()))
            .app_data(web::Data::new(self.body_limits))
            .app_data(web::Data::new(self.batch_limits))
            .app_data(web::Data::new(self.extract.clone()));
    }
}

/// Connections of one worker, as many as the operating system allows.
fn connections(wanted: usize, workers: usize) -> usize {
    let limit = descriptors::raise();
    let allowed = descriptors::connections(wanted, workers, limit);
    if allowed < wanted {
        tracing::info!(
            limit,
            "http.connections_max is {wanted}, but the limit of open files (ulimit -n) leaves \
             {allowed} for each of {workers} workers"
        );
    }
    allowed
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
