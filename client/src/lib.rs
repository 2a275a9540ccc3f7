//! Typed client of an `OpenComponents` registry.
//!
//! [`Client`] speaks to any registry of the protocol: [`Client::render`] and
//! [`Client::render_many`] consume components, [`Client::publish`] adds a version,
//! [`Client::info`] and [`Client::list`] tell what is there. Each operation has its own error
//! type whose variants are what a caller decides by; what can go wrong with any exchange is an
//! [`ExchangeError`].
//!
//! ```no_run
//! use ochre_client::{Client, ClientOptions, Content, Mode, RenderRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("http://localhost:3000/", ClientOptions::default())?;
//! let request = RenderRequest::new("hello".parse()?)
//!     .version("1.x.x")
//!     .parameter("name", "Ada");
//!
//! let rendered = client.render(&request, Mode::Rendered).await?;
//!
//! if let Content::Rendered { html } = rendered.content {
//!     assert!(html.contains("Hello, Ada"));
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod discovery;
mod exchange;
mod publish;
mod render;

pub use client::{Client, ClientError, ClientOptions, Credentials};
pub use discovery::{Discovery, Info, InfoError};
pub use exchange::ExchangeError;
pub use publish::{PublishError, Published};
pub use render::{Content, Mode, RenderError, RenderRequest, Rendered, TemplateReference};
