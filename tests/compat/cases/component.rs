//! `GET /{name}[/{version}]`: bodies, versions, headers, methods.

use super::{both_ways, three_ways};
use crate::request::Case;

/// Every component, asked in all ways.
const PLAIN: [&str; 19] = [
    "/hello-es6",
    "/hello-handlebars",
    "/hello-legacy",
    "/hello-handlebars/1.0.0?name=Ada",
    "/hello-legacy/1.x.x?name=<b>",
    "/hello-es6/1.0.0?name=Ada",
    "/no-container",
    "/container-only",
    "/render-info-only",
    "/no-container-es6",
    "/static-files",
    "/environment",
    "/empty",
    "/empty?full=1",
    "/table",
    "/table?rows=0",
    "/table?rows=3",
    "/deprecated",
    "/Case-Sensitive_1",
];

/// Components that cannot be answered.
const REFUSED: [&str; 9] = [
    "/plugged",
    "/unknown-template",
    "/handlebars-old",
    "/not-there",
    "/not-there/1.0.0",
    "/hello-es6/9.0.0",
    "/case-sensitive_1",
    "/~registry",
    "/~registry/templates",
];

/// What is asked of the component `versions`.
const REQUESTED: [&str; 44] = [
    "1",
    "1.x",
    "1.X",
    "1.*",
    "1.x.x",
    "*",
    "x",
    "1.0",
    "~1.2",
    "~1.2.0",
    "~1.2.x",
    "1.2.x",
    "^1",
    "^1.0.0",
    "1.0.0%20-%201.2.0",
    "1.0.0%20%7C%7C%202.0.0",
    "2.1",
    "2.1.x",
    "3.x",
    "3.x.x",
    "~3.0.0-rc",
    "^3.0.0-rc.0",
    "%3E=3.0.0-0",
    "3.0.0-rc.1",
    "2.1.0-beta.1",
    "latest",
    "abc",
    "01.0.0",
    "1.0.0-1.2.0",
    "undefined",
    "null",
    "~",
    "^",
    "-1",
    "%221%22",
    "1,2",
    "v1.0.0",
    "=1.0.0",
    "%201.0.0%20",
    "1.2.1+build",
    "%3E=1.1.0%20%3C2",
    "%3E1.0.0",
    "~%3E1.0",
    "1.0.0%20%7C%7C",
];

/// Paths at the edge of the routes.
const EDGES: [&str; 22] = [
    "/no-container/",
    "/no-container/1.0.0/",
    "/no-container/~info/",
    "/no-container/1.0.0/x",
    "//no-container",
    "/no%2Dcontainer",
    "/no-container%2F1.0.0",
    "/%00",
    "/%zz",
    "/%ff",
    "/no-container/%zz",
    "/..%2f..%2fetc",
    "/__proto__",
    "/constructor",
    "/hasOwnProperty",
    "/toString/1.0.0",
    "/a.b",
    "/é",
    "/no-container/1.0.0/~other",
    "/no-container/1.0.0/static/template.js",
    "/nothing/at/all/here",
    "/no-container?a=b#c",
];

/// Methods at the edge of the routes.
const METHODS: [(&str, &str); 17] = [
    ("HEAD", "/no-container"),
    ("HEAD", "/not-there"),
    ("HEAD", "/"),
    ("OPTIONS", "/no-container"),
    ("OPTIONS", "/no-container/1.0.0"),
    ("OPTIONS", "/"),
    ("OPTIONS", "/~actions/increment/actions"),
    ("OPTIONS", "/~registry/plugins"),
    ("OPTIONS", "/nothing/at/all/here"),
    ("OPTIONS", "/no-container/~info"),
    ("DELETE", "/no-container"),
    ("PATCH", "/no-container/1.0.0"),
    ("PUT", "/no-container"),
    ("PUT", "/"),
    ("POST", "/no-container"),
    ("POST", "/no-container/1.0.0"),
    ("DELETE", "/"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in PLAIN {
        cases.extend(three_ways(path));
    }
    for path in REFUSED {
        cases.extend(three_ways(path));
    }
    for version in REQUESTED {
        cases.push(Case::get(&format!("/versions/{version}")).info());
    }
    cases.extend(both_ways("/versions/1.x.x"));
    cases.extend(both_ways("/versions"));
    cases.extend(
        [
            "/prereleases",
            "/prereleases/x",
            "/prereleases/%5E1.0.0-alpha.1",
        ]
        .map(|path| Case::get(path).info()),
    );
    cases.extend(headers());
    cases.extend(paths_and_methods());
    cases
}

/// Headers and cookies that components set.
fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for path in [
        "/headers",
        "/headers/1.0.0",
        "/headers/1.x.x",
        "/headers/1.0.0?fail=1",
    ] {
        cases.extend(both_ways(path));
    }
    cases.extend(
        [
            "/headers/1.0.0?set=Content-Type=text/plain",
            "/headers/1.0.0?set=etag=%22own%22",
            "/headers/1.0.0?set=X-A=1|x-a=2",
            "/headers/1.0.0?set=x-spaces=%20a%20b%20",
            "/headers/1.0.0?set=vary=x-own",
            "/headers/1.0.0?set=x-line=a%0Ab",
            "/headers/1.0.0?set=bad%20name=1",
            "/headers/1.0.0?set=x-unicode=%E2%82%AC",
            "/headers/1.0.0?set=x-latin=%C3%A9",
            "/headers/1.0.0?bad=number",
            "/headers/1.0.0?bad=name",
            "/headers/1?set=cache-control=no-store|x-b=1",
        ]
        .map(|path| Case::get(path).unrendered()),
    );
    for kind in [
        "plain", "object", "numbers", "escaped", "fail", "bad", "none",
    ] {
        cases.push(Case::get(&format!("/cookies?kind={kind}")).unrendered());
    }
    cases.push(Case::get("/cookies?kind=plain"));
    cases
}

/// Paths and methods at the edge of the routes.
fn paths_and_methods() -> Vec<Case> {
    let mut cases: Vec<Case> = EDGES.map(Case::get).into();
    for (method, path) in METHODS {
        cases.push(Case::of(method, path));
    }
    cases.push(
        Case::of("OPTIONS", "/no-container")
            .header("origin", "http://site.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "content-type")
            .named("preflight"),
    );
    for (name, tag) in [("other", "\"1-x\""), ("any", "*")] {
        cases.push(
            Case::get("/no-container")
                .header("if-none-match", tag)
                .named(&format!("if-none-match {name}")),
        );
    }
    cases
}
