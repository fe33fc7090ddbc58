//! The tour: one run out of which every kind of event comes.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use agentbus::EventType;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ended, Task, ended, tree};

/// How many characters the text of a ULID has.
const ULID: usize = 26;

/// What a run printed, without what differs from run to run: times, durations, numbers in the order of the bus, and
/// what the watcher saw. Ids are replaced by the order in which they first came.
fn told(run: &Ended) -> Vec<Value> {
    let mut ids = HashMap::new();
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let by_somebody = lines.filter(|event| event["details"]["source"] != "watcher");
    // What a watch tells it tells when the files were quiet for a while, whatever else happens then.
    let (mut watched, told): (Vec<_>, Vec<_>) =
        by_somebody.partition(|event| event["event_type"].as_str().unwrap().starts_with("resource."));
    watched.sort_by_key(|event| event["details"].to_string());
    told.into_iter().chain(watched).map(|event| same_in_each_run(event, &mut ids)).collect()
}

fn same_in_each_run(value: Value, ids: &mut HashMap<String, usize>) -> Value {
    const DIFFER: [&str; 4] = ["seq", "timestamp", "duration_ms", "delay_ms"];
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(key, _)| !DIFFER.contains(&key.as_str()));
            fields.map(|(key, value)| (key, same_in_each_run(value, ids))).collect()
        }
        Value::Array(values) => values.into_iter().map(|value| same_in_each_run(value, ids)).collect(),
        Value::String(text) => Value::String(without_ids(&text, ids)),
        other => other,
    }
}

fn without_ids(text: &str, ids: &mut HashMap<String, usize>) -> String {
    let is_ulid =
        |word: &str| word.len() == ULID && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|piece| {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if !is_ulid(word) {
            return piece.to_owned();
        }
        let next = ids.len();
        let nth = ids.entry(word.to_owned()).or_insert(next);
        format!("#{nth}{}", &piece[word.len()..])
    });
    words.collect()
}

fn agentbus(args: &[&str]) -> Ended {
    ended(Command::new(env!("CARGO_BIN_EXE_agentbus")).args(args))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_tour_tells_every_kind_of_event_and_ends_applied() {
    let (task, output) = (Task::tour(), TempDir::new().unwrap());
    let project = task.project();
    let run = task.run(&["--json", "--output", text(output.path())]);
    run.assert_code(0);
    run.assert_stderr("applied ");

    let kinds: BTreeSet<_> = run.kinds().into_iter().collect();
    let all: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(all.difference(&kinds).collect::<Vec<_>>(), Vec::<&String>::new(), "these did not come");

    assert_eq!(task.project(), project, "the project was touched");
    let result = tree(output.path());
    assert_eq!(result[Path::new("index.txt")], b"01-january\n02-february\n03-march\n");
    assert_eq!(result[Path::new("months/03-march.txt")], b"March has 31 days.\n");
    let changed: Vec<_> =
        result.iter().filter(|(path, content)| project.get(*path) != Some(content)).collect();
    assert_eq!((changed.len(), result.len()), (2, project.len()), "{changed:?}");
    task.assert_nothing_left();
}

#[test]
fn the_tour_is_the_same_each_time() {
    let task = Task::tour();
    let run = || {
        let output = TempDir::new().unwrap();
        let run = task.run(&["--json", "--output", text(output.path())]);
        run.assert_code(0);
        told(&run)
    };
    let (first, second) = (run(), run());
    for (nth, (one, other)) in first.iter().zip(&second).enumerate() {
        assert_eq!(one, other, "event {nth}");
    }
    assert_eq!(first.len(), second.len());
}

#[test]
fn the_journal_of_the_tour_tells_the_plans_and_decisions_that_it_ended_with() {
    let (task, place) = (Task::tour(), TempDir::new().unwrap());
    let (journal, state) = (place.path().join("journal"), place.path().join("state.json"));
    task.run(&["--journal", text(&journal), "--state", text(&state)]).assert_code(0);

    let restored = agentbus(&["state", text(&journal), "--json"]);
    restored.assert_code(0);
    let restored: Value = serde_json::from_str(&restored.stdout).unwrap();
    let ended_with: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    assert_eq!(restored, ended_with);
    let count = |key: &str| ended_with[key].as_array().unwrap().len();
    assert_eq!((count("plans"), count("decisions")), (3, 10));
}
