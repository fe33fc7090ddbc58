//! The details of the domain's 38 kinds hold no secrets by their names: one of each, with all it can have, goes out
//! as it is.

use std::borrow::Cow;

use agentbus::{DomainEvent, EventType, Redactor};

#[path = "../journal/golden/events.rs"]
#[allow(dead_code, reason = "the golden journal has more than one event of each kind")]
mod events;

#[test]
fn one_event_of_each_kind_is_unchanged_byte_for_byte() {
    let events = events::of_every_kind();
    let kinds: Vec<_> = events.iter().map(DomainEvent::event_type).collect();
    assert_eq!(kinds, EventType::ALL);
    let with_keys = Redactor::builder()
        .key("error")
        .key("tokens")
        .key("name")
        .key("reason")
        .key("id")
        .key("details")
        .build()
        .unwrap();
    for redactor in [Redactor::new(), Redactor::untagged(), with_keys] {
        for event in &events {
            let written = serde_json::to_string(event).unwrap();
            assert_eq!(redactor.event_json(event).unwrap(), written);
            assert!(matches!(redactor.redact_event(event).unwrap(), Cow::Borrowed(_)), "{written}");
            // What the embedder attaches makes no difference to the details.
            let event = event.clone().with_attribute("lane", "left").with_actor_name("agents/planner");
            assert_eq!(redactor.event_json(&event).unwrap(), serde_json::to_string(&event).unwrap());
        }
        assert_eq!(redactor.counts().total(), 0);
    }
}

#[test]
fn their_names_taken_as_any_json_hold_no_secret_key_either() {
    for event in events::of_every_kind() {
        let details = event.details_json().unwrap();
        assert_eq!(Redactor::new().redact_json(&details), details, "{}", event.event_type());
    }
}
