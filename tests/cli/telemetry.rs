//! `telemetry`: what a run recorded of what it took, and journals that hold none, or what is none.

use agentbus::event::SessionCreated;
use agentbus::journal::Journal;
use agentbus::{DomainEvent, EventType};
use serde_json::{Value, json};

use crate::harness::{Task, mend, says};
use crate::journal_harness::Dir;

fn recorded() -> Dir {
    let dir = Dir::new();
    let task = Task::small(&[mend(), says("done")]);
    task.run(&["--journal", dir.path().to_str().unwrap()]).assert_code(0);
    dir
}

fn append(dir: &Dir, event: DomainEvent) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    runtime.block_on(journal.append(event)).unwrap();
    runtime.block_on(journal.close(std::time::Duration::from_mins(1))).unwrap();
}

#[test]
fn a_run_records_what_it_took_and_the_table_shows_it() {
    let dir = recorded();
    let shown = dir.run("telemetry", &["--since", "1h"]);
    shown.assert_code(0);
    for said in
        ["told in 1 interval\n", "\ntools ", "\nactors ", "\nvalidations ", "\nplans by phase ", "p99"]
    {
        assert!(shown.stdout.contains(said), "no {said:?} in\n{}", shown.stdout);
    }
    assert_eq!(shown.stderr, "");

    let report = dir.run("telemetry", &["--json"]);
    report.assert_code(0);
    let report = &report.values()[0];
    let rows = report["rows"].as_array().unwrap();
    let row = |group: &str, name: &str| {
        rows.iter().find(|row| row["group"] == group && row["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!((&report["intervals"], &report["missed"]), (&json!(1), &json!(0)));
    assert_eq!(row("kind", "plan.applied")["count"], 1);
    assert_eq!(row("phase", "execute")["times"]["count"], 1);
    assert_eq!(row("kind", "telemetry.interval"), Value::Null);
    // What the journal holds beside the interval is what it counts.
    let events: u64 =
        rows.iter().filter(|row| row["group"] == "kind").map(|row| row["count"].as_u64().unwrap()).sum();
    assert_eq!(dir.run("query", &["--json"]).positions().len() as u64, events + 1);
}

#[test]
fn a_journal_without_telemetry_says_the_way_out() {
    let dir = Dir::with_events(3);
    let none = dir.run("telemetry", &[]);
    none.assert_code(1);
    none.assert_stderr("there is no telemetry in this journal: `run --journal` records it");
    assert_eq!(none.stdout, "");
    let dir = recorded();
    let none = dir.run("telemetry", &["--since", "2100-01-01T00:00:00Z"]);
    none.assert_code(1);
    none.assert_stderr("no telemetry since 2100-01-01T00:00:00Z; 1 interval ended before");
    dir.run("telemetry", &["--since", "yesterday"]).assert_code(2);
}

#[test]
fn what_is_no_interval_is_told_by_its_position_and_never_printed() {
    let dir = recorded();
    append(&dir, DomainEvent::new(SessionCreated::new(false)));
    let kind = EventType::declare("telemetry.interval").unwrap();
    let rows = json!([{ "group": "tool", "name": "\u{1b}[2Jgone", "count": 1 }]);
    let details =
        json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:01Z", "digits": 2, "rows": rows });
    append(&dir, DomainEvent::custom(kind, &details).unwrap());
    let position = dir.run("query", &["--json"]).positions().pop().unwrap();
    let shown = dir.run("telemetry", &[]);
    shown.assert_code(1);
    shown.assert_stderr(&format!("the interval at position {position} does not count: its details are not"));
    assert!(!shown.stdout.contains("gone") && !shown.stderr.contains("gone"));
    assert_eq!(dir.run("telemetry", &["--json"]).values()[0]["refused"][0]["position"], position);
}

#[test]
fn names_that_hide_what_they_are_are_escaped() {
    let dir = Dir::new();
    let kind = EventType::declare("telemetry.interval").unwrap();
    let rows = json!([{ "group": "tool", "name": "a\u{202e}b", "count": 1 }]);
    let details =
        json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:01Z", "digits": 2, "rows": rows });
    append(&dir, DomainEvent::custom(kind, &details).unwrap());
    for args in [&[][..], &["--json"]] {
        let shown = dir.run("telemetry", args);
        shown.assert_code(0);
        assert!(shown.stdout.contains("202e") && !shown.stdout.contains('\u{202e}'), "{}", shown.stdout);
    }
}
