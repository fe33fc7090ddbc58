use super::*;
use crate::event::{SessionCreated, ToolErrorKind, ToolErrored};

const HEAD: &str =
    r#""id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c""#;

fn read(rest: &str) -> Result<DomainEvent, String> {
    serde_json::from_str(&format!("{{{HEAD},{rest}}}")).map_err(|error| error.to_string())
}

fn assert_refused(rest: &str, why: &str) {
    let error = read(rest).unwrap_err();
    assert!(error.contains(why), "{rest:.200}: {error}");
}

#[test]
fn keys_come_in_any_order() {
    let late = format!(r#"{{"details":{{"imported":true}},"event_type":"session.created",{HEAD}}}"#);
    let early = read(r#""event_type":"session.created","details":{"imported":true}"#).unwrap();
    assert_eq!(serde_json::from_str::<DomainEvent>(&late).unwrap(), early);
}

#[test]
fn what_this_build_does_not_know_is_written_back() {
    let json =
        r#""event_type":"session.created","shard":{"n":1.50e1},"details":{"imported":true,"lang":"de"}"#;
    let event = read(json).unwrap();
    let written = serde_json::to_string(&event).unwrap();
    assert!(written.contains(r#""shard":{"n":1.50e1}"#), "{written}");
    assert!(written.ends_with(r#""details":{"imported":true,"lang":"de"}}"#), "{written}");
    assert_eq!(event.unknown_keys().collect::<Vec<_>>(), ["shard"]);
}

#[test]
fn an_unknown_kind_keeps_its_name_and_details() {
    let event = read(r#""event_type":"plan.merged","details":[1, {"a":2}]"#).unwrap();
    assert_eq!(event.event_type(), EventType::Unknown);
    assert_eq!(event.type_name(), "plan.merged");
    assert!(serde_json::to_string(&event).unwrap().ends_with(r#""details":[1, {"a":2}]}"#));
}

#[test]
fn details_come_back_typed() {
    let details = ToolErrored::new("grep", "c1", "no such tool", ToolErrorKind::Refused, 0, 0);
    let event = DomainEvent::new(details.clone());
    let read: DomainEvent = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
    assert_eq!(read.details::<ToolErrored>(), Some(&details));
    assert_eq!(read.details::<SessionCreated>(), None);
}

#[test]
fn what_is_no_event_is_refused_by_key() {
    let kind = r#""event_type":"session.created""#;
    assert_refused(kind, "missing field `details`");
    assert_refused(r#""details":{}"#, "missing field `event_type`");
    assert_refused(&format!(r#"{kind},"details":{{}}"#), "`details`: missing field `imported`");
    assert_refused(&format!(r#"{kind},"details":{{"imported":1}}"#), "`imported`: invalid type");
    assert_refused(&format!(r#"{kind},"details":7"#), "the details of session.created: an object");
    assert_refused(r#""event_type":"Nope","details":{}"#, "`event_type`: a name of a kind");
    assert_refused(&format!(r#"{kind},"plan_id":"","details":{{}}"#), "`plan_id`: must not be empty");
    assert_refused(&format!(r#"{kind},"plan_id":"a\u0007","details":{{}}"#), "control characters");
    assert_refused(&format!(r#"{kind},"actor_name":7,"details":{{}}"#), "`actor_name`: invalid type");
    assert_refused(&format!(r#"{kind},"seq":1,"details":{{"imported":true}}"#), "stand together");
    assert_refused(&format!(r#"{kind},"causation_id":"x","details":{{}}"#), "`causation_id`: must be a ULID");
    assert_refused(&format!(r#"{kind},{kind},"details":{{}}"#), "duplicate field `event_type`");
    assert_refused(&format!(r#"{kind},"x":1,"x":2,"details":{{}}"#), "duplicate field `x`");
    assert_refused(
        &format!(r#"{kind},"plan_id":null,"plan_id":"a","details":{{}}"#),
        "duplicate field `plan_id`",
    );
    let title = r#""imported":true,"title":null,"title":"a""#;
    assert_refused(&format!(r#"{kind},"details":{{{title}}}"#), "duplicate field `title`");
}

#[test]
fn a_megabyte_of_id_and_a_hundred_thousand_brackets_are_refused() {
    let long = "x".repeat(1 << 20);
    assert_refused(&format!(r#""event_type":"a.b","plan_id":"{long}","details":{{}}"#), "at most 256 bytes");
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_refused(&format!(r#""event_type":"a.b","details":{deep}"#), "recursion limit");
    assert_refused(&format!(r#""event_type":"a.b","x":{deep},"details":1"#), "recursion limit");
    assert_refused(r#""event_type":"a.b","details":1e400"#, "out of range");
}

#[test]
fn null_is_no_value() {
    let event =
        read(r#""event_type":"session.created","plan_id":null,"details":{"imported":true,"title":null}"#);
    assert_eq!(event.unwrap().plan_id(), None);
}
