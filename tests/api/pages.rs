//! The pages that browsers get: list, history, `~info`, `~preview`, and their files.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ochre_tests::{Answer, TestPackage, TestRegistry, eventually};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use sha2::{Digest, Sha256};

/// What a browser sends.
const ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Markup that must never reach a page as such.
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

async fn page(registry: &TestRegistry, path: &str) -> Answer {
    let answer = registry.get_with_headers(path, &[("accept", ACCEPT)]).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    answer
}

fn greeting(version: &str) -> TestPackage {
    let parameters = json!({
        "name": { "type": "string", "mandatory": true, "example": "Ada" },
        "size": { "type": "string", "enum": ["small", "large"], "default": "small" },
    });
    TestPackage::new("greeting", version)
        .oc("parameters", parameters)
        .manifest(|manifest| manifest["author"] = json!("Ada <ada@example.com>"))
}

/// Waits until the pages tell the author of `greeting`, which is read after it was published.
async fn described(registry: &TestRegistry) {
    eventually("the author", Duration::from_mins(1), || async {
        let html = page(registry, "/?q=ada&template=oc-template-es6&author=Ada").await;
        html.text()
            .contains("id=\"component-greeting\"")
            .then_some(())
    })
    .await;
}

/// The inline scripts of a page.
fn inline_scripts(html: &str) -> Vec<&str> {
    let scripts = html.split("<script>").skip(1);
    scripts
        .map(|rest| rest.split("</script>").next().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn the_list_is_a_page_for_browsers_and_json_for_others() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;

    let html = page(&registry, "/").await.text();
    let json = registry.get("/").await.json();

    assert!(
        html.starts_with("<!DOCTYPE html><html lang=\"en\" data-theme=\"dark\">"),
        "{html}"
    );
    for needed in [
        "componentsList=[{\"name\":\"greeting\"",
        "id=\"components-list\"",
        "id=\"component-greeting\"",
        "id=\"components-history\"",
        "id=\"components-templates\"",
        "id=\"components-dependencies\"",
        "id=\"components-plugins\"",
        "href=\"/greeting/1.0.0/~info\"",
        "<meta name=\"robots\" content=\"index, follow\">",
    ] {
        assert!(html.contains(needed), "{needed}: {html}");
    }
    assert_eq!(json["type"], "oc-registry");
}

#[tokio::test]
async fn pages_allow_their_own_scripts_alone() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;

    for path in ["/", "/?view=history", "/greeting/~info"] {
        let answer = page(&registry, path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        for script in inline_scripts(&answer.text()) {
            let hash = STANDARD.encode(Sha256::digest(script));
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{script}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;
    // The page changes once more when the author is known.
    described(&registry).await;
    let tag = page(&registry, "/").await.header("etag");

    let again = [("accept", ACCEPT), ("if-none-match", tag.as_str())];
    let again = registry.get_with_headers("/", &again).await;

    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("vary"), "Accept, Accept-Encoding, Cookie");
}

#[tokio::test]
async fn pages_are_compressed() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;
    let plain = page(&registry, "/").await;
    assert_eq!(plain.header("content-encoding"), "");
    for (accepted, expected) in [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0", "")] {
        let headers = [("accept", ACCEPT), ("accept-encoding", accepted)];
        let answer = registry.get_with_headers("/", &headers).await;
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        assert!(answer.header("vary").contains("Accept-Encoding"));
        let is_smaller = answer.body.len() < plain.body.len() / 2;
        assert_eq!(is_smaller, !expected.is_empty(), "{accepted}");
    }
}

#[tokio::test]
async fn the_chosen_theme_is_kept_and_others_are_ignored() {
    let registry = TestRegistry::start().await;
    for (cookie, theme, scheme) in [
        ("a=b; oc-theme=light", "light", "light"),
        ("oc-theme=dark", "dark", "dark"),
        ("oc-theme=\"><script>", "dark", "light dark"),
    ] {
        let headers = [("accept", ACCEPT), ("cookie", cookie)];
        let html = registry.get_with_headers("/", &headers).await.text();
        assert!(html.contains(&format!("data-theme=\"{theme}\"")), "{html}");
        let scheme = format!("<meta name=\"color-scheme\" content=\"{scheme}\">");
        assert!(html.contains(&scheme), "{html}");
    }
}

#[tokio::test]
async fn the_list_is_paged_searched_and_filtered() {
    let registry = TestRegistry::start().await;
    // With the registry's own oc-client there are 60.
    for number in 0..59 {
        let mut package = TestPackage::new(&format!("c-{number:02}"), "1.0.0");
        if number % 20 == 0 {
            package = package.oc("state", json!("deprecated"));
        }
        registry.publish(&package).await;
    }

    let first = page(&registry, "/").await.text();
    let second = page(&registry, "/?page=2").await.text();
    let beyond = page(&registry, "/?page=999999999999").await.text();
    let found = page(&registry, "/?q=C-4+4").await.text();
    let filtered = page(&registry, "/?state=deprecated").await.text();
    let none = page(&registry, "/?q=nothing").await.text();

    let rows = |html: &str| html.matches("class=\"component\"").count();
    assert_eq!([rows(&first), rows(&second), rows(&beyond)], [50, 10, 10]);
    assert!(first.contains("rel=\"next\"") && !first.contains("rel=\"prev\""));
    assert!(second.contains("51–60 of 60"), "{second}");
    assert_eq!((rows(&found), rows(&filtered), rows(&none)), (10, 3, 0));
    assert!(none.contains("No component fits."), "{none}");
}

#[tokio::test]
async fn what_package_json_says_of_new_releases_is_found() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;

    // Read beside requests, so a moment later.
    described(&registry).await;
}

