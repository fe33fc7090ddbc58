//! [`Sieve`]: which events are asked for.

use std::sync::Arc;

use super::peek;
use crate::event::{DomainEvent, EventType};
use crate::filter::{Filter, History};
use crate::journal::line::{Body, LineFault};
use crate::journal::position::Position;
use crate::journal::record::Recorded;

/// Lets through what a filter asks for, in the order of the journal.
#[derive(Debug)]
pub(super) struct Sieve {
    filter: Filter,
    /// For a filter that needs one: of all that came by.
    history: Option<History>,
    /// Memory to decode in.
    scratch: Vec<u8>,
}

impl Sieve {
    pub(super) fn new(filter: Filter) -> Self {
        Self { history: History::of(&filter), filter, scratch: Vec::new() }
    }

    /// Whether it has to see everything from the start.
    pub(super) fn needs_history(&self) -> bool {
        self.history.is_some()
    }

    /// Decodes a line, unless its kind tells already that it is not asked for.
    pub(super) fn decode(&mut self, bytes: &[u8], position: Position) -> Result<Option<Recorded>, LineFault> {
        let body = Body::of(bytes)?;
        let kind = peek::kind(body.bytes).and_then(EventType::built_in);
        if self.history.is_none() && kind.is_some_and(|kind| !self.filter.type_set().contains(kind)) {
            return Ok(None);
        }
        let event = body.decode(&mut self.scratch)?;
        Ok(self.admits(&event).then(|| Recorded { position, event: Arc::new(event) }))
    }

    /// Whether the event that comes next is asked for.
    pub(super) fn admits(&mut self, event: &DomainEvent) -> bool {
        match &mut self.history {
            Some(history) => {
                history.learn(event);
                self.filter.matches_in(event, history)
            }
            None => self.filter.matches(event),
        }
    }
}
