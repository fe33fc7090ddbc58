//! Events from outside: the public contract of names and keys, round trips, hostile input, scopes.

mod contract;
mod custom;
mod envelope;
mod hostile;
mod scope;
mod strategies;
mod unknown;
mod values;

use agentbus::DomainEvent;
use proptest::test_runner::TestCaseError;

/// Writes an event and reads it again.
#[expect(clippy::unwrap_used, reason = "an event that cannot be written or read fails the test")]
fn through_json(event: &DomainEvent) -> DomainEvent {
    let json = serde_json::to_string(event).unwrap();
    serde_json::from_str(&json).map_err(|error| format!("{error}: {json}")).unwrap()
}

/// Whatever the bytes are, reading them gives an event that survives being written, or an error.
fn reading_is_safe(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(event) = serde_json::from_slice::<DomainEvent>(bytes) else {
        return Ok(());
    };
    proptest::prop_assert_eq!(through_json(&event), event);
    Ok(())
}
