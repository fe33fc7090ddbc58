//! Reading a journal as far as a state is asked for.

use super::{Rebuild, RestoreError, Restoring};
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, Position, ReadError, ReadFrom, Unreadable};

/// Takes what a journal has up to `until`, or to its end.
pub(in crate::service) fn read<R: Rebuild>(
    journal: &JournalReader,
    until: Option<Position>,
) -> Result<Restoring<R>, RestoreError> {
    // What comes while it is read would be in the state only by luck.
    let last = journal.last()?;
    let end = until.map_or(last, |until| last.min(Some(until)));
    let is_behind = |unreadable: &Unreadable| until.is_some_and(|until| unreadable.expected() > until);
    let mut restoring = Restoring::default();
    if let Some(through) = missing_at_start(journal)? {
        restoring.take(Entry::Removed { through });
    }
    for entry in journal.read(ReadFrom::Start, kinds::<R>())? {
        match entry? {
            Entry::Event(recorded) if Some(recorded.position) > end => break,
            Entry::Unreadable(unreadable) if is_behind(&unreadable) => break,
            entry => restoring.take(entry),
        }
    }
    restoring.reached(end);
    match (until, restoring.removed()) {
        (Some(position), Some(through)) if through >= position => {
            Err(RestoreError::Removed { position, through })
        }
        _ => Ok(restoring),
    }
}

/// Up to where the journal has nothing: what stands before the first that it has.
fn missing_at_start(journal: &JournalReader) -> Result<Option<Position>, ReadError> {
    Ok(match journal.read(ReadFrom::Start, Filter::all())?.next().transpose()? {
        Some(Entry::Event(first)) => first.position.previous(),
        Some(Entry::Removed { through }) => Some(through),
        Some(Entry::Unreadable(first)) => first.after,
        None => None,
    })
}

/// The events that a state is built from, and those by which a journal tells that it lacks some.
fn kinds<R: Rebuild>() -> Filter {
    let filter = format!("{}.*,journal.*", R::CATEGORY);
    filter.parse().expect("the name of a category is the first part of those of its kinds")
}
