//! The real `oc` command line program against both registries.

mod terminal;

use std::{
    fs,
    path::{Path, PathBuf},
};

use ochre_tests::{Tools, tests_folder};
use terminal::Terminal;

use crate::{
    Outcome,
    compare::Mismatch,
    differences::Differences,
    normalise::{self, Place},
    reference::LOGIN,
    request::{self, Case},
};

/// The components that `oc init` makes: name and template type.
const FRESH: [(&str, &str); 2] = [
    ("fresh-es6", "oc-template-es6"),
    ("fresh-handlebars", "oc-template-handlebars"),
];

/// One use of the program: what is typed, and how the answer to a question reads.
struct Scenario {
    name: &'static str,
    arguments: Vec<String>,
    answers: Vec<(&'static str, &'static str)>,
}

/// Runs every scenario against both, and compares what the program says and how it ends.
pub(crate) async fn outcomes(
    tools: &Tools,
    reference: &Place,
    ochre: &Place,
    wanted: &dyn Fn(&str) -> bool,
    differences: &mut Differences,
) -> Vec<Outcome> {
    let expected = transcripts(tools, reference, wanted).await;
    let actual = transcripts(tools, ochre, wanted).await;
    let mut outcomes = Vec::new();
    for ((name, expected), (_, actual)) in expected.into_iter().zip(actual) {
        let mismatch = Mismatch {
            field: "transcript".to_owned(),
            reference: expected,
            ochre: actual,
        };
        let mismatches = Vec::from_iter((mismatch.reference != mismatch.ochre).then_some(mismatch));
        let outcome = differences.outcome(&name, mismatches);
        outcomes.push((name, outcome));
    }
    for (name, _) in FRESH {
        if wanted(name) {
            outcomes.extend(rendered(name, reference, ochre, differences).await);
        }
    }
    outcomes
}

/// What the program shows in each scenario, with a registry that holds none of the components.
pub(crate) async fn transcripts(
    tools: &Tools,
    place: &Place,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let mut transcripts = Vec::new();
    for (name, template) in FRESH {
        if !wanted(name) {
            continue;
        }
        let folder = init(tools, name, template).await;
        for scenario in scenarios(&folder) {
            let shown = run(tools, &scenario, place).await;
            transcripts.push((format!("cli: {name}: {}", scenario.name), shown));
        }
    }
    transcripts
}

/// What was published by the program is answered alike.
async fn rendered(
    name: &str,
    reference: &Place,
    ochre: &Place,
    differences: &mut Differences,
) -> Vec<Outcome> {
    let client = request::client();
    let path = format!("/{name}/1.x.x?userId=1");
    let mut outcomes = Vec::new();
    for case in [Case::get(&path), Case::get(&path).unrendered()] {
        let expected = crate::fields(&case, &client, reference).await;
        let actual = crate::fields(&case, &client, ochre).await;
        let name = format!("cli: {}", case.name);
        let outcome = if expected.is_ok() {
            differences.outcome(&name, expected.mismatches(&actual))
        } else {
            Err(format!("the reference does not render it:\n{expected}"))
        };
        outcomes.push((name, outcome));
    }
    outcomes
}

/// In the order in which they are run: the first to publish succeeds.
fn scenarios(folder: &Path) -> Vec<Scenario> {
    let publish = |name, further: &[&str], answers: &[(&'static str, &'static str)]| {
        let mut arguments = vec!["publish".to_owned(), folder.to_string_lossy().into_owned()];
        arguments.extend([
            "--skipPackage".to_owned(),
            "--registries".to_owned(),
            "REGISTRY".to_owned(),
        ]);
        arguments.extend(further.iter().map(ToString::to_string));
        Scenario {
            name,
            arguments,
            answers: answers.to_vec(),
        }
    };
    let (user, password) = (
        format!("--username={}", LOGIN.0),
        format!("--password={}", LOGIN.1),
    );
    let right = [("Enter username", LOGIN.0), ("Enter password", LOGIN.1)];
    let wrong = [("Enter username", LOGIN.0), ("Enter password", "wrong")];
    vec![
        Scenario {
            name: "registry add",
            arguments: ["registry", "add", "REGISTRY"].map(str::to_owned).to_vec(),
            answers: Vec::new(),
        },
        publish(
            "publish with a wrong password",
            &[&user, "--password=wrong"],
            &[],
        ),
        publish("publish with wrong answers", &[], &wrong),
        publish("publish with a token", &["--token=abc"], &[]),
        publish("dry run", &["--dryRun", &user, &password], &[]),
        publish("publish with answers to the questions", &[], &right),
        publish("publish again", &[&user, &password], &[]),
        publish(
            "dry run of what exists",
            &["--dryRun", &user, &password],
            &[],
        ),
    ]
}

async fn run(tools: &Tools, scenario: &Scenario, place: &Place) -> String {
    // `registry add` writes oc.json where it runs.
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let arguments = scenario.arguments.iter();
    let arguments = arguments.map(|argument| argument.replace("REGISTRY", &place.registry));
    let mut terminal = Terminal::open(tools, folder.path(), arguments);
    for (question, answer) in &scenario.answers {
        terminal.answer(question, answer).await;
    }
    let (status, output) = terminal.closed().await;
    format!("{}\nexit {status}", normalise::text(&output, place))
}

/// `oc init` and `oc package`, unless a run before has done both.
async fn init(tools: &Tools, name: &str, template: &str) -> PathBuf {
    let parent = tools.root().join("fresh");
    let folder = parent.join(name);
    if folder.join("_package/package.json").exists() {
        return folder;
    }
    drop(fs::remove_dir_all(&folder));
    let shims = parent.join("bin");
    fs::create_dir_all(&shims).expect("a folder can be made");
    let pinned = tests_folder().join("compat/npm_pinned.sh");
    fs::copy(pinned, shims.join("npm")).expect("a file can be copied");
    for arguments in [vec!["init", name, template], vec!["package", name]] {
        let mut command = tools.oc(&parent);
        command
            .args(&arguments)
            .env("OCHRE_TEST_NPM", tools.node_folder().join("npm"))
            .env(
                "PATH",
                format!("{}:{}", shims.display(), tools.search_path()),
            );
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .expect("Node starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "oc {arguments:?} failed:\n{text}");
    }
    folder
}
