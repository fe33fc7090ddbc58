//! The [`Core`] that the buses of this crate share: the order section, the handlers, the routes.
//!
//! The order section is one lock. Inside it an event gets its turn, is recorded, and is put on every route and desk it
//! belongs to; so streams, async handlers and the recorder see one order. Wakers, dropped events, handlers and log
//! subscribers are foreign code and run outside.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::aftermath::{Aftermath, Left};
use super::desk::Desk;
use super::dispatch::Dispatch;
use super::handler::EventHandler;
use super::ledger::{Ledger, LedgerRow, name_of};
use super::member::{Member, Members};
use super::order::{Course, Order, Phase, mask};
use super::recorder::Recorder;
use super::route::{Capacities, RouteKey, Routes, Sent};
use super::route_stream::Attachment;
use super::stats::Counters;
use super::{Receipt, report, within};
use crate::event::{DomainEvent, EventId, EventType, Origin, Seq, Turn};
use crate::filter::{Filter, TypeSet};
use crate::redact::Redactor;
use crate::sync::{AtomicU64, Mutex, Notify, Ordering, lock};

mod landing;

/// What came of an event in the order section.
struct Ordered {
    turn: Turn,
    seq: Option<Seq>,
    receivers: usize,
    /// The event, unless the last route has it whole.
    left: Option<Arc<DomainEvent>>,
    /// The handlers to call, if there are any.
    course: Option<Arc<Course>>,
    aftermath: Option<Left>,
    recorder_panic: Option<Box<dyn Any + Send>>,
}

/// The event, if nobody else has it; else a copy of it. Whoever has the only reference keeps it the only one.
#[inline]
fn unshared(mut event: Arc<DomainEvent>) -> Arc<DomainEvent> {
    // Counting the references would not do: whoever has a weak one may make another meanwhile.
    if Arc::get_mut(&mut event).is_some() { event } else { copied(event) }
}

#[cold]
fn copied(event: Arc<DomainEvent>) -> Arc<DomainEvent> {
    let copy = Arc::new(DomainEvent::clone(&event));
    report::drop_event(event);
    copy
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) origin: Origin,
    pub(super) redactor: Redactor,
    pub(super) stats: Counters,
    pub(super) recorder: Option<Arc<dyn Recorder>>,
    /// A bit for each number of a kind that somebody observes; written in the order section.
    observed: AtomicU64,
    /// Told whenever a dispatch is over.
    landings: Notify,
    order: Mutex<Order>,
}

impl Core {
    pub(super) fn new(
        capacities: Capacities,
        redactor: Redactor,
        recorder: Option<Arc<dyn Recorder>>,
    ) -> Self {
        let origin = Origin::from_bytes(*crate::event::source::stamp().1.as_bytes());
        let observers = [u32::from(recorder.is_some()); EventType::NUMBERS];
        let order = Order {
            phase: Phase::Open,
            turn: 0,
            routes: Routes::new(origin, capacities),
            members: Arc::new([]),
            at_desks: Vec::new(),
            flights: VecDeque::new(),
            spare: Vec::new(),
            subscribed: 0,
            awaiting: 0,
            observers,
            departed: LedgerRow::departed(),
            aftermath: Aftermath::default(),
        };
        Self {
            origin,
            redactor,
            stats: Counters::default(),
            recorder,
            observed: AtomicU64::new(mask(&observers)),
            landings: Notify::new(),
            order: Mutex::new(order),
        }
    }

    pub(super) fn is_observed(&self, event_type: EventType) -> bool {
        self.observed.load(Ordering::Relaxed) & (1 << event_type.number()) != 0
    }

    /// Takes an event in; `announce` hears of it before the handlers do, outside of locks.
    pub(super) fn emit(
        self: &Arc<Self>,
        event: Arc<DomainEvent>,
        announce: Option<impl FnOnce(&DomainEvent)>,
    ) -> Receipt {
        let id = event.id();
        let event = unshared(event);
        let keeps = announce.is_some() || self.recorder.is_some();
        let ordered = match self.order(event, keeps) {
            Ok(ordered) => ordered,
            Err(event) => {
                report::drop_event(event);
                return self.late(id);
            }
        };
        let Ordered { turn, seq, receivers, left, course, aftermath, recorder_panic } = ordered;
        let (dispatch, kept) = match (course, left) {
            (Some(course), Some(event)) => {
                let kept = keeps.then(|| Arc::clone(&event));
                (Some(Dispatch::new(Arc::clone(self), event, turn, course)), kept)
            }
            (_, left) => (None, left),
        };
        if let (Some(event), Some(panic)) = (&kept, recorder_panic) {
            self.recorder_panicked(event, panic);
        }
        if let Some(aftermath) = aftermath {
            aftermath.settle();
        }
        if let Some(event) = kept {
            if let Some(recorder) = &self.recorder {
                let relieved = catch_unwind(AssertUnwindSafe(|| recorder.relieve()));
                relieved.unwrap_or_else(|panic| self.recorder_panicked(&event, panic));
            }
            if let Some(announce) = announce {
                announce(&event);
            }
            report::drop_event(event);
        }
        if let Some(dispatch) = dispatch {
            dispatch.start();
        }
        Receipt::new(id, seq, receivers)
    }

