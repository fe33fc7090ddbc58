//! A filter as text.

use agentbus::event::SessionCreated;
use agentbus::{DomainEvent, Filter};

/// A filter that can be read is shown as a text that reads as the same filter, and decides about any event.
pub fn filter_text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(filter) = text.parse::<Filter>() else { return };
    let shown = filter.to_string();
    let again: Filter = shown.parse().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert_eq!(again, filter);
    assert_eq!(again.to_string(), shown);
    let event = DomainEvent::new(SessionCreated::new(false)).with_session_id("s-1").with_plan_id("p-1");
    assert_eq!(again.matches(&event), filter.matches(&event));
}
