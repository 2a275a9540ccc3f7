//! The `<oc-component>` element around rendered HTML.

use std::fmt::Write;

/// What the element tells of the component inside.
#[derive(Debug)]
pub(super) struct Wrapper<'a> {
    /// Component name.
    pub(super) name: &'a str,
    /// Resolved version.
    pub(super) version: &'a str,
    /// URL that the component was asked with.
    pub(super) href: &'a str,
    /// Key of the compiled view.
    pub(super) key: &'a str,
    /// Unique id of this rendering.
    pub(super) id: &'a str,
    /// `oc.container`: whether there is an element at all.
    pub(super) container: bool,
    /// `oc.renderInfo`: whether a script records name and version.
    pub(super) render_info: bool,
}

/// Wraps `html` as `oc-client` does.
///
/// `&` stays as it is, as OC's clients have always seen it; `"` never ends an attribute.
/// Source: `oc-client/src/templates.js`.
pub(super) fn wrap(html: String, wrapper: &Wrapper<'_>) -> String {
    if !wrapper.container && !wrapper.render_info {
        return html;
    }
    let mut page = String::with_capacity(html.len() + wrapper.href.len() + 512);
    if wrapper.container {
        page.push_str("<oc-component href=\"");
        attribute(&mut page, wrapper.href);
        page.push_str("\" data-hash=\"");
        attribute(&mut page, wrapper.key);
        page.push_str("\" data-id=\"");
        attribute(&mut page, wrapper.id);
        page.push_str("\" data-name=\"");
        attribute(&mut page, wrapper.name);
        page.push_str("\" data-rendered=\"true\" data-version=\"");
        attribute(&mut page, wrapper.version);
        page.push_str("\">");
    }
    page.push_str(&html);
    if wrapper.render_info {
        // Writing to a String cannot fail.
        let _infallible = write!(
            page,
            "<script>window.oc=window.oc||{{}};oc.renderedComponents=oc.renderedComponents||{{}};\
             oc.renderedComponents[\"{}\"]=\"{}\";</script>",
            wrapper.name, wrapper.version
        );
    }
    if wrapper.container {
        page.push_str("</oc-component>");
    }
    page
}

fn attribute(page: &mut String, value: &str) {
    for (index, part) in value.split('"').enumerate() {
        if index > 0 {
            page.push_str("&quot;");
        }
        page.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Wrapper<'static> = Wrapper {
        name: "hello",
        version: "1.0.0",
        href: "http://localhost:3000/hello?a=b%20c&d=1",
        key: "5bd8",
        id: "9380",
        container: true,
        render_info: true,
    };

    #[test]
    fn element_and_script_are_those_of_oc() {
        assert_eq!(
            wrap("Hi".into(), &HELLO),
            "<oc-component href=\"http://localhost:3000/hello?a=b%20c&d=1\" data-hash=\"5bd8\" \
             data-id=\"9380\" data-name=\"hello\" data-rendered=\"true\" data-version=\"1.0.0\">Hi\
             <script>window.oc=window.oc||{};oc.renderedComponents=oc.renderedComponents||{};\
             oc.renderedComponents[\"hello\"]=\"1.0.0\";</script></oc-component>"
        );
    }

    #[test]
    fn component_can_do_without_both() {
        let bare = Wrapper {
            container: false,
            render_info: false,
            ..HELLO
        };

        assert_eq!(wrap("Hi".into(), &bare), "Hi");
    }

    #[test]
    fn quotes_do_not_end_an_attribute() {
        let quoted = Wrapper {
            key: "\"><script>",
            render_info: false,
            ..HELLO
        };

        assert!(wrap(String::new(), &quoted).contains("data-hash=\"&quot;><script>\""));
    }
}
