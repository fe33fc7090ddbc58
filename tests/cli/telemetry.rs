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

/// A journal with an interval of these rows, whose times have so many digits, and which ended long ago.
fn with_interval(digits: u8, rows: &Value) -> Dir {
    let dir = Dir::new();
    let kind = EventType::declare("telemetry.interval").unwrap();
    let details = json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:01Z", "digits": digits, "rows": rows });
    append(&dir, DomainEvent::custom(kind, &details).unwrap());
    dir
}

#[test]
fn numbers_stand_apart_however_large_they_are() {
    let most = 1_u64 << 53;
    let row = |name: &str, count: u64, ms: u64| {
        let slot = u32::try_from(ms).unwrap_or(u32::MAX);
        json!({ "group": "tool", "name": name, "count": count, "began": count, "failed": count, "retried": count,
            "sum_ms": ms, "max_ms": ms, "times": [[slot, 1]] })
    };
    let long = "n".repeat(100);
    let dir = with_interval(2, &json!([row(&long, most, u64::MAX), row("short", 1, 7)]));
    let shown = dir.run("telemetry", &[]);
    shown.assert_code(0);
    let line = shown.stdout.lines().find(|line| line.starts_with("  nnn")).unwrap();
    let columns: Vec<_> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
    let count = most.to_string();
    assert_eq!(columns[1..5], [&*count, &*count, &*count, &*count], "{line}");
    assert_eq!(columns.len(), 9, "{line}");
}

#[test]
fn times_with_fewer_digits_are_said_to_be() {
    for (digits, slot, said) in [(1, 41, "up to a tenth too high"), (0, 63, "up to as much again too high")] {
        let row = json!({ "group": "tool", "name": "t", "count": 1, "sum_ms": 40, "max_ms": 40, "times": [[slot, 1]] });
        let shown = with_interval(digits, &json!([row])).run("telemetry", &[]);
        shown.assert_code(0);
        assert!(shown.stdout.contains(said), "{}", shown.stdout);
    }
    assert!(!recorded().run("telemetry", &[]).stdout.contains("too high"));
}

#[test]
fn a_fault_before_the_time_asked_for_is_counted_and_makes_no_ill_end() {
    let dir = Dir::new();
    let kind = EventType::declare("telemetry.interval").unwrap();
    append(&dir, DomainEvent::custom(kind, &json!({ "rows": "none" })).unwrap());
    dir.run("telemetry", &[]).assert_code(1);
    let since = agentbus::event::Timestamp::now().to_string();
    let task = Task::small(&[mend(), says("done")]);
    task.run(&["--journal", dir.path().to_str().unwrap()]).assert_code(0);
    let shown = dir.run("telemetry", &["--since", &since]);
    shown.assert_code(0);
    shown.assert_stderr("what --since leaves out has 1 fault");
    let report = &dir.run("telemetry", &["--since", &since, "--json"]).values()[0];
    assert_eq!((&report["earlier_faults"], &report["refused"]), (&json!(1), &json!([])));
    dir.run("telemetry", &[]).assert_code(1);
}
