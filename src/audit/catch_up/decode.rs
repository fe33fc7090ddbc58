//! Reading what is new in a journal, and making it ready to be written.

use std::sync::mpsc::SyncSender;

use super::Source;
use crate::audit::batch::Batch;
use crate::audit::block::Block;
use crate::audit::error::AuditError;
use crate::audit::row::Row;
use crate::audit::write::Reached;
use crate::event::Hash;
use crate::filter::Filter;
use crate::journal::{Entry, Position, ReadFrom, line};

/// How many events are handed over at once, and how many bytes of lines, about.
const PART_EVENTS: usize = 512;
const PART_BYTES: usize = 2 << 20;

/// A part of a journal: events of one block, and how far it was read for them.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) batch: Option<Batch>,
    pub(super) bytes: usize,
    pub(super) through: Option<Position>,
    /// The chain behind the line at `through`, if that is an event's.
    pub(super) chain: Option<Hash>,
    pub(super) unreadable: u64,
    pub(super) removed: u64,
}

impl Part {
    pub(super) fn events(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.records.len())
    }

    fn is_full(&self) -> bool {
        self.events() >= PART_EVENTS || self.bytes >= PART_BYTES
    }

    /// Whether an event at that position goes into another one.
    fn ends_before(&self, position: Position) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.block != Block::of(position))
    }

    fn add(&mut self, row: &Row) {
        let block = Block::of(row.position);
        (self.through, self.chain) = (Some(row.position), row.chain);
        self.batch.get_or_insert_with(|| Batch::new(block)).add(row);
    }

    /// Passes what is no event.
    fn pass(&mut self, position: Position) {
        (self.through, self.chain) = (self.through.max(Some(position)), None);
    }
}

impl Source<'_> {
    /// Reads what stands behind what was reached, until nobody takes it any more.
    pub(super) fn decode(&self, reached: &Reached, parts: &SyncSender<Part>) -> Result<(), AuditError> {
        // The last line that was indexed is read again: it has to be the same.
        let from = ReadFrom::from(reached.position.and_then(Position::previous));
        let mut reading = self.reader.read(from, Filter::all())?;
        let mut part = Part::default();
        // Whether the line that was reached was met, or something in its place that may be it.
        let mut is_met = reached.position.is_none();
        while let Some(entry) = reading.next() {
            match entry? {
                Entry::Event(recorded) if Some(recorded.position) <= reached.position => {
                    check(reached, recorded.position, line::chain_of(reading.line()))?;
                    is_met |= Some(recorded.position) == reached.position;
                }
                Entry::Event(recorded) => {
                    refuse_gone(reached, is_met)?;
                    if part.ends_before(recorded.position) && parts.send(std::mem::take(&mut part)).is_err() {
                        return Ok(());
                    }
                    part.bytes += reading.line().len();
                    match Row::of_line(recorded.position, recorded.event, reading.line(), self.redactor) {
                        Ok(row) => part.add(&row),
                        Err(_no_event_any_more) => {
                            part.pass(recorded.position);
                            part.unreadable += 1;
                        }
                    }
                }
                Entry::Unreadable(_) => {
                    is_met = true;
                    part.unreadable += 1;
                }
                Entry::Removed { through } => {
                    is_met |= Some(through) >= reached.position;
                    if Some(through) > reached.position {
                        part.pass(through);
                        part.removed += 1;
                    }
                }
            }
            if part.is_full() && parts.send(std::mem::take(&mut part)).is_err() {
                return Ok(());
            }
        }
        refuse_gone(reached, is_met)?;
        // Who takes no more has failed, and says so.
        parts.send(part).unwrap_or_default();
        Ok(())
    }
}

/// Refuses a journal in which the line that was reached is not there any more: it was cut behind the index.
fn refuse_gone(reached: &Reached, is_met: bool) -> Result<(), AuditError> {
    match reached.position {
        Some(position) if !is_met => Err(AuditError::Diverged { position }),
        _ => Ok(()),
    }
}

/// Refuses a journal whose line at the position that was reached is another one.
fn check(reached: &Reached, position: Position, chain: Option<Hash>) -> Result<(), AuditError> {
    let chain = chain.map(|chain| chain.to_string());
    let is_same = reached.position != Some(position) || reached.chain.is_none() || reached.chain == chain;
    if is_same { Ok(()) } else { Err(AuditError::Diverged { position }) }
}