#[tokio::test]
async fn releases_are_listed_newest_first() {
    let registry = TestRegistry::start().await;
    for version in ["1.0.0", "1.0.1", "0.9.0"] {
        registry.publish(&greeting(version)).await;
    }

    let html = page(&registry, "/?view=history").await.text();

    let place = |version: &str| html.find(&format!("/greeting/{version}/~info"));
    let places = ["0.9.0", "1.0.1", "1.0.0"].map(place);
    assert!(places.is_sorted() && places[0].is_some(), "{html}");
}

#[tokio::test]
async fn information_has_a_form_versions_and_code() {
    let registry = TestRegistry::start().await;
    registry.publish(&greeting("1.0.0")).await;
    registry.publish(&greeting("1.1.0")).await;

    let html = page(&registry, "/greeting/1.0.0/~info").await.text();
    let asked = page(&registry, "/greeting/1.x.x/~info?name=A%26B&size=large").await;
    let asked = asked.text();

    for needed in [
        "data-theme=\"dark\"",
        "class=\"parameter-input\"",
        "data-parameter=\"name\"",
        "updateHrefFromParameters",
        ".parameter-input",
        "value=\"Ada\"",
        "The newest version is <a href=\"/greeting/1.1.0/~info\">",
        "src=\"/greeting/1.0.0/~preview/?name=Ada\"",
    ] {
        assert!(html.contains(needed), "{needed}: {html}");
    }
    assert!(asked.contains("value=\"A&#38;B\""), "{asked}");
    assert!(
        asked.contains("<option value=\"large\" selected>"),
        "{asked}"
    );
    assert!(
        asked.contains("/greeting/1.x.x?name=A%26B&#38;size=large</code>"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_preview_loads_the_client_and_the_component() {
    let registry = TestRegistry::start().await;
    let imports = json!({ "imports": { "vue": "https://cdn.example/vue.js" } });
    let package = greeting("1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["imports"] = imports["imports"].clone();
    });
    registry.publish(&package).await;
    let host = registry.url.trim_start_matches("http:");

    for path in [
        "/greeting/~preview?name=A%20B",
        "/greeting/~preview/?name=A%20B",
    ] {
        let html = page(&registry, path).await.text();
        for needed in [
            format!("<script src=\"{host}oc-client/client.js\"></script>"),
            format!(
                "<oc-component id=\"oc-greeting@1.0.0\" href=\"{host}greeting/1.0.0/?name=A%20B\"></oc-component>"
            ),
            format!("<script type=\"importmap\">{imports}</script>"),
            "oc.conf.templates=(oc.conf.templates||[]).concat([{\"type\":\"oc-template-es6\""
                .into(),
            "<meta name=\"viewport\"".into(),
        ] {
            assert!(html.contains(&needed), "{needed}: {html}");
        }
    }
}

/// Whatever packages and readers say: it is shown as text.
#[tokio::test]
async fn nothing_said_by_packages_or_readers_is_markup() {
    let registry = TestRegistry::start().await;
    let package = TestPackage::new("evil", "1.0.0")
        .oc("state", json!(EVIL))
        .oc(
            "parameters",
            json!({ EVIL: {
            "type": "string", "default": EVIL, "example": EVIL, "description": EVIL, "enum": [EVIL],
        } }),
        )
        .manifest(|manifest| {
            for field in ["description", "author", "license"] {
                manifest[field] = json!(EVIL);
            }
            manifest["keywords"] = json!([EVIL]);
            manifest["repository"] = json!("javascript:alert(1)");
            manifest["oc"]["files"]["imports"] = json!({ EVIL: EVIL });
        });
    registry.publish(&package).await;
    let evil: String = utf8_percent_encode(EVIL, NON_ALPHANUMERIC).collect();

    for path in [
        "/".to_owned(),
        "/?view=history".to_owned(),
        format!("/?q={evil}&state={evil}&author={evil}&template={evil}&page={evil}&view={evil}"),
        "/evil/~info".to_owned(),
        format!("/evil/~info?{evil}={evil}&x={evil}"),
        format!("/evil/~preview?{evil}={evil}"),
    ] {
        let answer = page(&registry, &path).await;
        let html = answer.text();
        assert!(!html.contains("<script>alert"), "{path}: {html}");
        assert!(!html.contains("<img src=x"), "{path}: {html}");
        assert!(!html.contains("href=\"javascript:"), "{path}: {html}");
        assert!(!answer.header("content-security-policy").is_empty());
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_as_oc_does() {
    let registry = TestRegistry::start().await;
    for path in ["/nope/~info", "/nope/~preview", "/nope/1.0.0/~info"] {
        let answer = registry.get_with_headers(path, &[("accept", ACCEPT)]).await;
        let answer = answer.expect_status(404);
        let text = answer.json();
        assert!(
            text.as_str()
                .is_some_and(|text| text.starts_with("Component \"nope\""))
        );
    }
}

#[tokio::test]
async fn switched_off_pages_are_json_and_previews_stay() {
    let registry = TestRegistry::start_with("[discovery]\nui = false\nrobots = false").await;
    registry.publish(&greeting("1.0.0")).await;

    for path in ["/", "/greeting/~info"] {
        let answer = registry.get_with_headers(path, &[("accept", ACCEPT)]).await;
        answer.expect_status(200).json();
    }
    let preview = page(&registry, "/greeting/~preview").await.text();
    assert!(
        preview.contains("content=\"noindex, nofollow\""),
        "{preview}"
    );
}

#[tokio::test]
async fn links_stay_below_the_prefix() {
    let registry = TestRegistry::start_with("[http]\nprefix = \"/registry/\"").await;
    let path = "/registry/greeting/1.0.0";
    registry
        .put_archive(path, greeting("1.0.0").archive())
        .await
        .expect_status(200);

    let html = page(&registry, "/registry/").await.text();

    assert!(
        html.contains("href=\"/registry/greeting/1.0.0/~info\""),
        "{html}"
    );
    page(&registry, "/registry/greeting/1.0.0/~info").await;
}

#[tokio::test]
async fn files_of_the_pages_are_compressed_and_kept_for_ever() {
    let registry = TestRegistry::start().await;
    let html = page(&registry, "/").await.text();
    let style = html
        .split("href=\"")
        .find(|part| part.starts_with("/~ui/") && part.contains(".css"));
    let style = style
        .and_then(|part| part.split('"').next())
        .expect("a style");

    let plain = registry.get(style).await.expect_status(200);
    let packed = registry
        .get_with_headers(style, &[("accept-encoding", "br")])
        .await;
    let name = style.rsplit('/').next().expect("a name");
    let other = registry
        .get(&format!("/~ui/000000000000/{name}"))
        .await
        .expect_status(200);

    assert_eq!(plain.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        plain.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(packed.header("content-encoding"), "br");
    assert!(packed.body.len() < plain.body.len() / 2);
    assert_eq!(
        (
            other.body,
            other.headers["cache-control"].to_str().expect("text")
        ),
        (plain.body, "no-store")
    );
    registry
        .get("/~ui/000000000000/nope.css")
        .await
        .expect_status(404);
}

#[tokio::test]
async fn components_of_the_fallback_registry_have_pages() {
    let other = TestRegistry::start().await;
    other.publish(&greeting("1.0.0")).await;
    other.publish(&greeting("1.1.0")).await;
    let settings = format!("[fallback]\nregistry_url = \"{}\"", other.url);
    let registry = TestRegistry::start_with(&settings).await;

    let info = page(&registry, "/greeting/1.0.0/~info").await.text();
    let preview = page(&registry, "/greeting/~preview?name=Ada").await.text();

    assert!(info.contains("data-parameter=\"name\""), "{info}");
    assert!(info.contains("href=\"/greeting/1.1.0/~info\""), "{info}");
    let host = registry.url.trim_start_matches("http:");
    assert!(
        preview.contains(&format!("href=\"{host}greeting/1.1.0/?name=Ada\"")),
        "{preview}"
    );
}
