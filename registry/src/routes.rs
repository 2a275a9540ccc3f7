//! Every URL of the registry, in one table.
//!
//! Source of OC's part: `packages/oc/src/registry/router.ts`. Literal parts are matched in any
//! case, one trailing slash is tolerated, and `HEAD` goes wherever `GET` goes, as in Express.

use actix_web::{
    HttpRequest, HttpResponse, Resource, Route,
    http::{
        Method, StatusCode,
        header::{ALLOW, LOCATION},
    },
    web::{self, ServiceConfig},
};

use crate::{
    error::ApiError,
    handlers::{
        assets, batch, client_files, component, discovery, events, externals, lifecycle,
        operations, pages, publish,
    },
};

/// Registers every route under `prefix` (starts and ends with `/`).
pub fn configure(config: &mut ServiceConfig, prefix: &str) {
    if prefix != "/" {
        let target = prefix.to_owned();
        config.service(
            resource(vec!["/".to_owned()], "GET, HEAD")
                .route(web::get().to(move || redirect(target.clone()))),
        );
    }
    let base = prefix.trim_end_matches('/');
    let at = |path: &str| format!("{base}{path}");
    let both = |path: &str| vec![at(path), at(&format!("{path}/"))];

    config
        .service(read(both("/{_:(?i)~health}"), operations::health))
        .service(read(both("/{_:(?i)~ready}"), operations::ready))
        .service(read(both("/{_:(?i)~metrics}"), operations::metrics))
        .service(read(both("/{_:(?i)~events}"), events::stream))
        .service(read(
            both("/{_:(?i)~registry}/{_k:(?i)plugins}"),
            discovery::plugins,
        ))
        .service(read(
            both("/{_:(?i)~registry}/{_k:(?i)dependencies}"),
            discovery::dependencies,
        ))
        .service(read(
            both("/{_:(?i)~registry}/{_k:(?i)history}"),
            discovery::history,
        ));
    files(config, base);
    components(config, base);
    for path in [
        "/{_:(?i)~actions}/{action}/{name}/{version}",
        "/{_:(?i)~actions}/{action}/{name}",
    ] {
        config.service(resource(both(path), "POST").route(web::post().to(component::act)));
    }
    let root = if base.is_empty() {
        vec!["/".to_owned()]
    } else {
        both("")
    };
    config.service(
        resource(root, "GET, HEAD, POST")
            .route(web::get().to(discovery::list))
            .route(web::head().to(discovery::list))
            .route(web::post().to(batch::post)),
    );
    for path in ["/{name}/{version}/{_:(?i)~info}", "/{name}/{_:(?i)~info}"] {
        config.service(read(both(path), discovery::info));
    }
    for path in [
        "/{name}/{version}/{_:(?i)~preview}",
        "/{name}/{_:(?i)~preview}",
    ] {
        config.service(read(both(path), discovery::preview));
    }
    config
        .service(validation(both(
            "/{name:(?i)~registry}/{version:(?i)validate}",
        )))
        .service(
            resource(both("/{name}/{version}"), "GET, HEAD, PUT")
                .route(web::get().to(component::get))
                .route(web::head().to(component::get))
                .route(web::put().to(publish::put)),
        )
        .service(read(both("/{name}"), component::get))
        .default_service(web::to(not_found));
}

/// `~registry/validate`: all but `POST` asks for a component, as in OC. No name has a `~`, so there
/// is none.
fn validation(paths: Vec<String>) -> Resource {
    resource(paths, "GET, HEAD, POST, PUT")
        .route(web::get().to(component::get))
        .route(web::head().to(component::get))
        .route(web::put().to(publish::put))
        .route(web::post().to(publish::validate))
}

/// States of releases, and channels.
fn components(config: &mut ServiceConfig, base: &str) {
    let at = |path: &str| {
        let path = format!("{base}/{{_:(?i)~components}}/{{name}}{path}");
        vec![format!("{path}/"), path]
    };
    config
        .service(
            resource(at("/{_k:(?i)channels}/{channel}/{_l:(?i)rollback}"), "POST")
                .route(web::post().to(lifecycle::roll_back)),
        )
        .service(
            resource(at("/{_k:(?i)channels}/{channel}"), "PUT, DELETE")
                .route(web::put().to(lifecycle::put_channel))
                .route(web::delete().to(lifecycle::delete_channel)),
        )
        .service(
            resource(at("/{version}/{_k:(?i)state}"), "PUT")
                .route(web::put().to(lifecycle::put_state)),
        )
        .service(read(at(""), lifecycle::describe));
}

/// Files: of releases, pages and packs, and the browser client, which stands where a version of
/// `oc-client` would.
fn files(config: &mut ServiceConfig, base: &str) {
    let at = |path: &str| vec![format!("{base}{path}")];
    let client = |file: &str| {
        let path = format!(
            "{base}/{{_:(?i)oc-client}}/{{_k:(?i){}}}",
            file.replace('.', "\\.")
        );
        vec![format!("{path}/"), path]
    };
    config
        .service(read(
            at("/{_:(?i)~assets}/{name}/{version}/{path:.+}"),
            assets::get,
        ))
        .service(read(at("/{_:(?i)~ui}/{version}/{file}"), pages::file))
        .service(read(at("/{_:(?i)~externals}/{path:.+}"), externals::get))
        .service(read(client("client.js"), client_files::code))
        .service(read(client("client.dev.js"), client_files::development))
        .service(read(client("oc-client.min.map"), client_files::map));
}

/// A resource that is only read.
fn read<F, Args>(paths: Vec<String>, handler: F) -> Resource
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    resource(paths, "GET, HEAD")
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// A resource that tells its methods to `OPTIONS`, and to methods that it does not have.
fn resource(paths: Vec<String>, allow: &'static str) -> Resource {
    web::resource(paths)
        .route(options(allow))
        .default_service(web::to(move || not_allowed(allow)))
}

fn options(allow: &'static str) -> Route {
    web::method(Method::OPTIONS).to(move |request: HttpRequest| options_answer(request, allow))
}

/// A preflight needs no body; anyone else gets what Express answers.
async fn options_answer(request: HttpRequest, allow: &'static str) -> HttpResponse {
    if request
        .headers()
        .contains_key("access-control-request-method")
    {
        return HttpResponse::NoContent()
            .insert_header((ALLOW, allow))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((ALLOW, allow))
        .insert_header(("x-content-type-options", "nosniff"))
        .content_type("text/plain")
        .body(allow)
}

async fn not_allowed(allow: &'static str) -> HttpResponse {
    let error = ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("this path takes {allow}"),
    );
    let mut response = actix_web::ResponseError::error_response(&error);
    response.headers_mut().insert(
        ALLOW,
        actix_web::http::header::HeaderValue::from_static(allow),
    );
    response
}

async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found("there is no such path"))
}

async fn redirect(target: String) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, target.clone()))
        .insert_header(("vary", "Accept"))
        .content_type("text/plain; charset=utf-8")
        .body(format!("Found. Redirecting to {target}"))
}
