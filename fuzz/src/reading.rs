//! What holds of every reading of a journal, whatever its files hold.

use std::sync::Arc;

use agentbus::journal::{Entry, JournalReader, Position, ReadError, ReadFrom, Recorded};
use agentbus::testing::FaultyStorage;
use agentbus::{DomainEvent, Filter};

/// Reads all of a journal, in every way, and checks that it is told in order and alike; the events.
pub(crate) fn read_all(storage: &FaultyStorage) -> Result<Vec<Recorded>, ReadError> {
    let reader = JournalReader::on(Arc::new(storage.clone()))?;
    let events = events(&reader, ReadFrom::Start)?;
    let positions: Vec<_> = events.iter().map(|recorded| recorded.position).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
    for recorded in &events {
        let written = serde_json::to_string(&*recorded.event).unwrap();
        assert_eq!(serde_json::from_str::<DomainEvent>(&written).unwrap(), *recorded.event);
    }
    let verified = reader.verify()?;
    assert!(
        verified.lines <= events.len() as u64 + verified.unreadable || verified.damaged > 0,
        "{verified:?}"
    );
    let tail: Vec<_> =
        reader.tail(2, Filter::all())?.entries.into_iter().filter_map(Entry::into_event).collect();
    assert!(verified.damaged > 0 || events.ends_with(&tail), "{tail:?}");
    assert!(reader.last()? >= positions.last().copied(), "{positions:?}");
    if let Some(middle) = positions.get(positions.len() / 2) {
        let behind = self::events(&reader, ReadFrom::After(*middle))?;
        assert_eq!(behind.as_slice(), &events[positions.len() / 2 + 1..], "behind {middle}");
    }
    Ok(events)
}

fn events(reader: &JournalReader, from: ReadFrom) -> Result<Vec<Recorded>, ReadError> {
    let entries: Vec<Entry> = reader.read(from, Filter::all())?.collect::<Result<_, _>>()?;
    Ok(entries.into_iter().filter_map(Entry::into_event).collect())
}

/// The last of these positions.
pub(crate) fn last_of(events: &[Recorded]) -> Option<Position> {
    events.last().map(|recorded| recorded.position)
}
