//! Runs that end as they should: what they print, and what they leave.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use agentbus::EventType;
use tempfile::TempDir;

use crate::harness::{Ended, Task, Tree, ended, mend, says, tree};

/// Asserts that the tests of the crate in `folder` pass.
#[track_caller]
fn assert_tests_pass(folder: &Path) {
    let target = TempDir::new().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--offline"]).current_dir(folder).env("CARGO_TARGET_DIR", target.path());
    let run = ended(&mut cargo);
    run.assert_code(0);
    assert!(run.stdout.contains("test result: ok. 6 passed"), "{}", run.stdout);
}

#[track_caller]
fn assert_events_are_in_order(run: &Ended) {
    let (mut earlier, mut last) = (HashSet::new(), None);
    for event in run.events() {
        assert!(event.seq() > last, "{event:?}");
        last = event.seq();
        if let Some(cause) = event.causation_id() {
            assert!(earlier.contains(&cause), "the cause of this is not told before it: {event:?}");
        }
        earlier.insert(event.id());
    }
}

#[test]
fn the_example_is_applied_and_tells_so_in_json() {
    let task = Task::example();
    let (project, output) = (task.project(), TempDir::new().unwrap());
    let run = task.run(&["--json", "--output", output.path().to_str().unwrap()]);
    run.assert_code(0);

    let kinds: HashSet<_> = run.kinds().into_iter().collect();
    assert!(kinds.len() >= 20, "{} kinds: {kinds:?}", kinds.len());
    assert_eq!(run.kinds().iter().filter(|kind| *kind == "plan.applied").count(), 1);
    assert_events_are_in_order(&run);
    let correlations: HashSet<_> =
        run.events().iter().map(|event| event.correlation_id().to_string()).collect();
    assert_eq!(correlations.len(), 1, "a run is one request");

    assert_eq!(task.project(), project, "the project was touched");
    task.assert_nothing_left();
    run.assert_stderr(output.path().to_str().unwrap());
    assert_tests_pass(output.path());
}

#[test]
fn the_bus_changes_nothing_about_the_outcome() {
    let task = Task::example();
    let run = |bus: &str| -> (Ended, Tree) {
        let output = TempDir::new().unwrap();
        let run = task.run(&["--json", "--bus", bus, "--output", output.path().to_str().unwrap()]);
        run.assert_code(0);
        let left = tree(output.path());
        (run, left)
    };
    let (_, reactive) = run("reactive");
    let (logging, logged) = run("logging");
    let (none, silent) = run("none");
    assert!(reactive == logged && reactive == silent, "the buses leave different trees");
    assert_ne!(reactive, task.project());

    assert_eq!(none.stdout, "");
    logging.assert_stderr("agentbus::plan");
    logging.assert_stderr("plan.applied");
    assert!(logging.kinds().contains(&"plan.applied".to_owned()));
}

#[test]
fn the_result_goes_to_a_folder_that_is_kept_and_told() {
    let task = Task::small(&[mend(), says("done")]);
    let run = task.run(&[]);
    run.assert_code(0);
    let left: Vec<_> = fs::read_dir(task.temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [result] = left.as_slice() else { panic!("{left:?}") };
    run.assert_stderr(result.to_str().unwrap());
    assert_eq!(fs::read(result.join("notes.txt")).unwrap(), b"mended\n");
    assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"broken\n");
}

#[test]
fn to_write_back_is_to_commit_into_the_project() {
    let task = Task::small(&[mend(), says("done")]);
    let run = task.run(&["--write-back"]);
    run.assert_code(0);
    assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"mended\n");
    task.assert_nothing_left();
}

#[test]
fn a_project_of_ones_own_is_copied_or_written_back_to() {
    let own = TempDir::new().unwrap();
    let (notes, path) = (own.path().join("notes.txt"), own.path().to_str().unwrap());
    fs::write(&notes, "mine\n").unwrap();
    let task = Task::small(&[mend(), says("done")]);

    task.run(&["--project", path]).assert_code(0);
    assert_eq!(fs::read(&notes).unwrap(), b"mine\n");

    task.run(&["--project", path, "--write-back"]).assert_code(0);
    assert_eq!(fs::read(&notes).unwrap(), b"mended\n");
    assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"broken\n");
}

#[test]
fn a_project_that_is_as_it_should_be_is_left_so() {
    let task = Task::small(&[]);
    fs::write(task.path("project/notes.txt"), "mended already\n").unwrap();
    let run = task.run(&["--json"]);
    run.assert_code(0);
    let kinds = run.kinds();
    assert!(
        kinds.contains(&"plan.applied".to_owned()) && !kinds.contains(&"actor.invoked".to_owned()),
        "{kinds:?}"
    );
}

#[test]
fn the_timeline_shows_every_event_and_the_sums() {
    let task = Task::small(&[mend(), says("mended \u{1b}[2J\u{202e}them")]);
    let run = task.run(&[]);
    run.assert_code(0);
    for kind in [EventType::PlanCreated, EventType::ToolCompleted, EventType::PlanApplied] {
        assert!(
            run.stdout.lines().filter(|line| line.contains(kind.as_str())).count() >= 2,
            "{}",
            run.stdout
        );
    }
    for part in ["departed: offered", "USD", "1 changed", "notes.txt"] {
        assert!(run.stdout.contains(part), "no {part:?} in\n{}", run.stdout);
    }
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stdout);
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    for args in [&["--write-back"][..], &["--write-back", "--json"]] {
        let task = Task::small(&[mend(), says("done")]);
        let mut child = task.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"mended\n");
    }
}

#[test]
fn events_that_cannot_be_printed_are_told_and_fail_the_run_that_was_applied() {
    let task = Task::small(&[mend(), says("done")]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = ended(task.command(&["--write-back", "--json"]).stdout(full));
    run.assert_code(1);
    run.assert_stderr("the plan was applied, but not every event was printed");
    assert_eq!(fs::read(task.path("project/notes.txt")).unwrap(), b"mended\n");
}
