//! Renders a page with components on it, as an application's server would.
//!
//! `cargo run -p ochre-client --example page -- http://localhost:3000/`

use std::{env, error::Error, io::Write};

use ochre_client::{Client, ClientOptions, Failover, PageRenderer, RenderOptions, RenderRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let registry = arguments.next().ok_or("give the URL of a registry")?;
    let client = Client::new(&registry, ClientOptions::default())?;
    // What the registry cannot give now, the visitor's browser asks for again.
    let page = PageRenderer::new(client).failover(Failover::client_side(registry.parse()?));

    let requests = [
        RenderRequest::new("hello".parse()?)
            .version("1.x.x")
            .parameter("name", "Ada"),
        RenderRequest::new("not-published".parse()?),
    ];
    let options = RenderOptions::rendered().accept_language("en");
    let fragments = page.render_many(&requests, &options).await;

    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "<!doctype html><title>Page</title>")?;
    for (request, fragment) in requests.iter().zip(&fragments) {
        if let Some(failure) = &fragment.failure {
            let cause = failure.source().map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            writeln!(std::io::stderr(), "{}: {failure}: {cause}", request.name)?;
        }
        writeln!(stdout, "{}", fragment.html)?;
    }
    Ok(())
}
