//! Ranges and resolution against npm's own `semver`, on generated inputs.
//!
//! `OCHRE_SEMVER_MODULE` is the path of an installed `semver` 7.7 (a folder with its
//! `package.json`); `node` is on the path, or `OCHRE_NODE` names it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what drives the test fails by panicking too"
)]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use ochre_model::{Range, Version, resolve};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::{Value, json};

/// Answers one JSON line for each: `[[versions], range]` to
/// `[valid range?, [satisfies?, …], resolved]`.
const SCRIPT: &str = r"
const semver = require(process.argv[1]);
const satisfying = (list, range) => {
  if (range !== '' && list.includes(range)) return range;
  const found = semver.maxSatisfying(list, range);
  if (found || range !== '' || !list.length) return found;
  return list.find((one) => semver.compare(one, list.at(-1)) === 0);
};
const answer = ([versions, range]) => {
  const isValid = semver.validRange(range) !== null;
  const list = versions.filter((one) => semver.valid(one) !== null)
    .sort((left, right) => semver.compare(left, right) || (left < right ? -1 : 1));
  return [isValid, versions.map((one) => isValid && semver.satisfies(one, range)),
    versions.map((one) => semver.valid(one) !== null), satisfying(list, range)];
};
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n');
});
";

/// One process of Node with npm's `semver`.
struct Npm {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Npm {
    #[expect(
        clippy::disallowed_methods,
        reason = "the set-up of the tests tells where npm lies"
    )]
    fn start() -> Self {
        let module = env::var("OCHRE_SEMVER_MODULE").expect(
            "OCHRE_SEMVER_MODULE is not set: it names an installed npm `semver` 7.7; \
             tests/run.sh installs one and sets it",
        );
        let node = env::var("OCHRE_NODE").unwrap_or_else(|_| "node".to_owned());
        let mut child = Command::new(node)
            .args(["-e", SCRIPT, &module])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            requests,
            answers,
        }
    }

    fn ask(&mut self, versions: &[String], range: &str) -> Value {
        writeln!(self.requests, "{}", json!([versions, range])).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("node answers; see its message above")
    }
}

impl Drop for Npm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ochre's answer to the same question.
fn ochre(versions: &[String], range: &str) -> Value {
    let parsed: Vec<Option<Version>> = versions.iter().map(|text| text.parse().ok()).collect();
    let read = range.parse::<Range>().ok();
    let satisfies = parsed.iter().map(|version| {
        let both = read.as_ref().zip(version.as_ref());
        both.is_some_and(|(range, version)| range.matches(version))
    });
    let satisfies: Vec<bool> = satisfies.collect();
    let valid: Vec<bool> = parsed.iter().map(Option::is_some).collect();
    let mut list: Vec<Version> = parsed.into_iter().flatten().collect();
    list.sort();
    let resolved = resolve(&list, range).map(Version::as_str);
    json!([read.is_some(), satisfies, valid, resolved])
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..4_u8).prop_map(|number| number.to_string()),
        1 => select(vec!["10", "01", "9007199254740991", "9007199254740992"]).prop_map(String::from),
    ]
}

fn version() -> impl Strategy<Value = String> {
    let tail = select(vec![
        "",
        "",
        "",
        "",
        "-a",
        "-a.1",
        "-1",
        "-0",
        "-rc.1",
        "-rc.2",
        "-x",
        "--",
        "+b",
        "-a+b.c",
        "-01",
        "-9007199254740993",
        "-9007199254740992.1",
    ]);
    let prefix = select(vec!["", "", "", "v", " ", "="]);
    (prefix, number(), number(), number(), tail).prop_map(|(prefix, major, minor, patch, tail)| {
        format!("{prefix}{major}.{minor}.{patch}{tail}")
    })
}

fn range() -> impl Strategy<Value = String> {
    let wildcard =
        prop_oneof![3 => number(), 1 => select(vec!["x", "X", "*"]).prop_map(String::from)];
    let partial = prop_oneof![
        version(),
        prop::collection::vec(wildcard, 1..4).prop_map(|parts| parts.join(".")),
    ];
    let operator = select(vec![
        "", "", "^", "~", "~>", ">", ">=", "<", "<=", "=", "~ ", "> ", "^ ", "<= ",
    ]);
    let simple =
        (operator, partial.clone()).prop_map(|(operator, partial)| operator.to_owned() + &partial);
    let hyphen = (partial.clone(), partial).prop_map(|(from, to)| format!("{from} - {to}"));
    let set = prop_oneof![
        4 => prop::collection::vec(simple, 0..4).prop_map(|all| all.join(" ")),
        1 => hyphen,
    ];
    let ranges = prop::collection::vec(set, 1..4).prop_map(|sets| sets.join(" || "));
    let damaged = (
        ranges.clone(),
        any::<prop::sample::Index>(),
        "[\\^~<>=vx*.+| \t0-9a-]{1,2}",
    )
        .prop_map(|(text, at, insert)| {
            let at = at.index(text.len() + 1);
            [&text[..at], &insert, &text[at..]].concat()
        });
    prop_oneof![4 => ranges, 2 => damaged, 1 => "[\\^~<>=vx*.+| 0-2a\u{a0}é-]{0,12}"]
}

#[test]
fn ochre_and_npm_agree_on_every_range() {
    let mut npm = Npm::start();
    let mut runner = TestRunner::new(Config {
        cases: 20_000,
        // The same cases on every machine; another seed looks for what these do not find.
        rng_seed: RngSeed::Fixed(20_261_121),
        failure_persistence: None,
        ..Config::default()
    });
    let npm = std::cell::RefCell::new(&mut npm);
    let cases = (prop::collection::vec(version(), 0..8), range());
    runner
        .run(&cases, |(versions, range)| {
            let expected = npm.borrow_mut().ask(&versions, &range);
            prop_assert_eq!(
                ochre(&versions, &range),
                expected,
                "{:?} in {:?}",
                range,
                versions
            );
            Ok(())
        })
        .unwrap();
}
