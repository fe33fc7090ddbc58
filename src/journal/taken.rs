//! [`Taken`]: what was taken from the queue to be written at once, with the bodies of its lines.

use std::sync::Arc;

use super::batch::Batch;
use super::encode::{self, Told};
use super::line;
use super::position::Position;
use super::queue::{Queue, Ticket};
use super::queued::{Queued, What};
use super::record::Recorded;
use crate::event::DomainEvent;
use crate::redact::Redactor;

/// What is written at once: kept until it is. Its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Taken {
    queued: Vec<Queued>,
    told: Vec<Told>,
    batch: Batch,
    /// The ticket of the last of it.
    through: Ticket,
}

impl Taken {
    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// How many events it tells of, those that did not fit into the queue too.
    pub(super) fn events(&self) -> u64 {
        let events = |queued: &Queued| if let What::Gap(events) = queued.what { events } else { 1 };
        self.queued.iter().map(events).sum()
    }

    /// The bodies of its lines.
    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The ticket of the last of it; if there was nothing, up to which all is written or was withdrawn.
    pub(super) fn through(&self) -> Ticket {
        self.through
    }

    /// Takes what waits and encodes it.
    pub(super) fn take(&mut self, queue: &Queue<Queued>, redactor: &Redactor) {
        self.through = queue.take(&mut self.queued);
        for queued in &self.queued {
            let told = self.batch.push(|into| encode(redactor, &queued.what, into));
            self.told.push(told);
        }
    }

    /// The events as they are recorded at these positions.
    pub(super) fn recorded(&self, positions: &[Position]) -> Vec<Recorded> {
        let bodies = self.batch.bodies().zip(&self.told).zip(&self.queued);
        let recorded = bodies.zip(positions).filter_map(|(((body, told), queued), position)| {
            Some(Recorded { position: *position, event: event_of(&queued.what, *told, body)? })
        });
        recorded.collect()
    }

    /// Answers that it is recorded at these positions, and lets go of it.
    pub(super) fn answer(&mut self, positions: &[Position]) {
        for (queued, position) in self.queued.drain(..).zip(positions) {
            if let Some(reply) = queued.reply {
                reply.recorded(*position);
            }
        }
        self.batch.clear();
        self.told.clear();
    }

    /// Tells those who wait for it that it is not known when it will be written.
    pub(super) fn leave_unsettled(&mut self, reason: &str) {
        for queued in &mut self.queued {
            queued.reply = queued.reply.take().map(|reply| reply.unsettled(reason));
        }
    }
}

fn encode(redactor: &Redactor, what: &What, into: &mut Vec<u8>) -> Told {
    match what {
        What::Event(event) => match encode::body(redactor, event, into) {
            Ok(told) => return told,
            Err(refused) => encode::stub(redactor, event, &refused, into),
        },
        What::Body(body) => into.extend_from_slice(body),
        What::Gap(events) => encode::gap(redactor, *events, into),
    }
    Told::Masked
}

/// The event as it is recorded: what was emitted, unless the line tells something else.
fn event_of(what: &What, told: Told, body: &[u8]) -> Option<Arc<DomainEvent>> {
    match (what, told) {
        (What::Event(event), Told::AsItIs) => Some(Arc::clone(event)),
        _ => line::decode_body(body, &mut Vec::new()).ok().map(Arc::new),
    }
}
