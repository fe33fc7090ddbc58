//! Eight processes on one folder at once.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus};
use serde_json::Value;

use crate::support::{DRAFT, Home, draft, fed};

/// As many as the issue of who writes first needs.
const PROCESSES: usize = 8;

/// Starts a verb in each process, waits for all, and gives what they answered with.
fn at_once(home: &Home, verb: &str, args: impl Fn(usize) -> Vec<String>) -> Vec<(Option<i32>, Value)> {
    let start = |number: usize| {
        let args = args(number);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut command = home.command(verb, &args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..PROCESSES).map(start).collect();
    let answer = |child: Child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    };
    children.into_iter().map(answer).collect()
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn eight_processes_save_checkpoints_of_names_of_their_own() {
    let home = Home::new();
    let savers: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let mut command = home.command("create", &["--json"]);
            let json = DRAFT.replace("s-1", &format!("s-{number}"));
            std::thread::spawn(move || fed(&mut command, json.as_bytes()))
        })
        .collect();
    for saver in savers {
        let output = saver.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let listing = home.store().list(&CheckpointFilter::all()).unwrap();
    let sessions = listing.checkpoints.iter().map(|stored| stored.checkpoint.saved.session_id.to_string());
    assert_eq!(sessions.collect::<BTreeSet<_>>().len(), PROCESSES);
    assert!(listing.malformed.is_empty());
}

#[test]
fn of_eight_processes_that_resolve_one_checkpoint_one_writes() {
    let (home, file) = Home::with_checkpoint();
    let answers = at_once(&home, "resolve", |_| words(&[&file, "--json"]));
    assert!(answers.iter().all(|(code, _)| *code == Some(0)), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, answer)| answer["changed"] == true).count(), 1, "{answers:?}");
}

#[test]
fn of_eight_processes_that_abandon_one_checkpoint_the_first_is_believed() {
    let (home, file) = Home::with_checkpoint();
    let reason = |number: usize| format!("reason {number}");
    let answers = at_once(&home, "abandon", |number| {
        words(&[&file, "--reason", &reason(number), "--operator", "me", "--json"])
    });
    let first = answers.iter().position(|(_, answer)| answer["changed"] == true).unwrap();
    let stored = home.store().get(&file).unwrap();
    assert_eq!(stored.checkpoint.status, CheckpointStatus::Abandoned);
    assert_eq!(stored.checkpoint.abandonment.unwrap().reason, reason(first));
}

#[test]
fn of_eight_processes_that_put_one_file_in_quarantine_one_does() {
    let home = Home::new();
    std::fs::write(home.file("checkpoint-x.json"), "damaged").unwrap();
    let answers = at_once(&home, "quarantine", |_| {
        words(&["checkpoint-x.json", "--reason", "r", "--operator", "me", "--json"])
    });
    assert_eq!(answers.iter().filter(|(code, _)| *code == Some(0)).count(), 1, "{answers:?}");
    assert_eq!(std::fs::read(home.file("quarantine/checkpoint-x.json")).unwrap(), b"damaged");
}

#[test]
fn eight_processes_that_clean_up_archive_each_checkpoint_once() {
    let home = Home::new();
    for session in 0..40 {
        home.store().create(&draft(&session.to_string())).unwrap();
    }
    let answers = at_once(&home, "cleanup", |_| words(&["--older-than", "0s", "--json"]));
    assert!(answers.iter().all(|(code, _)| *code == Some(0)), "{answers:?}");
    let archived: Vec<_> =
        answers.iter().flat_map(|(_, answer)| answer["archived"].as_array().unwrap().clone()).collect();
    assert_eq!(archived.len(), 40, "{answers:?}");
    assert_eq!(std::fs::read_dir(home.file("archive")).unwrap().count(), 40);
}
