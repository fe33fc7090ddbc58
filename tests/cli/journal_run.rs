//! A run whose events are recorded.

use std::fs;

use serde_json::json;

use crate::harness::{Task, calls, mend, says};
use crate::journal_harness::{Dir, line};

#[test]
fn a_run_records_what_it_prints() {
    let (task, dir) = (Task::small(&[mend(), says("done")]), Dir::new());
    let run = task.run(&["--json", "--journal", dir.path().to_str().unwrap()]);
    run.assert_code(0);
    let read = dir.run("query", &["--json"]);
    read.assert_code(0);
    assert_eq!(read.positions(), (1..=run.events().len() as u64).collect::<Vec<_>>());
    // What stands in a line beside its position and its chain is the event.
    let recorded: Vec<_> = read
        .values()
        .into_iter()
        .map(|mut value| {
            let object = value.as_object_mut().unwrap();
            object.remove("pos");
            object.remove("chain");
            value
        })
        .collect();
    assert_eq!(recorded, run.values());
}

#[test]
fn what_was_masked_is_summed_up_by_rule() {
    let key = "sk-ant-api03-abcdefghijklmnop";
    let lost = calls(&[("read_file", json!({ "path": format!("{key}.txt") }))]);
    let (task, dir) = (Task::small(&[lost, mend(), says(&format!("done with {key}"))]), Dir::new());
    for args in [&["--journal", dir.path().to_str().unwrap()][..], &[]] {
        let run = task.run(args);
        run.assert_code(0);
        let masked = run.stdout.split_once("\nmasked secrets, by rule\n").expect(&run.stdout).1;
        let rules: Vec<_> = masked.lines().take_while(|line| !line.is_empty()).collect();
        assert!(rules.len() == 1 && rules[0].ends_with("  anthropic_key"), "{rules:?}");
        assert!(!run.stdout.contains(key) && !run.stderr.contains(key));
    }
    assert!(!dir.stored().contains(key));
    let plain = Task::small(&[mend(), says("done")]).run(&[]);
    assert!(!plain.stdout.contains("masked secrets"), "{}", plain.stdout);
}

#[test]
fn runs_share_a_journal() {
    let dir = Dir::new();
    for _ in 0..2 {
        let task = Task::small(&[mend(), says("done")]);
        task.run(&["--journal", dir.path().to_str().unwrap()]).assert_code(0);
    }
    let applied = dir.run("query", &["--json", "--filter", "plan.applied"]);
    assert_eq!(applied.positions().len(), 2);
}

#[test]
fn what_opening_found_is_told_in_one_line() {
    let dir = Dir::with_events(2);
    let tear = || {
        let segment = dir.segments().pop().unwrap();
        let mut bytes = fs::read(&segment).unwrap();
        bytes.extend_from_slice(b"{\"pos\":3");
        fs::write(segment, bytes).unwrap();
    };
    let told =
        |stderr: &str| stderr.lines().filter(|line| line.contains("journal_recovered torn_bytes=8")).count();
    tear();
    let appended = dir.append(&line(3));
    appended.assert_code(0);
    assert_eq!(told(&appended.stderr), 1, "{}", appended.stderr);
    assert_eq!(dir.append(&line(4)).stderr, "");
    let journal = dir.path().to_str().unwrap();
    for args in [&["--journal", journal][..], &["--json", "--journal", journal]] {
        tear();
        let run = Task::small(&[mend(), says("done")]).run(args);
        run.assert_code(0);
        assert_eq!(told(&run.stderr), 1, "{}", run.stderr);
    }
}
