//! [`ReactiveEventBus`]: streams, handlers and a recorder.
//!
//! Memory is bounded by capacities. A ring that one reader alone reads is a queue: it holds at most its capacity, in
//! places of 16 bytes beside the events themselves, which routes share. Its room doubles as it fills, never beyond the
//! capacity (while it grows or is divided, the room of before is there too), and once it is read to its end it keeps
//! room for one chunk's worth at most. A ring that more read is made of chunks: it holds at most its capacity, and less
//! than one chunk of events that were overrun, and keeps one empty chunk; a chunk is a sixteenth of the capacity, but at
//! least 8 (or the capacity) and at most 64 places of 24 bytes. There are:
//!
//! - for each route that has a reader a ring of `capacity` for chatter and one of `capacity / 4` for what is critical
//!   (routes by kind), or of `id_capacity` and `id_capacity / 4` (routes by plan, session or correlation);
//! - for each stream at most one chunk of each of its two rings that it has not handed over, which may be in no ring
//!   any more, an empty one of each, and room for one chunk's worth of each that it has alone;
//! - for each async handler two rings of its queue;
//! - for each thread whose handlers emit at most 16,384 events that wait, and for each that emits, and the bus, room
//!   for as many wakers as were woken at once.
//!
//! What all readers of a route have read goes by the chunk; what the only reader of a route reads goes at once. A ring
//! becomes chunks when a second reader joins the first, and is a queue again when one is left that has read all of it;
//! until then what that one reads goes by the chunk.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::channel::Capacity;
use super::close::{self, CloseReport};
use super::core::Core;
use super::handler::EventHandler;
use super::ledger::Ledger;
use super::recorder::Recorder;
use super::route::Capacities;
use super::route_stream::RouteStream;
use super::stats::Stats;
use super::subscription::Subscription;
use super::{EventBus, FlushError, Receipt, flush, report};
use crate::event::{DomainEvent, EventType, Origin};
use crate::filter::Filter;
use crate::redact::Redactor;
use crate::stream::{Count, EventStream};

/// The bus for services: streams, sync and async handlers, a recorder, all in one order.
///
/// A handle; clones are the same bus. When the last is dropped, streams end after what was emitted, async handlers
/// work off what waits for them, and sync handlers are let go of. [`close`](Self::close) waits for that.
#[derive(Clone, Debug)]
pub struct ReactiveEventBus {
    handle: Arc<Handle>,
}

/// What the last handle takes with it.
#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.hang_up();
    }
}

impl Default for ReactiveEventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl ReactiveEventBus {
    /// A bus with the default capacities and no recorder.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A bus to be made.
    pub fn builder() -> ReactiveEventBusBuilder {
        ReactiveEventBusBuilder::default()
    }

    /// The bus as the origin of its events.
    pub fn origin(&self) -> Origin {
        self.handle.core.origin
    }

    /// For every subscriber, where each event that was offered to it went.
    pub fn ledger(&self) -> Ledger {
        self.handle.core.ledger()
    }

    /// What the bus has done, in numbers.
    pub fn stats(&self) -> Stats {
        let core = &self.handle.core;
        core.stats.read(core.turn().map_or(0, crate::event::Turn::get), core.subscribers())
    }

    /// Closes the bus: takes nothing more from outside, follows up what handlers emit, waits for async handlers and
    /// the recorder, ends the streams after what was emitted. At the deadline what is not done is given up: async
    /// handlers are stopped at their next await, what waits for them is abandoned, and the report says so.
    ///
    /// Emissions after that are counted as late. Closing again is fine. Called inside a handler of the same bus it
    /// would wait for itself until the deadline; spawn a task that does it.
    ///
    /// # Cancel safety
    /// If dropped, the bus stays in the phase it reached; closing can be taken up by another call.
    pub async fn close(&self, deadline: Duration) -> CloseReport {
        close::close(&self.handle.core, deadline).await
    }
}

#[async_trait]
impl EventBus for ReactiveEventBus {
    fn emit(&self, event: DomainEvent) -> Receipt {
        self.emit_arc(Arc::new(event))
    }

    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        self.handle.core.emit(event, None::<fn(&DomainEvent)>)
    }

    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        subscribe(&self.handle.core, filter, handler)
    }

    fn stream(&self, filter: Filter) -> EventStream {
        if filter.needs_history() {
            report::needs_history(&self.handle.core.redactor, &filter.to_string());
            return EventStream::ended();
        }
        match self.handle.core.join(filter) {
            Some(attachment) => {
                let core = Arc::downgrade(&self.handle.core);
                EventStream::from_source(RouteStream::new(attachment, core))
            }
            None => EventStream::ended(),
        }
    }

    fn is_observed(&self, event_type: EventType) -> bool {
        self.handle.core.is_observed(event_type)
    }

    async fn flush(&self) -> Result<(), FlushError> {
        flush::flush(&self.handle.core).await
    }
}

/// Adds a handler to a core, for as long as the subscription lives.
pub(super) fn subscribe(core: &Arc<Core>, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
    if filter.needs_history() {
        report::needs_history(&core.redactor, &filter.to_string());
        return Subscription::none();
    }
    let Some(member) = core.add(filter, handler) else {
        return Subscription::none();
    };
    let core = Arc::downgrade(core);
    Subscription::new(move || {
        if let Some(core) = core.upgrade() {
            core.remove(&member);
        }
        // The bus may be gone before, and its async handlers still at work.
        if let Some(desk) = member.handler.desk() {
            desk.abandon();
        }
    })
}

/// Makes a [`ReactiveEventBus`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct ReactiveEventBusBuilder {
    capacity: NonZeroUsize,
    id_capacity: NonZeroUsize,
    recorder: Option<Arc<dyn Recorder>>,
    redactor: Redactor,
}

impl Default for ReactiveEventBusBuilder {
    fn default() -> Self {
        let capacity = NonZeroUsize::new(4_096).expect("not zero");
        let id_capacity = NonZeroUsize::new(256).expect("not zero");
        Self { capacity, id_capacity, recorder: None, redactor: Redactor::default() }
    }
}

impl ReactiveEventBusBuilder {
    /// How many chatter events a route by kind holds for its slowest reader; a quarter as many critical ones.
    /// 4,096 by default.
    pub fn capacity(mut self, events: impl Count) -> Self {
        self.capacity = events.at_least_one();
        self
    }

    /// How many chatter events a route by plan, session or correlation holds; a quarter as many critical ones.
    /// 256 by default.
    pub fn id_capacity(mut self, events: impl Count) -> Self {
        self.id_capacity = events.at_least_one();
        self
    }

    /// Records every event.
    pub fn journal(mut self, recorder: impl Recorder + 'static) -> Self {
        self.recorder = Some(Arc::new(recorder));
        self
    }

    /// Masks secrets in what the bus itself logs, such as the texts of panics.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// The bus.
    pub fn build(self) -> ReactiveEventBus {
        let capacities = Capacities { broad: lanes(self.capacity), narrow: lanes(self.id_capacity) };
        let core = Arc::new(Core::new(capacities, self.redactor, self.recorder));
        ReactiveEventBus { handle: Arc::new(Handle { core }) }
    }
}

/// A quarter of the room for what is critical, beside it; at least one.
pub(super) fn lanes(chatter: NonZeroUsize) -> Capacity {
    let critical = NonZeroUsize::new(chatter.get() / 4).unwrap_or(NonZeroUsize::MIN);
    Capacity { chatter, critical }
}
