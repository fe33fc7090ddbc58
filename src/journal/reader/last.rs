//! [`Tailed`]: the last entries of a journal, from the end backward.

use std::collections::VecDeque;
use std::sync::Arc;

use super::reading::Reading;
use super::scan::Scan;
use super::seek;
use super::segment::{Segment, list};
use super::sieve::Sieve;
use crate::filter::Filter;
use crate::journal::manifest::Manifest;
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, ReadFrom};
use crate::journal::storage::Storage;

/// How much is read at once at first, and at most, in bytes; more if there is no whole line in it.
const FIRST_SPAN: u64 = 64 << 10;
const SPAN: u64 = 4 << 20;

/// How many lines that cannot be read are told one by one, at least.
const MAX_TOLD: usize = 1024;

/// What [`JournalReader::tail`](crate::journal::JournalReader::tail) gives.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Tailed {
    /// The last events that were asked for, and what else stands between and behind them, in the order of the journal.
    pub entries: Vec<Entry>,
    /// How many lines among them cannot be read and are left out: of thousands, only the last are told one by one.
    pub left_out: u64,
}

/// The last `n` events that the filter lets through, and what else stands between and behind them.
pub(super) fn entries(storage: &Arc<dyn Storage>, n: usize, filter: Filter) -> Result<Tailed, ReadError> {
    let sieve = Sieve::new(filter.clone());
    let mut last = Last::new(n);
    if sieve.needs_history() {
        for entry in Reading::new(Arc::clone(storage), ReadFrom::Start, filter)? {
            last.push_back(entry?);
        }
        return Ok(last.into_tailed());
    }
    let listed = Manifest::read(&**storage)?.map_or_else(Vec::new, |manifest| manifest.segments);
    let mut sieve = Some(sieve);
    let mut next_first = None;
    for first in list(&**storage)?.into_iter().rev() {
        let (Some(used), false) = (sieve.take(), last.is_full()) else { break };
        // What is gone was the oldest: there is nothing before it.
        let Some(segment) = Segment::open(&**storage, first)? else { break };
        let is_lost = |next: &Position| listed.iter().any(|start| first < start.first && start.first < *next);
        if let Some(through) = next_first.filter(is_lost).and_then(Position::previous) {
            last.entries.push_front(Entry::Removed { through });
        }
        let mut of_segment = Last::new(last.missing());
        sieve = of_segment.read_segment(storage, segment, next_first, used)?;
        last.put_before(of_segment);
        next_first = Some(first);
    }
    Ok(last.into_tailed())
}

/// The last entries of what was read, at most `n` events and not much more than [`MAX_TOLD`] others.
struct Last {
    n: usize,
    events: usize,
    left_out: u64,
    entries: VecDeque<Entry>,
}

impl Last {
    fn new(n: usize) -> Self {
        Self { n, events: 0, left_out: 0, entries: VecDeque::new() }
    }

    fn is_full(&self) -> bool {
        self.missing() == 0
    }

    /// How many events it could still hold.
    fn missing(&self) -> usize {
        self.n.saturating_sub(self.events)
    }

    fn into_tailed(mut self) -> Tailed {
        self.tell_at_most(MAX_TOLD);
        Tailed { entries: self.entries.into(), left_out: self.left_out }
    }

    /// Reads a segment from its end backward, as far as is needed; from its start, if its lines are in no order.
    fn read_segment(
        &mut self,
        storage: &Arc<dyn Storage>,
        mut segment: Segment,
        next_first: Option<Position>,
        mut sieve: Sieve,
    ) -> Result<Option<Sieve>, ReadError> {
        let len = segment.lines.file().len().map_err(|source| segment.failed(source))?;
        let (mut until, mut span, mut behind) = (len, FIRST_SPAN, None);
        while until > 0 && !self.is_full() {
            let from = until.saturating_sub(span);
            span *= 2;
            let anchor = match from {
                0 => None,
                _ => {
                    seek::anchor(&mut segment.lines, from, until).map_err(|source| segment.failed(source))?
                }
            };
            let begin = anchor.map_or(0, |anchor| anchor.at);
            // Without a line in it a larger part is looked at.
            if from > 0 && (begin == 0 || begin >= until) {
                continue;
            }
            let part = Scan::of_part(Arc::clone(storage), segment, next_first, anchor, until);
            let mut reading = Reading::of(part, sieve);
            let mut of_part = Self::new(self.missing());
            for entry in reading.by_ref() {
                of_part.push_back(entry?);
            }
            let (part, used) = reading.into_parts();
            sieve = used;
            let is_whole = (begin, until) == (0, len);
            let is_in_order = part.is_in_order(behind, next_first);
            let Some(read) = part.into_segment() else { break };
            segment = read;
            if is_whole || is_in_order {
                self.put_before(of_part);
                (until, span, behind) = (begin, span.min(SPAN), anchor.map(|anchor| anchor.position));
            } else {
                *self = Self::new(self.n);
                (until, span, behind) = (len, len, None);
            }
        }
        Ok(Some(sieve))
    }

    /// Puts what stands before it there; that holds no more events than are missing.
    fn put_before(&mut self, mut earlier: Self) {
        earlier.entries.append(&mut self.entries);
        self.entries = earlier.entries;
        self.events += earlier.events;
        self.left_out += earlier.left_out;
        self.tell_at_most(MAX_TOLD);
    }

    fn push_back(&mut self, entry: Entry) {
        self.events += usize::from(is_event(&entry));
        self.entries.push_back(entry);
        while self.events > self.n
            || self.is_full() && self.entries.front().is_some_and(|front| !is_event(front))
        {
            let dropped = self.entries.pop_front();
            self.events -= usize::from(dropped.as_ref().is_some_and(is_event));
        }
        if self.entries.len() - self.events > 2 * MAX_TOLD {
            self.tell_at_most(MAX_TOLD);
        }
    }

    /// Leaves the first lines out that cannot be read, until no more are told.
    fn tell_at_most(&mut self, most: usize) {
        let mut excess = (self.entries.len() - self.events).saturating_sub(most);
        if excess > 0 {
            let before = self.entries.len();
            self.entries.retain(|entry| {
                let stays = excess == 0 || !matches!(entry, Entry::Unreadable(_));
                excess -= usize::from(!stays);
                stays
            });
            self.left_out += (before - self.entries.len()) as u64;
        }
    }
}

fn is_event(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(_))
}
