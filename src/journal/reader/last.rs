//! The last entries of a journal, from the end backward.

use std::collections::VecDeque;
use std::sync::Arc;

use super::reading::Reading;
use super::scan::Scan;
use super::seek;
use super::segment::{Segment, list};
use super::sieve::Sieve;
use crate::filter::Filter;
use crate::journal::position::Position;
use crate::journal::record::{Entry, ReadError, ReadFrom};
use crate::journal::storage::Storage;

/// How much is read at once at first, and at most, in bytes; more if there is no whole line in it.
const FIRST_SPAN: u64 = 64 << 10;
const SPAN: u64 = 4 << 20;

/// The last `n` events that the filter lets through, and what else stands between them.
pub(super) fn entries(storage: &Arc<dyn Storage>, n: usize, filter: Filter) -> Result<Vec<Entry>, ReadError> {
    let sieve = Sieve::new(filter.clone());
    let mut last = Last { n, events: 0, entries: VecDeque::new() };
    if sieve.needs_history() {
        for entry in Reading::new(Arc::clone(storage), ReadFrom::Start, filter)? {
            last.push_back(entry?);
        }
        return Ok(last.entries.into());
    }
    let mut sieve = Some(sieve);
    let mut next_first = None;
    for first in list(&**storage)?.into_iter().rev() {
        let (Some(used), false) = (sieve.take(), last.is_full()) else { break };
        // What is gone was the oldest: there is nothing before it.
        let Some(segment) = Segment::open(&**storage, first)? else { break };
        sieve = last.read_segment(storage, segment, next_first, used)?;
        next_first = Some(first);
    }
    Ok(last.entries.into())
}

struct Last {
    n: usize,
    events: usize,
    entries: VecDeque<Entry>,
}

impl Last {
    fn is_full(&self) -> bool {
        self.events >= self.n
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
        let (mut until, mut span, mut last) = (len, FIRST_SPAN, None);
        let before = (self.entries.len(), self.events);
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
            let entries: Vec<_> = reading.by_ref().collect::<Result<_, _>>()?;
            let (part, used) = reading.into_parts();
            sieve = used;
            let is_whole = (begin, until) == (0, len);
            let is_in_order = part.is_in_order(last, next_first);
            let Some(read) = part.into_segment() else { break };
            segment = read;
            if is_whole || is_in_order {
                entries.into_iter().rev().for_each(|entry| self.push_front(entry));
                (until, span, last) = (begin, span.min(SPAN), anchor.map(|anchor| anchor.position));
            } else {
                self.forget_all_but(before);
                (until, span, last) = (len, len, None);
            }
        }
        Ok(Some(sieve))
    }

    /// Takes back what was put before the last so many entries, and events among them.
    fn forget_all_but(&mut self, (entries, events): (usize, usize)) {
        self.entries.drain(..self.entries.len() - entries);
        self.events = events;
    }

    fn push_front(&mut self, entry: Entry) {
        if self.is_full() {
            return;
        }
        self.events += usize::from(matches!(entry, Entry::Event(_)));
        self.entries.push_front(entry);
    }

    fn push_back(&mut self, entry: Entry) {
        self.events += usize::from(matches!(entry, Entry::Event(_)));
        self.entries.push_back(entry);
        while self.events > self.n
            || !matches!(self.entries.front(), None | Some(Entry::Event(_))) && self.is_full()
        {
            let dropped = self.entries.pop_front();
            self.events -= usize::from(matches!(dropped, Some(Entry::Event(_))));
        }
    }
}
