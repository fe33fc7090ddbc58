//! What the logging bus, and the bus itself, say in the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use agentbus::{EventBus, EventBusExt, Filter, LoggingEventBus, ReactiveEventBus};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::{chatter, critical};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log lines of `work`, as JSON.
fn logged(filter: &str, work: impl FnOnce()) -> Vec<Value> {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = buffer.0.lock().unwrap().clone();
    let lines = String::from_utf8(bytes).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_event_is_a_line_under_the_target_of_its_category() {
    let lines = logged("info", || {
        let bus = LoggingEventBus::new();
        bus.emit(chatter().with_plan_id("p").with_attribute("shard", 3));
        bus.emit(critical());
    });
    let [session, tool] = lines.as_slice() else { panic!("two lines: {lines:?}") };
    assert_eq!((&session["target"], &session["level"]), (&"agentbus::session".into(), &"INFO".into()));
    assert_eq!((&tool["target"], &tool["level"]), (&"agentbus::tool".into(), &"ERROR".into()));
    assert_eq!(session["fields"]["event_type"], "session.created");
    assert_eq!(session["fields"]["plan_id"], "p");
    assert_eq!(session["fields"]["seq"], 1);
    assert_eq!(session["fields"]["attributes"], r#"{"shard":3}"#);
    assert_eq!(tool["fields"].get("attributes"), None);
    let details: Value = serde_json::from_str(tool["fields"]["details"].as_str().unwrap()).unwrap();
    assert_eq!(details["error_kind"], "failed");
}

#[test]
fn a_secret_in_the_details_is_not_logged() {
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let lines = logged("info", || {
        use agentbus::event::{ToolErrorKind, ToolErrored};
        let details =
            ToolErrored::new("tool", "call", format!("denied: {secret}"), ToolErrorKind::Failed, 1, 0);
        LoggingEventBus::new().emit(agentbus::DomainEvent::new(details));
    });
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].to_string().contains(secret), "{lines:?}");
}

#[test]
fn what_the_log_does_not_want_is_not_observed() {
    let lines = logged("agentbus::tool=error", || {
        let bus = LoggingEventBus::new();
        assert!(!bus.is_observed(agentbus::EventType::SessionCreated));
        assert!(bus.is_observed(agentbus::EventType::ToolErrored));
        bus.emit(chatter());
        bus.emit(critical());
    });
    assert_eq!(lines.len(), 1);
}

#[test]
fn a_panicking_handler_is_logged_by_name_and_its_secrets_are_not() {
    let lines = logged("error", || {
        let bus = ReactiveEventBus::new();
        let _handler = bus.on(Filter::all(), |_| {
            std::panic::resume_unwind(Box::new(
                "no entry with sk-ant-api03-abcdefghijklmnopqrstuvwx0123456789",
            ));
        });
        bus.emit(chatter());
        assert_eq!(bus.stats().failed, 1);
    });
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    let fields = &line["fields"];
    assert_eq!(fields["message"], "event_handler_failed");
    assert_eq!(fields["event_type"], "session.created");
    assert!(fields["handler"].as_str().unwrap().contains("logging"));
    assert!(fields["error"].as_str().unwrap().contains("no entry"));
    assert!(!line.to_string().contains("sk-ant-api03"));
}
