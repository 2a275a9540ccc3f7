//! The command `ochre` against running registries.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use ochre_tests::{TestPackage, TestRegistry, cli_binary, free_port};
use serde_json::{Value, json};
use tempfile::TempDir;

const LOGIN: &str = r#"
[auth]
logins = [{ username = "u", password = "p" }]
"#;

/// What a run said, and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    /// Fails the test unless the run ended so.
    fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }
}

/// A folder with a packaged component, in which the command runs.
struct Desk {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Desk {
    fn with(package: &TestPackage) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        package.write_to(&folder.path().join("hello/_package"));
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    fn of_hello() -> Self {
        Self::with(&TestPackage::new("hello", "1.0.0"))
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn login(self) -> Self {
        self.variable("OCHRE_USERNAME", "u")
            .variable("OCHRE_PASSWORD", "p")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(cli_binary());
        command
            .args(arguments)
            .envs(self.variables.clone())
            .current_dir(self.folder.path());
        let output: Output = tokio::process::Command::from(command)
            .output()
            .await
            .expect("the command starts");
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn nobody() -> String {
    format!("http://127.0.0.1:{}/", free_port())
}

#[tokio::test]
async fn compiled_folder_is_published_and_served() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let desk = Desk::of_hello().login();

    let said = desk.run(&["publish", "hello", "-r", &registry.url]).await;

    let said = said.expect_code(0);
    let id = "hello@1.0.0: 2 files";
    assert!(said.stderr.contains(id), "{said:?}");
    assert!(said.stderr.contains("published in"), "{said:?}");
    assert_eq!(said.stdout, "");
    registry.get("/hello/1.0.0").await.expect_status(200);
}

#[tokio::test]
async fn archive_is_published_as_it_is() {
    let registry = TestRegistry::start().await;
    let desk = Desk::of_hello();
    let package = TestPackage::new("packed", "2.0.0");
    fs::write(desk.path("p.tar.gz"), package.archive()).expect("a file can be written");

    let run = ["publish", "p.tar.gz", "--json", "-r", &registry.url];
    let said = desk.run(&run).await.expect_code(0);

    let told = said.json();
    assert_eq!(told["component"], "packed");
    assert_eq!(told["results"][0]["outcome"], "published");
    let url = format!("{}packed/2.0.0", registry.url);
    assert_eq!(told["results"][0]["url"], url);
    registry.get("/packed").await.expect_status(200);
}

#[tokio::test]
async fn warnings_of_the_registry_are_passed_on() {
    let registry = TestRegistry::start().await;
    let key = format!("'AKIA{}'", "A1".repeat(8));
    let package = TestPackage::new("hello", "1.0.0").file("public/app.js", key.into_bytes());
    let desk = Desk::with(&package);

    let run = ["publish", "hello", "--json", "-r", &registry.url];
    let said = desk.run(&run).await.expect_code(0);

    assert!(said.stderr.contains("warning: `public/app.js`"), "{said:?}");
    let warnings = &said.json()["results"][0]["warnings"];
    assert_eq!(warnings.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn version_is_published_once() {
    let registry = TestRegistry::start().await;
    let desk = Desk::of_hello().variable("OCHRE_REGISTRIES", &registry.url);
    desk.run(&["publish", "hello"]).await.expect_code(0);

    let again = desk.run(&["publish", "hello", "--json"]).await;
    let skipped = desk.run(&["publish", "hello", "--skip-existing"]).await;
    fs::write(desk.path("hello/_package/new.css"), "a{}").expect("a file can be written");
    let other = desk.run(&["publish", "hello", "--skip-existing", "--json"]);
    let other = other.await;

    let result = &again.expect_code(3).json()["results"][0];
    assert_eq!(result["outcome"], "already_published");
    assert_eq!(result["sameContent"], true);
    skipped.expect_code(0);
    let result = &other.expect_code(3).json()["results"][0];
    assert_eq!(result["sameContent"], false);
}

#[tokio::test]
async fn wrong_credentials_are_told_with_what_to_do() {
    let registry = TestRegistry::start_with(LOGIN).await;
    let run = ["publish", "hello", "-r", &registry.url];

    let none = Desk::of_hello().run(&run).await.expect_code(4);
    let wrong = Desk::of_hello().login().variable("OCHRE_PASSWORD", "x");
    let wrong = wrong.run(&run).await.expect_code(4);
    let token = Desk::of_hello().variable("OCHRE_TOKEN", "t");
    token.run(&run).await.expect_code(4);
    let half = Desk::of_hello().variable("OCHRE_USERNAME", "u");
    half.run(&run).await.expect_code(2);

    assert!(none.stderr.contains("set OCHRE_USERNAME"), "{none:?}");
    assert!(wrong.stderr.contains("check OCHRE_USERNAME"), "{wrong:?}");
    registry.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn registry_that_is_down_does_not_keep_the_package_from_others() {
    let (first, second) = (TestRegistry::start().await, TestRegistry::start().await);
    let desk = Desk::of_hello();
    let down = nobody();
    let registries = ["-r", &first.url, "-r", &down, "-r", &second.url];
    let run = [&["publish", "hello", "--json"][..], &registries].concat();

    let said = desk.run(&run).await.expect_code(5);

    let told = said.json();
    let outcomes: Vec<_> = (0..3)
        .map(|index| told["results"][index]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["published", "unreachable", "published"]);
    assert!(said.stderr.contains("Connection refused"), "{said:?}");
    second.get("/hello").await.expect_status(200);
    desk.run(&run).await.expect_code(1);
}

#[tokio::test]
async fn dry_run_stores_nothing() {
    let registry = TestRegistry::start().await;
    let desk = Desk::of_hello();
    let run = ["publish", "hello", "--dry-run", "-r", &registry.url];

    desk.run(&run).await.expect_code(0);

    registry.get("/hello").await.expect_status(404);
    desk.run(&["publish", "hello", "-r", &registry.url])
        .await
        .expect_code(0);
    desk.run(&run).await.expect_code(3);
}

#[tokio::test]
async fn registries_come_from_oc_json_of_the_folder() {
    let registry = TestRegistry::start().await;
    let desk = Desk::of_hello();
    desk.run(&["publish", "hello"]).await.expect_code(2);
    let config = json!({ "registries": [registry.url.trim_end_matches('/')] });
    fs::write(desk.path("oc.json"), config.to_string()).expect("a file can be written");

    desk.run(&["publish", "hello"]).await.expect_code(0);
}

#[tokio::test]
async fn package_that_cannot_be_published_reaches_no_registry() {
    let named = TestPackage::new("bad name", "1.0.0");
    let without = TestPackage::new("hello", "1.0.0").without("template.js");
    for (package, code, part) in [(named, 1, "`name`"), (without, 2, "not compiled")] {
        let desk = Desk::with(&package);
        let run = ["publish", "hello/_package", "-r", &nobody()];
        let said = desk.run(&run).await.expect_code(code);
        assert!(said.stderr.contains(part), "{said:?}");
    }
    let desk = Desk::of_hello();
    desk.run(&["publish", "nothing-here", "-r", &nobody()])
        .await
        .expect_code(2);
    desk.run(&["publish", "hello", "-r", "no url"])
        .await
        .expect_code(2);
    desk.run(&["publish"]).await.expect_code(2);
}

#[tokio::test]
async fn validation_asks_the_registry_or_for_a_dry_run() {
    let offering = TestRegistry::start_with("[discovery]\nvalidate = true").await;
    let other = TestRegistry::start_with(LOGIN).await;
    let desk = Desk::of_hello();
    let run = |url| ["validate", "hello", "--json", "-r", url];

    let asked = desk.run(&run(&offering.url)).await.expect_code(0);
    desk.run(&run(&other.url)).await.expect_code(4);
    let dry = desk.login().run(&run(&other.url)).await.expect_code(0);

    assert_eq!(asked.json()["results"][0]["by"], Value::Null);
    assert_eq!(dry.json()["results"][0]["by"], "dry-run");
    let newer = TestPackage::new("hello", "1.0.0").manifest(|manifest| {
        manifest["oc"]["files"]["template"]["minOcVersion"] = "9.0.0".into();
    });
    let refused = Desk::with(&newer).run(&run(&offering.url)).await;
    let result = &refused.expect_code(1).json()["results"][0];
    assert_eq!(result["code"], "template_oc_version_not_valid");
    assert_eq!(result["details"]["minOcVersion"], "9.0.0");
    other.get("/hello").await.expect_status(404);
}

#[tokio::test]
async fn registries_are_listed_and_described() {
    let registry = TestRegistry::start_with("[http]\nprefix = \"/oc/\"").await;
    for version in ["1.0.0", "1.1.0"] {
        let archive = TestPackage::new("hello", version).archive();
        registry
            .put_archive(&format!("/oc/hello/{version}"), archive)
            .await
            .expect_status(200);
    }
    let url = format!("{}oc", registry.url);
    let desk = Desk::of_hello();

    let list = desk.run(&["registry", "ls", &url]).await.expect_code(0);
    let json = desk.run(&["registry", "ls", &url, "--json"]).await;
    let info = desk.run(&["registry", "info", &url, "--json"]).await;
    let down = desk.run(&["registry", "info", &nobody()]).await;

    let first = list.stdout.lines().next();
    assert_eq!(
        first.map(collapsed),
        Some("hello 1.1.0 (2 versions)".into())
    );
    let listed = &json.expect_code(0).json()["registries"][0]["answer"];
    let versions = json!(["1.0.0", "1.1.0"]);
    assert_eq!(
        listed[0],
        json!({ "name": "hello", "version": "1.1.0", "allVersions": versions })
    );
    assert_eq!(listed[1]["name"], "oc-client");
    let described = &info.expect_code(0).json()["registries"][0]["answer"];
    assert_eq!(described["type"], "oc-registry");
    assert_eq!(described["ready"], true);
    // The registry's own `oc-client` is listed too.
    assert_eq!(described["components"], 2);
    down.expect_code(5);
}

#[tokio::test]
async fn registry_that_tells_no_versions_is_listed_by_name() {
    let registry = TestRegistry::start_with("[discovery]\napi = false").await;
    registry.publish(&TestPackage::new("hello", "1.0.0")).await;

    let run = ["registry", "ls", &registry.url];
    let list = Desk::of_hello().run(&run).await.expect_code(0);

    let lines: Vec<String> = list.stdout.lines().map(collapsed).collect();
    assert_eq!(
        lines,
        ["hello version not told", "oc-client version not told"]
    );
}

/// The words of a line, without what lines its columns up.
fn collapsed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A registry with three versions of `hello`, and what the command says to it.
async fn of_three() -> (TestRegistry, Desk) {
    let registry = TestRegistry::start_with(LOGIN).await;
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let path = format!("/hello/{version}");
        let archive = TestPackage::new("hello", version).archive();
        let request = registry.put_request(&path, archive);
        let answer = ochre_tests::Answer::of(request.basic_auth("u", Some("p"))).await;
        answer.expect_status(200);
    }
    (registry, Desk::of_hello().login())
}

#[tokio::test]
async fn states_are_set_and_taken_back() {
    let (registry, desk) = of_three().await;
    let run = async |command: &str, release: &str| {
        let run = [
            command,
            release,
            "--reason",
            "loses clicks",
            "--json",
            "-r",
            &registry.url,
        ];
        desk.run(&run).await
    };
    for (command, state, newest) in [
        ("yank", "yanked", "1.1.0"),
        ("unyank", "active", "2.0.0"),
        ("deprecate", "deprecated", "2.0.0"),
    ] {
        let said = run(command, "hello@2.0.0").await.expect_code(0);
        let told = said.json();
        assert_eq!(told["results"][0]["outcome"], "changed");
        assert_eq!(told["results"][0]["state"], state);
        let served = registry.get("/hello").await.expect_status(200).json();
        assert_eq!(served["version"], newest, "{command}");
    }
    let said = run("yank", "hello@9.9.9").await.expect_code(1);
    assert_eq!(said.json()["results"][0]["code"], "version_not_found");
    run("yank", "hello").await.expect_code(2);
    let stranger = Desk::of_hello();
    let refused = stranger
        .run(&["yank", "hello@1.0.0", "-r", &registry.url])
        .await;
    assert!(refused.stderr.contains("OCHRE_TOKEN"), "{refused:?}");
    refused.expect_code(4);
    let gone = desk.run(&["yank", "hello@1.0.0", "-r", &nobody()]).await;
    gone.expect_code(5);
}

#[tokio::test]
async fn channels_are_moved_rolled_back_listed_and_removed() {
    let (registry, desk) = of_three().await;
    let run = async |words: &[&str]| {
        let mut run = vec!["channel"];
        run.extend(words);
        run.extend(["-r", &registry.url]);
        desk.run(&run).await
    };
    run(&["set", "hello", "stable", "1.0.0", "--if-absent"])
        .await
        .expect_code(0);
    let moved = run(&["set", "hello", "stable", "2.0.0", "--if-current", "1.0.0"]).await;
    assert!(moved.stderr.contains("stable points to 2.0.0"), "{moved:?}");
    moved.expect_code(0);
    let refused = run(&[
        "set",
        "hello",
        "stable",
        "1.1.0",
        "--if-current",
        "1.0.0",
        "--json",
    ])
    .await;
    let refused = refused.expect_code(1).json();
    assert_eq!(refused["results"][0]["code"], "channel_moved");
    assert_eq!(refused["results"][0]["current"], "2.0.0");

    let listed = run(&["ls", "hello"]).await.expect_code(0);
    assert_eq!(listed.stdout, "stable  2.0.0\n");
    run(&["rollback", "hello", "stable"]).await.expect_code(0);
    let listed = run(&["ls", "hello", "--json"]).await.expect_code(0).json();
    let channels = json!({ "stable": { "version": "1.0.0", "earlier": [] } });
    assert_eq!(listed["results"][0]["channels"], channels);
    run(&["rm", "hello", "stable"]).await.expect_code(0);
    assert_eq!(run(&["ls", "hello"]).await.expect_code(0).stdout, "");
    registry.get("/hello/stable").await.expect_status(404);
    run(&["set", "hello", "latest", "1.0.0"])
        .await
        .expect_code(2);
}