    /// The order section: gives the event its turn and puts it wherever it belongs. The last route gets it whole, unless
    /// it is to be kept. Gives it back if the bus is closed.
    fn order(
        self: &Arc<Self>,
        mut event: Arc<DomainEvent>,
        keeps: bool,
    ) -> Result<Ordered, Arc<DomainEvent>> {
        let mut order = lock(&self.order);
        let order = &mut *order;
        if order.phase != Phase::Open && !(order.phase == Phase::Closing && self.is_within(order)) {
            return Err(event);
        }
        order.turn += 1;
        let turn = Turn::new(order.turn).expect("counted from 1");
        Arc::get_mut(&mut event).expect("nobody else has it").place_at(self.origin, turn);
        let record =
            |recorder: &Arc<dyn Recorder>| catch_unwind(AssertUnwindSafe(|| recorder.record(&event))).err();
        let recorder_panic = self.recorder.as_ref().and_then(record);
        let seq = event.seq();
        let desks = order.put_on_desks(turn, &event);
        let course = order.take_off();
        let is_needed = keeps || course.is_some();
        let Sent { readers, left } = order.routes.send(turn, event, is_needed, &mut order.aftermath);
        let receivers = desks + order.members.len() + readers;
        let aftermath = order.aftermath.take();
        Ok(Ordered { turn, seq, receivers, left, course, aftermath, recorder_panic })
    }

    fn late(&self, id: EventId) -> Receipt {
        self.stats.late.fetch_add(1, Ordering::Relaxed);
        Receipt::new(id, None, 0)
    }

    /// Counts and logs a panic of the recorder; outside of locks, since logs are foreign code.
    fn recorder_panicked(&self, event: &DomainEvent, panic: Box<dyn Any + Send>) {
        drop(report::panic_message(panic));
        self.stats.recorder_panics.fetch_add(1, Ordering::Relaxed);
        report::recorder_panicked(event.type_name());
    }

