//! An event as JSON.

use agentbus::{DomainEvent, Redactor};

/// An event that can be read is written to what reads as the same event, on one line, and can be read with its
/// secrets masked too.
pub fn event_json(input: &[u8]) {
    let Ok(event) = serde_json::from_slice::<DomainEvent>(input) else { return };
    let written = serde_json::to_string(&event).unwrap();
    assert!(!written.contains('\n'), "{written}");
    let again: DomainEvent = serde_json::from_str(&written).unwrap();
    assert_eq!(again, event, "{written}");
    assert_eq!(serde_json::to_string(&again).unwrap(), written);

    let masked = Redactor::new().event_json(&event).unwrap();
    let told: DomainEvent = serde_json::from_str(&masked).unwrap_or_else(|error| panic!("{error}: {masked}"));
    assert_eq!((told.id(), told.type_name()), (event.id(), event.type_name()));
}
