//! `PUT /{name}/{version}`: credentials, checks, and their order.

use ochre_tests::TestPackage;
use serde_json::json;

use crate::{components::Packaged, reference::LOGIN, request::Case};

const AGENT: &str = "oc-cli-0.50.44/v20.20.2-linux-x64";

const AGENTS: [(&str, &str); 7] = [
    ("none", ""),
    ("curl", "curl/8.0"),
    ("a word for a version", "oc-cli-abc/v20.0.0-linux-x64"),
    ("older", "oc-cli-0.40.0/v20.20.2-linux-x64"),
    ("newer", "oc-cli-9.9.9/v20.20.2-linux-x64"),
    ("old Node", "oc-cli-0.50.44/v10.0.0-linux-x64"),
    ("no Node", "oc-cli-0.50.44"),
];

pub(super) fn cases(components: &[Packaged]) -> Vec<Case> {
    let mut cases = credentials();
    cases.extend(names(components));
    cases.extend(manifests());
    cases.extend(bodies());
    cases.extend(AGENTS.map(|(name, agent)| {
        put(
            &format!("user agent {name}"),
            "/agent/1.0.0?dryRun",
            &TestPackage::new("agent", "1.0.0"),
        )
        .header("user-agent", agent)
    }));
    cases
}

fn put(name: &str, path: &str, package: &TestPackage) -> Case {
    Case::publish(name, path, &package.archive()).basic(LOGIN.0, LOGIN.1)
}

fn credentials() -> Vec<Case> {
    let archive = TestPackage::new("new", "1.0.0").archive();
    let open = |name: &str| Case::publish(name, "/new/1.0.0?dryRun", &archive);
    let with = |name: &str, value: &str| open(name).header("authorization", value);
    vec![
        open("no credentials"),
        open("wrong password").basic(LOGIN.0, "x"),
        open("wrong user").basic("x", LOGIN.1),
        open("right credentials").basic(LOGIN.0, LOGIN.1),
        with("bearer", "Bearer abc"),
        with("no colon", "Basic YWJj"),
        with("not base64", "Basic ???"),
        with("lower case scheme", "basic YTpi"),
        with("one word", "Basic"),
        with("empty credentials", ""),
        Case::of("PUT", "/new/1.0.0").named("publish: no body, no credentials"),
    ]
}

/// Name, path, and the name and version in the package.
const NAMES: [(&str, &str, &str, &str); 13] = [
    ("dry run", "/dry/1.0.0?dryRun", "dry", "1.0.0"),
    ("new", "/fresh/1.0.0", "fresh", "1.0.0"),
    ("prerelease", "/fresh/1.1.0-x.1", "fresh", "1.1.0-x.1"),
    ("name of another", "/other/1.0.0", "fresh", "1.0.0"),
    ("invalid name", "/a.b/1.0.0", "a.b", "1.0.0"),
    ("name _package", "/_package/1.0.0", "_package", "1.0.0"),
    ("name with a space", "/a%20b/1.0.0", "a b", "1.0.0"),
    ("invalid version", "/fresh/1.0", "fresh", "1.0"),
    ("version word", "/fresh/latest", "fresh", "latest"),
    ("leading zero", "/fresh/01.0.0", "fresh", "01.0.0"),
    ("version with v", "/fresh/v4.0.0?dryRun", "fresh", "v4.0.0"),
    ("version differs", "/fresh/5.0.0?dryRun", "fresh", "6.0.0"),
    ("oc-client", "/oc-client/9.9.9?dryRun", "oc-client", "9.9.9"),
];

fn names(components: &[Packaged]) -> Vec<Case> {
    let known = &components[0];
    let again = format!("/{}/{}", known.name, known.version);
    let dry = format!("{again}?dryRun=false");
    let exists =
        |name: &str, path: &str| Case::publish(name, path, &known.archive).basic(LOGIN.0, LOGIN.1);
    let mut cases = vec![
        exists("existing version", &again),
        exists("existing version, dry run", &dry),
    ];
    cases.extend(
        NAMES.map(|(name, path, own, version)| put(name, path, &TestPackage::new(own, version))),
    );
    cases.push(
        Case::get("/dry")
            .info()
            .named("publish: dry run left nothing"),
    );
    cases
}

fn manifests() -> Vec<Case> {
    let package = || TestPackage::new("bare", "1.0.0");
    let min = |version: &str| {
        package().manifest(|manifest| {
            manifest["oc"]["files"]["template"]["minOcVersion"] = version.into();
        })
    };
    let path = "/bare/1.0.0?dryRun";
    let unknown = package().manifest(|manifest| {
        manifest["oc"]["files"]["template"]["type"] = "none".into();
    });
    let without_oc = package().manifest(|manifest| manifest["oc"] = json!(null));
    let without_template = package().oc("files", json!({}));
    vec![
        put("min version too high", path, &min("9.0.0")),
        put("min version fits", path, &min("0.50.0")),
        put("min version is no version", path, &min("new")),
        put("no oc block", path, &without_oc),
        put("no template", path, &without_template),
        put("unknown template type", path, &unknown),
    ]
}

/// Bodies that are no upload of one archive.
fn bodies() -> Vec<Case> {
    let upload = |name: &str, kind: &str, body: &str| {
        Case::of("PUT", "/fresh/7.0.0")
            .text(kind, body)
            .header("user-agent", AGENT)
            .basic(LOGIN.0, LOGIN.1)
            .named(&format!("publish: {name}"))
    };
    let form = |name: &str, body: &str| upload(name, "multipart/form-data; boundary=b", body);
    let part = |kind: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.tar.gz\"\r\n\
             Content-Type: {kind}\r\n\r\nx\r\n"
        )
    };
    let gzip = part("application/gzip");
    let field = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nshort\r\n--b--\r\n";
    let raw = |name: &str, bytes: &[u8]| {
        Case::publish(name, "/fresh/7.0.0", bytes).basic(LOGIN.0, LOGIN.1)
    };
    vec![
        raw("not an archive", b"not gzip"),
        raw("empty archive", b""),
        form("no parts", "--b--\r\n"),
        form("two files", &format!("{gzip}{gzip}--b--\r\n")),
        form(
            "wrong type of part",
            &format!("{}--b--\r\n", part("text/plain")),
        ),
        form("a text field", field),
        form("no boundary in the body", "nothing"),
        upload("JSON", "application/json", "{}"),
        upload(
            "no boundary in the type",
            "multipart/form-data",
            "--b--\r\n",
        ),
    ]
}
