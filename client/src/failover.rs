//! What a page shows instead of a component that could not be had.

use url::Url;

use crate::{RenderOptions, RenderRequest, request::append_parameters};

/// What stands in a page in place of a component that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Failover {
    /// Nothing.
    #[default]
    Empty,
    /// This HTML.
    Html(String),
    /// An `<oc-component>` and the browser client, which asks again from the visitor's browser.
    ClientSide(ClientSide),
}

/// How browsers reach a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSide {
    /// URL of the registry as browsers see it.
    pub registry: Url,
    /// Ask in the visitor's languages: `Accept-Language` of the failed request becomes a
    /// parameter.
    pub forward_accept_language: bool,
}

// === impl Failover ===

impl Failover {
    /// Renders in the browser, from the registry at this URL.
    pub fn client_side(registry: Url) -> Self {
        Self::ClientSide(ClientSide {
            registry,
            forward_accept_language: false,
        })
    }

    /// The HTML for a component that failed.
    pub fn html(&self, request: &RenderRequest, options: &RenderOptions) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Html(html) => html.clone(),
            Self::ClientSide(client_side) => {
                client_side.script() + &client_side.component(request, options)
            }
        }
    }
}

// === impl ClientSide ===

impl ClientSide {
    /// The tag of a component that the browser client renders.
    pub fn component(&self, request: &RenderRequest, options: &RenderOptions) -> String {
        let href = self.href(request, options);
        format!(
            "<oc-component href=\"{}\"></oc-component>",
            attribute(&href)
        )
    }

    /// The tag that loads the browser client; a page may hold it more than once.
    pub fn script(&self) -> String {
        let url = self.below(&["oc-client", "client.js"]);
        format!(
            "<script class=\"ocClientScript\" src=\"{}\"></script>",
            attribute(url.as_str())
        )
    }

    fn href(&self, request: &RenderRequest, options: &RenderOptions) -> String {
        let mut url = self.below(&request.segments());
        let mut parameters = request.parameters_over(&options.parameters);
        let languages = options.headers.get("accept-language");
        if self.forward_accept_language
            && let Some(languages) = languages.and_then(|value| value.to_str().ok())
        {
            parameters.insert("__ocAcceptLanguage".to_owned(), languages.into());
        }
        append_parameters(&mut url, &parameters);
        url.into()
    }

    fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.registry.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// Text as the value of an attribute in double quotes.
pub(crate) fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_side() -> ClientSide {
        ClientSide {
            registry: "https://components.example.com/oc?x=1".parse().unwrap(),
            forward_accept_language: true,
        }
    }

    #[test]
    fn component_is_asked_for_again_in_the_browser() {
        let request = RenderRequest::new("hello".parse().unwrap())
            .version("1.x.x")
            .parameter("name", "\"><script>")
            .parameter("b", 2);
        let options = RenderOptions::rendered()
            .accept_language("de")
            .parameter("all", true);
        let html = Failover::ClientSide(client_side()).html(&request, &options);
        assert_eq!(
            html,
            "<script class=\"ocClientScript\" \
             src=\"https://components.example.com/oc/oc-client/client.js\"></script>\
             <oc-component href=\"https://components.example.com/oc/hello/1.x.x?all=true\
             &amp;name=%22%3E%3Cscript%3E&amp;b=2&amp;__ocAcceptLanguage=de\"></oc-component>"
        );
    }

    #[test]
    fn nothing_or_given_html_stands_in_too() {
        let request = RenderRequest::new("hello".parse().unwrap());
        let options = RenderOptions::rendered();
        assert_eq!(Failover::Empty.html(&request, &options), "");
        let given = Failover::Html("<p>later</p>".to_owned());
        assert_eq!(given.html(&request, &options), "<p>later</p>");
    }
}
