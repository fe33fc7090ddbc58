//! What holds of every journal that can be opened to write, whatever its files held before.

use std::sync::Arc;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::event::SessionCreated;
use agentbus::journal::{Durability, Journal, Position};
use agentbus::testing::FaultyStorage;

use super::reading::{last_of, read_all};

/// How many events are appended.
const EVENTS: usize = 3;

/// Opens the journal, appends, and checks that all that could be read before and all that was appended is there, in
/// order, also once it is opened again.
pub(crate) fn goes_on(storage: &FaultyStorage) {
    let before = read_all(storage);
    let Some(appended) = append(storage) else { return };
    let after = read_all(storage).unwrap();
    let before = before.unwrap_or_default();
    assert_eq!(after.get(..before.len()), Some(before.as_slice()), "what could be read can be read");
    let positions: Vec<_> = after.iter().map(|recorded| recorded.position).collect();
    assert!(positions.ends_with(&appended), "{appended:?} of {positions:?}");
    assert!(appended.first().copied() > last_of(&before), "{appended:?} behind {:?}", last_of(&before));
    if appended.len() == EVENTS {
        let again = append(storage).expect("what was opened opens again");
        assert!(again.first().is_none_or(|next| appended.last().unwrap().next() == Some(*next)));
    }
}

/// Appends to the journal; where, as far as it was told. `None` if it cannot be opened.
fn append(storage: &FaultyStorage) -> Option<Vec<Position>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let builder = Journal::builder_on(Arc::new(storage.clone()));
        let journal = builder.durability(Durability::Sync).segment_bytes(400).open().ok()?;
        let mut appended = Vec::new();
        for _ in 0..EVENTS {
            let event = DomainEvent::new(SessionCreated::new(false)).with_session_id("fuzz");
            // Positions may be used up.
            let Ok(position) = journal.append(event).await else { break };
            appended.push(position);
        }
        drop(journal.close(Duration::ZERO).await);
        Some(appended)
    })
}
