//! What providers are told, what they may use, and what they may call.

use crate::request::{Case, UNRENDERED};

/// Path and `Accept-Language`.
const LANGUAGES: [(&str, &str); 7] = [
    ("/language", "en-US"),
    ("/language", "ja-JP,ja;q=0.8,en;q=0.5"),
    ("/language", "en;q=0.1, de;q=0.9, zh-Hant-TW"),
    ("/language", "*"),
    ("/language", ";;;q=x"),
    ("/language?__ocAcceptLanguage=en-US", "ja-JP"),
    ("/language-declared?__ocAcceptLanguage=en-US", "ja-JP"),
];

const LIBRARY: [&str; 17] = [
    "base64",
    "fromBase64",
    "hex",
    "lengths",
    "bufferJson",
    "url",
    "badUrl",
    "query",
    "uuid",
    "dates",
    "symbols",
    "abort",
    "order",
    "regexp",
    "modern",
    "numbers",
    "sort",
];

const NESTED: [&str; 16] = [
    "one",
    "oneByCallback",
    "noOptions",
    "version",
    "bare",
    "missing",
    "missingUncaught",
    "invalid",
    "throwing",
    "many",
    "none",
    "nameless",
    "language",
    "inherits",
    "headers",
    "empty",
];

pub(super) fn cases() -> Vec<Case> {
    let context = |name: &str| {
        Case::get("/context")
            .named(&format!("context: {name}"))
            .header("accept", UNRENDERED)
    };
    let mut cases = vec![
        context("plain"),
        context("headers")
            .header("x-own", "own")
            .header("user-agent", "probe/1"),
        context("cookie").header("cookie", "a=b"),
        context("authorization").header("authorization", "Basic eDp5"),
        Case::get("/context?globals=own").unrendered(),
        Case::get("/requires").unrendered(),
        Case::get("/requires")
            .unrendered()
            .named("GET /requires again"),
        Case::get("/requires-late").unrendered(),
        Case::get("/requires-late?late=1").unrendered(),
        Case::get("/language").unrendered(),
        Case::get("/language?__ocAcceptLanguage=en-US").unrendered(),
        Case::get("/language-declared?__ocAcceptLanguage=en-US").unrendered(),
        Case::get("/nested?kind=many"),
    ];
    // Module state lives on between requests.
    cases.extend(["first", "second"].map(|time| {
        let case = Case::get("/context?calls=1").unrendered();
        case.named(&format!("context: {time} call"))
    }));
    cases.extend(LANGUAGES.map(|(path, value)| {
        let case = Case::get(path).header("accept-language", value);
        let name = format!("GET {path} in {value}");
        case.header("accept", UNRENDERED).named(&name)
    }));
    cases.extend(LIBRARY.map(|kind| Case::get(&format!("/library?kind={kind}")).unrendered()));
    cases.extend(NESTED.map(|kind| Case::get(&format!("/nested?kind={kind}")).unrendered()));
    cases
}
