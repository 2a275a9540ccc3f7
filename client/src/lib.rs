//! Typed client of an `OpenComponents` registry.
//!
//! [`PageRenderer`] puts components into pages and something else in place of those that fail.
//! Below it, [`Client`] speaks to any registry of the protocol: [`Client::render`],
//! [`Client::render_many`] and [`Client::action`] consume components, [`Client::publish`] adds a
//! version, [`Client::validate`] asks before, [`Client::info`] and [`Client::list`]
//! tell what is there. Each operation has its own
//! error type whose variants are what a caller decides by; what can go wrong with any exchange is
//! an [`ExchangeError`].
//!
//! ```
//! use ochre_client::{Client, ClientOptions, Failover, PageRenderer, RenderOptions, RenderRequest};
//!
//! # // A registry that answers one component, whatever it is asked.
//! # fn registry() -> std::io::Result<String> {
//! #     use std::{io::{Read, Write}, net::TcpListener, thread};
//! #     let listener = TcpListener::bind("127.0.0.1:0")?;
//! #     let url = format!("http://{}/", listener.local_addr()?);
//! #     thread::spawn(move || {
//! #         let body = format!(
//! #             r#"{{"baseUrl":"http://r/","type":"oc-component","version":"1.0.0","requestVersion":"1.x.x","name":"hello","renderMode":"rendered","html":"<p>Hello, Ada</p>"}}"#
//! #         );
//! #         let (mut stream, _) = listener.accept().unwrap();
//! #         let _ = stream.read(&mut [0; 4096]).unwrap();
//! #         write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
//! #     });
//! #     Ok(url)
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry_url = registry()?; // http://localhost:3000/
//! let client = Client::new(&registry_url, ClientOptions::default())?;
//! let page = PageRenderer::new(client).failover(Failover::client_side(registry_url.parse()?));
//!
//! let request = RenderRequest::new("hello".parse()?)
//!     .version("1.x.x")
//!     .parameter("name", "Ada");
//! let fragment = page.render(&request, &RenderOptions::rendered()).await;
//! assert_eq!(fragment.html, "<p>Hello, Ada</p>");
//!
//! // The registry is gone: the visitor's browser asks again.
//! let fragment = page.render(&request, &RenderOptions::rendered()).await;
//! assert!(fragment.failure.is_some());
//! assert!(fragment.html.contains("<oc-component href="));
//! # Ok(())
//! # }
//! ```

mod action;
mod client;
mod discovery;
mod exchange;
mod failover;
mod lifecycle;
mod page;
mod publish;
mod render;
mod request;
mod retry;
mod template;
mod validate;

pub use client::{Client, ClientError, ClientOptions, Credentials};
pub use discovery::{Discovery, Info, InfoError, Listed, RegistryInfo};
pub use exchange::ExchangeError;
pub use failover::{ClientSide, Failover};
pub use lifecycle::{
    ChannelChange, ChannelGuard, ChannelState, EarlierTarget, Lifecycle, LifecycleError,
    VersionState,
};
pub use page::{Fragment, FragmentError, PageRenderer};
pub use publish::{PublishError, Published};
pub use render::{Content, RenderError, Rendered, TemplateReference};
pub use request::{Mode, RenderOptions, RenderRequest};
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use retry::RetryPolicy;
pub use template::{TemplateRenderer, View, ViewError};
pub use validate::ValidateError;
