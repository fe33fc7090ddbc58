//! Tests of the printing.

use std::sync::Arc;

use agentbus::EventType;
use agentbus::event::{
    Hash, PlanCreated, PlanPhase, SessionCreated, Timestamp, ToolErrorKind, ToolErrored, ToolInvoked,
};

use super::amounts::millis;
use super::*;

const MOMENT: i64 = 1_700_000_000_120_000_000;

fn plan_created(name: &str) -> DomainEvent {
    DomainEvent::new(PlanCreated::new(1, name, PlanPhase::Action, ["greeter"], 3))
        .with_timestamp(Timestamp::from_unix_nanos(MOMENT))
        .with_actor_name("agents/a")
}

fn printed(format: Format, events: Vec<DomainEvent>) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, format);
    for event in events {
        printer.take(&Delivery::Event(Arc::new(event)));
    }
    drop(printer.finish());
    String::from_utf8(out).unwrap()
}

fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_line_has_time_kind_actor_and_words() {
    let line = without_colours(&printed(Format::Timeline, vec![plan_created("mend it")]));
    let columns: Vec<_> = line.split_whitespace().collect();
    assert_eq!(columns, ["22:13:20.120", "plan.created", "agents/a", "\"mend", "it\"", "on", "greeter"]);
}

#[test]
fn an_effect_is_indented_below_its_cause() {
    let cause = plan_created("p");
    let effect = DomainEvent::new_in(&cause.scope(), SessionCreated::new(false));
    let below = DomainEvent::new_in(&effect.scope(), SessionCreated::new(false));
    let lines = without_colours(&printed(Format::Timeline, vec![cause, effect, below]));
    let indents: Vec<_> = lines.lines().map(|line| line[13..].find(|c| c != ' ').unwrap()).collect();
    assert_eq!(indents, [0, 2, 4]);
}

#[test]
fn severities_have_colours() {
    let failed = ToolErrored::new("t", "c", "no", ToolErrorKind::Failed, 1, 5);
    let lines = printed(Format::Timeline, vec![plan_created("p"), DomainEvent::new(failed)]);
    let (info, error) = lines.split_once('\n').unwrap();
    assert!(info.contains("\x1b[32m") && error.contains("\x1b[31m"), "{lines:?}");
}

#[test]
fn neither_form_tells_a_secret_of_an_event() {
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let kind = EventType::declare("timeline_tests.login").unwrap();
    let split = [&secret[..9], &secret[9..], "mine"];
    let events = || {
        vec![
            plan_created(&format!("with {secret}")).with_actor_name(secret),
            DomainEvent::new(PlanCreated::new(1, "split", PlanPhase::Action, split, 3)),
            DomainEvent::new(ToolErrored::new("t", "c", "no x://u:hunter2@h", ToolErrorKind::Failed, 1, 5)),
            DomainEvent::custom(kind, &serde_json::json!({"password": "hunter2"})).unwrap(),
        ]
    };
    for format in [Format::Timeline, Format::Json] {
        let told = printed(format, events());
        assert_eq!(told.lines().count(), 4, "{told}");
        assert!(!told.contains("hunter2") && !told.contains("ghp_") && !told.contains("hijklm"), "{told}");
        assert!(told.contains("[redacted:"), "{told}");
    }
}

#[test]
fn hostile_text_stays_on_its_line_and_acts_on_nothing() {
    let name = "a\x1b]0;owned\x07\nb\u{202e}\u{9b}31m";
    let hostile = ToolInvoked::new("t\u{9b}2J", "call\u{202e}", Hash::of(b""), 1, true);
    for format in [Format::Timeline, Format::Json] {
        let events = vec![plan_created(name), DomainEvent::new(hostile.clone()).with_actor_name("x\u{202e}")];
        let lines = without_colours(&printed(format, events));
        assert_eq!(lines.lines().count(), 2, "{lines:?}");
        assert!(!lines.contains(['\x1b', '\x07', '\u{202e}', '\u{9b}']), "{lines:?}");
    }
}

#[test]
fn a_line_of_json_is_the_event() {
    let event = plan_created("mend\u{202e} it");
    let line = printed(Format::Json, vec![event.clone()]);
    assert_eq!(serde_json::from_str::<DomainEvent>(&line).unwrap(), event);
}

#[test]
fn a_line_of_json_tells_no_secret() {
    let line = printed(Format::Json, vec![plan_created("postgres://app:hunter2@db/main")]);
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn when_stdout_is_gone_events_are_still_counted() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut printer = Printer::new(Gone, Format::Timeline);
    printer.take(&Delivery::Event(Arc::new(plan_created("a"))));
    printer.take(&Delivery::Event(Arc::new(plan_created("b"))));
    assert_eq!(printer.finish().kinds.into_iter().collect::<Vec<_>>(), [("plan.created".to_owned(), 2)]);
}

#[test]
fn a_time_is_shown_to_the_millisecond() {
    assert_eq!(clock("2026-01-31T09:30:00Z"), "09:30:00.000");
    assert_eq!(clock("2026-01-31T09:30:00.1234567Z"), "09:30:00.123");
}

#[test]
fn amounts_are_told_in_words() {
    assert_eq!(counted(1_u64, "file"), "1 file");
    assert_eq!(counted(0_u64, "file"), "0 files");
    assert_eq!(millis(999), "999 ms");
    assert_eq!(millis(1_450), "1.4 s");
}
