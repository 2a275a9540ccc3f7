//! Which kind of answer a caller gets.

use crate::extract::Caller;

/// `Accept` of a caller that only wants the version resolved.
const INFO: &str = "application/vnd.oc.info+json";

/// `Accept` of a caller that renders by itself.
const UNRENDERED: &str = "application/vnd.oc.unrendered+json";

/// What is answered for a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderMode {
    /// HTML.
    Rendered,
    /// View-model and where the compiled view is.
    Unrendered,
}

/// Types of templates from before template packages.
fn is_legacy(template_type: &str) -> bool {
    matches!(template_type, "jade" | "handlebars")
}

/// Whether the caller only wants the version resolved. The header is compared as a whole.
pub(super) fn wants_info(caller: &Caller) -> bool {
    caller.accept == INFO
}

/// Decides the mode for a component whose template type is `raw_type` in its `package.json` and
/// `mapped_type` as a package name.
///
/// Source: `packages/oc/src/registry/routes/helpers/get-component.ts`.
pub(super) fn render_mode(
    caller: &Caller,
    is_action: bool,
    raw_type: &str,
    mapped_type: &str,
) -> RenderMode {
    if caller.accept != UNRENDERED {
        return if is_action {
            RenderMode::Unrendered
        } else {
            RenderMode::Rendered
        };
    }
    let supported = caller.templates.as_deref().is_some_and(|list| {
        list.split(';')
            .filter_map(|entry| entry.split(',').next())
            .any(|name| name == raw_type || name == mapped_type)
    });
    if caller.is_oc_client && !supported && !is_legacy(raw_type) {
        RenderMode::Rendered
    } else {
        RenderMode::Unrendered
    }
}

impl RenderMode {
    /// As in `renderMode` of an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Unrendered => "unrendered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(accept: &str, is_oc_client: bool, templates: Option<&str>) -> Caller {
        Caller {
            accept: accept.into(),
            is_oc_client,
            templates: templates.map(String::from),
            ..Caller::default()
        }
    }

    #[test]
    fn only_the_exact_header_asks_for_unrendered() {
        for accept in [
            "*/*",
            "",
            "text/html",
            "application/vnd.oc.unrendered+json, */*",
        ] {
            let mode = render_mode(&caller(accept, false, None), false, "x", "x");
            assert_eq!(mode, RenderMode::Rendered, "{accept}");
        }
        let mode = render_mode(&caller(UNRENDERED, false, None), false, "x", "x");
        assert_eq!(mode, RenderMode::Unrendered);
    }

    #[test]
    fn client_that_cannot_render_the_type_gets_it_rendered() {
        let modes = [
            (None, "oc-template-react", RenderMode::Rendered),
            (
                Some("oc-template-es6,1.0.0"),
                "oc-template-react",
                RenderMode::Rendered,
            ),
            (Some(";;;,,,"), "oc-template-react", RenderMode::Rendered),
            (
                Some("a,1;oc-template-react,2"),
                "oc-template-react",
                RenderMode::Unrendered,
            ),
            (None, "handlebars", RenderMode::Unrendered),
        ];
        for (templates, raw_type, expected) in modes {
            let caller = caller(UNRENDERED, true, templates);
            assert_eq!(
                render_mode(&caller, false, raw_type, raw_type),
                expected,
                "{templates:?}"
            );
        }
    }

    #[test]
    fn actions_are_unrendered_whatever_is_accepted() {
        let mode = render_mode(&caller("*/*", false, None), true, "x", "x");

        assert_eq!(mode, RenderMode::Unrendered);
    }
}