    /// Adds a handler.
    pub(super) fn add(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Option<Arc<Member>> {
        let mut order = lock(&self.order);
        if order.phase == Phase::Closed {
            return None;
        }
        let types = filter.type_set();
        let member = Arc::new(Member::new(filter, handler, order.subscribed, order.turn));
        order.subscribed += 1;
        let mut before = None;
        if let Some(desk) = member.handler.desk() {
            desk.redact_by(&self.redactor);
            order.at_desks.push(Arc::clone(&member));
        } else {
            let members = order.members.iter().chain([&member]).cloned().collect();
            before = Some(order.replace_members(members));
        }
        self.observe(&mut order, types, 1);
        drop(order);
        // It may hold the last reference to a handler that unsubscribes just now.
        report::drop_quietly(before);
        Some(member)
    }

    /// Removes a handler; when this returns it is not called again.
    pub(super) fn remove(&self, member: &Arc<Member>) {
        let mut order = lock(&self.order);
        let is_other = |other: &&Arc<Member>| !Arc::ptr_eq(other, member);
        let members: Members = order.members.iter().filter(is_other).cloned().collect();
        let desks = order.at_desks.len();
        order.at_desks.retain(|other| !Arc::ptr_eq(other, member));
        if order.members.len() == members.len() && order.at_desks.len() == desks {
            return;
        }
        // An async one is not among them: the courses of the others are kept.
        let before = (members.len() < order.members.len()).then(|| order.replace_members(members));
        let mut aftermath = Aftermath::default();
        if let Some(desk) = member.handler.desk() {
            desk.abandon_within(&mut aftermath);
        }
        let row = order.depart(member);
        order.departed.fold(&row);
        self.observe(&mut order, member.filter.type_set(), -1);
        drop(order);
        aftermath.settle();
        report::drop_quietly(before);
    }

    /// Attaches a stream to its route; none if the bus is closed.
    pub(super) fn join(&self, filter: Filter) -> Option<Attachment> {
        let mut order = lock(&self.order);
        if order.phase == Phase::Closed {
            return None;
        }
        let key = RouteKey::of(&filter);
        let types = filter.type_set();
        let (channel, slot) = order.routes.join(&key, filter);
        self.observe(&mut order, types, 1);
        Some(Attachment { key, types, channel, slot })
    }

    /// Detaches a stream from its route.
    pub(super) fn leave(&self, attachment: &Attachment) {
        let mut aftermath = Aftermath::default();
        let mut order = lock(&self.order);
        let (row, is_last) = attachment.channel.leave(attachment.slot, &mut aftermath);
        order.departed.fold(&row);
        if is_last {
            order.routes.remove(&attachment.key);
        }
        self.observe(&mut order, attachment.types, -1);
        drop(order);
        aftermath.settle();
    }

    fn observe(&self, order: &mut Order, types: TypeSet, change: i32) {
        for (number, count) in order.observers.iter_mut().enumerate() {
            if types.bits() & (1 << number) != 0 {
                *count = count.saturating_add_signed(change);
            }
        }
        self.observed.store(mask(&order.observers), Ordering::Relaxed);
    }

    /// Where each event that was offered to anybody went.
    pub(super) fn ledger(&self) -> Ledger {
        let order = lock(&self.order);
        let streams = order.routes.rows();
        let members: Vec<_> = order.members.iter().chain(&order.at_desks).cloned().collect();
        let handlers: Vec<_> = members.iter().map(|member| order.row(member)).collect();
        let departed = order.departed.clone();
        drop(order);
        // Names are made outside of the lock: those of handlers by foreign code, those of streams from long filters.
        let streams = streams.into_iter().map(|(filter, row)| row.named(name_of(&filter)));
        let handlers = handlers.into_iter().zip(&members).map(|(row, member)| row.named(member.name()));
        let rows = streams.chain(handlers).collect();
        Ledger { rows, departed }
    }

    /// How many streams and handlers there are.
    pub(super) fn subscribers(&self) -> (usize, usize) {
        let order = lock(&self.order);
        (order.routes.readers(), order.members.len() + order.at_desks.len())
    }

    pub(super) fn turn(&self) -> Option<Turn> {
        Turn::new(lock(&self.order).turn)
    }

    /// All handlers, for waiting until they are idle.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        let order = lock(&self.order);
        order.members.iter().chain(&order.at_desks).cloned().collect()
    }

    /// Whether this code runs where waiting for handlers would wait for itself.
    pub(super) fn is_within_handler(&self) -> bool {
        within::is_dispatching_any() || self.is_within(&lock(&self.order))
    }

    fn is_within(&self, order: &Order) -> bool {
        within::is_dispatching(self.origin)
            || within::current_desk().is_some_and(|desk| {
                order.at_desks.iter().any(|member| member.handler.desk().is_some_and(|other| other.is(&desk)))
            })
    }

    /// Enters a later phase.
    pub(super) fn enter(&self, phase: Phase) -> Phase {
        let mut order = lock(&self.order);
        let before = order.phase;
        if before != Phase::Closed {
            order.phase = phase;
        }
        before
    }

    /// Ends the streams after what is on them and lets go of the handlers; their accounts are folded.
    pub(super) fn hang_up(&self) {
        let mut aftermath = Aftermath::default();
        let mut order = lock(&self.order);
        order.phase = Phase::Closed;
        order.routes.close(&mut aftermath);
        let mut departed = order.departed.clone();
        let (members, spare) = order.replace_members(Arc::new([]));
        let at_desks = std::mem::take(&mut order.at_desks);
        for member in members.iter().chain(&at_desks) {
            departed.fold(&order.depart(member));
        }
        order.departed = departed;
        order.observers = [0; EventType::NUMBERS];
        self.observed.store(0, Ordering::Relaxed);
        drop(order);
        aftermath.settle();
        // What waits at the desks is still worked off.
        at_desks.iter().filter_map(|member| member.handler.desk()).for_each(Desk::close);
        // Handlers are foreign, and each is let go of whatever the others do.
        report::drop_quietly(spare);
        members.iter().cloned().for_each(report::drop_quietly);
        report::drop_quietly(members);
        at_desks.into_iter().for_each(report::drop_quietly);
    }
}
