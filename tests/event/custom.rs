//! Kinds of the embedder's own: typed, declared at run time, and taken names.

use agentbus::event::{CustomKind, CustomPayloadError, DeclareError, KindNameError};
use agentbus::{Category, DomainEvent, EventType, Filter, Payload, Severity, custom_kinds};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::values;
use crate::through_json;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LaneEntered {
    lane: u32,
    by: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    after: Vec<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LaneBlocked(Value);

/// Details that have no JSON form.
#[derive(Debug, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("by design"))
    }
}

custom_kinds! {
    LaneEntered = "event_tests.entered",
    LaneBlocked = "event_tests.blocked".category(Category::Tool).severity(Severity::Warn).critical().security(),
    Unwritable = "event_tests.unwritable",
}

proptest! {
    #[test]
    fn typed_details_survive_json(
        lane in any::<u32>(), by in any::<Option<String>>(), after in any::<Vec<i64>>(),
    ) {
        let details = LaneEntered { lane, by, after };
        let event = DomainEvent::new(details.clone());
        let read = through_json(&event);
        prop_assert_eq!(read.details::<LaneEntered>(), Some(&details));
        prop_assert_eq!(read.event_type(), event.event_type());
        prop_assert_eq!(read, event);
    }

    #[test]
    fn details_known_only_at_run_time_survive_json(value in values()) {
        let kind = EventType::declare("event_tests.run_time").unwrap();
        let event = DomainEvent::custom(kind, &value).unwrap();
        let read = through_json(&event);
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.event_type(), kind);
        prop_assert_eq!(read.details_json().unwrap(), value.to_string());
    }

    #[test]
    fn a_name_is_declared_or_refused_by_the_grammar(name in prop_oneof!["[a-z0-9_.]{0,8}", ".{0,80}"]) {
        let segments = name.split('.').collect::<Vec<_>>();
        let word = |word: &&str| {
            !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        let fits = name.len() <= 64 && segments.len() > 1 && segments.iter().all(word);
        prop_assert_eq!(EventType::named(&name).is_ok(), fits);
    }
}

#[test]
fn what_is_said_of_a_kind_holds_for_its_events_also_when_read() {
    let event = through_json(&DomainEvent::new(LaneBlocked(Value::from(1))));
    let kind = event.event_type();
    assert_eq!((kind.category(), kind.severity()), (Category::Tool, Severity::Warn));
    assert!(kind.is_critical() && kind.is_security());
    assert!("category=tool level>=warn".parse::<Filter>().unwrap().matches(&event));
    let plain = DomainEvent::new(LaneEntered { lane: 1, by: None, after: vec![] }).event_type();
    assert_eq!((plain.category(), plain.severity()), (Category::Custom, Severity::Info));
    assert!(!plain.is_critical() && !plain.is_security());
}

#[test]
fn details_of_another_shape_are_kept_but_not_typed() {
    let event = DomainEvent::new(LaneEntered { lane: 3, by: None, after: vec![] });
    let json = serde_json::to_string(&event).unwrap().replace(r#""lane":3"#, r#""lane":"three""#);
    let read: DomainEvent = serde_json::from_str(&json).unwrap();
    assert_eq!(read.details::<LaneEntered>(), None);
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
}

#[test]
fn details_without_a_json_form_fail_where_they_are_written_and_nowhere_else() {
    let event = DomainEvent::new(Unwritable);
    assert!(serde_json::to_string(&event).is_err());
    assert!(event.details::<Unwritable>().is_some());
    let kind = EventType::declare("event_tests.run_time").unwrap();
    assert!(matches!(DomainEvent::custom(kind, &Unwritable), Err(CustomPayloadError::Details { .. })));
}

#[test]
fn only_a_declared_kind_has_run_time_details() {
    for kind in [EventType::PlanCreated, EventType::Unknown] {
        let refused = DomainEvent::custom(kind, &Value::Null);
        assert!(matches!(refused, Err(CustomPayloadError::NotCustom { event_type }) if event_type == kind));
    }
}

#[test]
fn the_names_of_the_domain_are_taken() {
    for kind in EventType::ALL {
        assert!(matches!(EventType::declare(kind.as_str()), Err(DeclareError::BuiltIn { .. })));
        let declared = std::panic::catch_unwind(|| CustomKind::new(kind.as_str()));
        assert!(declared.is_err(), "{kind} was declared over");
    }
}

#[test]
fn an_invented_name_declares_nothing() {
    for number in 0..10_000 {
        let json = format!(
            r#"{{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c",
                "event_type":"event_tests.invented_{number}","details":null}}"#
        );
        let event: DomainEvent = serde_json::from_str(&json).unwrap();
        assert_eq!(event.event_type(), EventType::Unknown);
        let Payload::Custom(custom) = event.payload() else { panic!("kept as it came") };
        assert_eq!(custom.name(), format!("event_tests.invented_{number}"));
    }
    assert!("event_tests.invented_1".parse::<EventType>().is_err(), "the table was not filled from outside");
    assert!(EventType::declare("event_tests.still_room").is_ok());
    let long = format!("a.{}", "x".repeat(1 << 20));
    assert_eq!(EventType::named(&long), Err(KindNameError::TooLong { actual: long.len() }));
}
