//! What this build does not know: kept and written back as it was written.

use agentbus::{DomainEvent, EventType};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::envelope::{shuffled, values};
use crate::strategies::{events, name};
use crate::through_json;

/// Keys that no event of ours has.
fn unknown_entries() -> BoxedStrategy<Vec<(String, Value)>> {
    let entry = (name().prop_map(|name| format!("x_{name}")), values());
    prop::collection::btree_map(entry.0, entry.1, 1..5)
        .prop_map(|entries| entries.into_iter().collect())
        .boxed()
}

/// The members of an object as they are written.
fn raw(json: &str) -> std::collections::BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(json).expect("an object")
}

fn with(object: &mut Map<String, Value>, entries: &[(String, Value)]) {
    object.extend(entries.iter().cloned());
}

proptest! {
    #[test]
    fn unknown_keys_and_details_are_kept_byte_for_byte_in_any_order(
        event in events(),
        envelope in unknown_entries(),
        details in unknown_entries(),
        by in prop::collection::vec(any::<u32>(), 30),
    ) {
        let Value::Object(mut object) = serde_json::to_value(&event).unwrap() else { panic!("an object") };
        with(&mut object, &envelope);
        with(object["details"].as_object_mut().unwrap(), &details);
        let written = shuffled(&object, &by);
        let read: DomainEvent = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read.payload(), event.payload(), "what is known is typed all the same");

        let again = serde_json::to_string(&read).unwrap();
        let (before, after) = (raw(&written), raw(&again));
        for (key, _) in &envelope {
            prop_assert_eq!(before[key].get(), after[key].get());
        }
        let (before, after) = (raw(before["details"].get()), raw(after["details"].get()));
        for (key, _) in &details {
            prop_assert_eq!(before[key].get(), after[key].get());
        }
        prop_assert_eq!(through_json(&read), read);
    }

    #[test]
    fn an_unknown_kind_is_kept_byte_for_byte(
        event in events(),
        name in "event_tests\\.[a-z]{1,20}_",
        value in values(),
        pretty in any::<bool>(),
        by in prop::collection::vec(any::<u32>(), 30),
    ) {
        let Value::Object(mut object) = serde_json::to_value(&event).unwrap() else { panic!("an object") };
        object.insert("event_type".to_owned(), name.clone().into());
        object.insert("details".to_owned(), value);
        let mut written = shuffled(&object, &by);
        if pretty {
            written = serde_json::to_string_pretty(&object).unwrap();
        }
        let read: DomainEvent = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read.event_type(), EventType::Unknown);
        prop_assert_eq!(read.type_name(), name);
        let again = serde_json::to_string(&read).unwrap();
        prop_assert!(!again.contains(['\n', '\r']), "an event is one line, however it was written");
        // Line breaks between tokens are the one thing that does not stay.
        let expected = raw(&written)["details"].get().replace(['\n', '\r'], " ");
        let again = raw(&again);
        prop_assert_eq!(again["details"].get(), expected);
        prop_assert_eq!(through_json(&read), read);
    }
}

#[test]
fn numbers_and_escapes_stay_as_they_are_written() {
    let unknown = r#"{"a":1.50e1,"b":123456789012345678901234567890,"c":"A\/","d":-0.0,"e":[ 1 , 2 ]}"#;
    let json = format!(
        r#"{{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","event_type":"plan.merged","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c","shard":{unknown},"details":{unknown}}}"#
    );
    let event: DomainEvent = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), json);
}
