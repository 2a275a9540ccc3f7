//! Whether `template.js` is a compiled view that somebody can use.
//!
//! OC publishes anything and lets browsers find out.

use std::{sync::Arc, time::Duration};

use ochre_engine::quickjs::{Syntax, parse_syntax};
use ochre_package::Package;
use tokio::sync::Semaphore;

use super::PublishFailure;

/// Checks that run at once; one that never ends keeps its place.
pub(super) const AT_ONCE: usize = 2;

/// Longest wait for a place, and longest check. What cannot be told by then is published with a
/// warning: how long a check takes depends on the machine.
const TIME: Duration = Duration::from_secs(10);

/// Longest view that is looked at, in bytes.
const VIEW_MAX: usize = 8 * 1024 * 1024;

/// Told of a view that is longer.
const TOO_LONG: &str = "`template.js` was not checked: it is longer than 8 MiB";

/// Told of a view that could not be checked in time, or in the memory of a check.
const UNDECIDED: &str = "`template.js` was not checked: it took too long, or too much memory";

/// Told of a view that nobody can be expected to parse.
const TOO_DEEP: &str = "`template.js` is nested too deeply to be parsed";

/// Refuses a view that is no JavaScript or nested too deeply, or a classic one that does not hold its
/// key. Gives a warning of one that could not be checked.
///
/// # Errors
///
/// 409 with the cause.
pub(super) async fn check(
    package: &Package,
    places: &Arc<Semaphore>,
) -> Result<Option<&'static str>, PublishFailure> {
    let Some(view) = package.file("template.js") else {
        return Ok(None);
    };
    if view.len() > VIEW_MAX {
        return Ok(Some(TOO_LONG));
    }
    let source = String::from_utf8_lossy(view).into_owned();
    let key = &package.manifest.oc().files.template.hash_key;
    // Browsers and registries find a view in `oc.components` under its key; ES modules have none.
    let holds_key = key.is_empty() || source.contains(key.as_str());
    let place = Arc::clone(places).acquire_owned();
    let Ok(Ok(place)) = tokio::time::timeout(TIME, place).await else {
        return Ok(Some(UNDECIDED));
    };
    match parse_syntax(source, TIME, place).await {
        Syntax::Neither(why) => {
            let cause = format!("`template.js` is not JavaScript: {why}");
            Err(PublishFailure::view(&cause))
        }
        Syntax::Script if !holds_key => {
            let cause = format!("`template.js` does not define `oc.components[\"{key}\"]`");
            Err(PublishFailure::view(&cause))
        }
        Syntax::TooDeep => Err(PublishFailure::view(TOO_DEEP)),
        Syntax::Undecided => Ok(Some(UNDECIDED)),
        Syntax::Script | Syntax::Module => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use ochre_package::{Limits, PackageBuilder, read};
    use serde_json::json;

    use super::*;

    async fn told(key: &str, view: &str) -> Option<String> {
        let manifest = json!({ "oc": { "files": { "template": {
            "type": "oc-template-es6", "hashKey": key, "src": "template.js",
        } } } });
        let archive = PackageBuilder::new()
            .file("package.json", manifest.to_string())
            .file("template.js", view)
            .build()
            .unwrap();
        let limits = Limits {
            // What overwhelms a parser packs well.
            ratio: 1_000_000,
            ..Limits::default()
        };
        let package = read(archive.as_slice(), &limits).unwrap();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let failure = check(&package, &places).await.err()?;
        assert_eq!(failure.status(), 409);
        Some(String::from_utf8_lossy(&failure.body()).into_owned())
    }

    #[tokio::test]
    async fn views_of_every_kind_are_taken() {
        let classic = "var oc=oc||{};oc.components=oc.components||{};\
                       oc.components['abc']=function(model){};";
        assert_eq!(told("abc", classic).await, None);
        assert_eq!(told("", "export const mount = () => {};").await, None);
        assert_eq!(told("abc", "export const mount = () => {};").await, None);
        assert_eq!(told("", "anything()").await, None);
    }

    #[tokio::test]
    async fn view_that_nobody_can_use_is_refused() {
        let syntax = told("abc", "<div>abc</div>").await.unwrap();
        assert!(syntax.contains("is not JavaScript"), "{syntax}");
        let other = told("abc", "oc.components['other']=function(){}").await;
        assert!(other.unwrap().contains("oc.components[\\\"abc\\\"]"));
        for bracket in ["(", "[", "{a:"] {
            let view = format!("x={}", bracket.repeat(5 * 1024 * 1024 / bracket.len()));
            let deep = told("", &view).await.unwrap();
            assert!(deep.contains("nested too deeply"), "{bracket}: {deep}");
        }
    }

    #[tokio::test]
    async fn view_is_not_refused_for_want_of_a_place() {
        let archive = PackageBuilder::new()
            .file(
                "package.json",
                r#"{"oc":{"files":{"template":{"type":"x"}}}}"#,
            )
            .file("template.js", "no javascript")
            .build()
            .unwrap();
        let package = read(archive.as_slice(), &Limits::default()).unwrap();
        let places = Arc::new(Semaphore::new(0));
        places.close();
        assert_eq!(check(&package, &places).await.ok(), Some(Some(UNDECIDED)));
    }
}
