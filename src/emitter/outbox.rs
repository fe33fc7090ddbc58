//! [`Outbox`]: the state of a service, and the events of its changes in their order.

use std::collections::VecDeque;
use std::fmt;

use super::{Emitter, send};
use crate::event::{Details, DomainEvent, Scope, Timestamp};
use crate::sync::{Mutex, ThreadId, current_thread, lock};

/// State whose changes are told.
///
/// A change puts its events into the outbox while the state is locked, so that they stand there in the order of the
/// changes. When the lock is released, whoever gets the baton emits what waits, its own and others'; whoever does
/// not get it leaves its events to the holder. So events of one state are emitted one at a time, in order, with no
/// lock held. A handler that changes the same state again runs on the thread that has the baton, and emits at once what
/// waits: before what it tells of elsewhere, and as what it is to the bus, an event from within a handler.
///
/// The order is that of one state. Where two threads change it at once, the one without the baton goes on at once: what
/// it tells by another outbox may then be told before this change.
pub struct Outbox<S> {
    /// Guards the state. `waiting` is taken inside it, never the other way round.
    state: Mutex<S>,
    /// Guards the events that wait and the baton; held for single moves.
    waiting: Mutex<Waiting>,
    emitter: Emitter,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<DomainEvent>,
    /// The thread that has the baton.
    holder: Option<ThreadId>,
}

impl<S> Outbox<S> {
    /// Guards `state` and tells its changes by `emitter`.
    pub fn new(state: S, emitter: Emitter) -> Self {
        Self { state: Mutex::new(state), waiting: Mutex::default(), emitter }
    }

    /// By what its changes are told.
    pub fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// Looks at the state.
    ///
    /// `look` runs under the lock: it must not wait and not come back to this outbox.
    pub fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&lock(&self.state))
    }

    /// Changes the state and tells of it.
    ///
    /// `change` runs under the lock: it must not wait and not come back to this outbox. The events that it hands to
    /// [`Changes`] are emitted after the lock is released, behind those of every change before.
    pub fn change<R>(&self, change: impl FnOnce(&mut S, &mut Changes<'_>) -> R) -> R {
        let result = {
            let mut state = lock(&self.state);
            let mut changes = Changes { emitter: &self.emitter, events: Vec::new() };
            let result = change(&mut state, &mut changes);
            if !changes.events.is_empty() {
                lock(&self.waiting).events.extend(changes.events);
            }
            result
        };
        self.drain();
        result
    }

    /// Emits what waits, unless somebody else is doing so.
    fn drain(&self) {
        let Some(bus) = self.emitter.bus() else {
            return;
        };
        if let Some(mut baton) = Baton::take(&self.waiting) {
            while let Some(event) = baton.next_or_put_back() {
                send(&**bus, event.event_type(), || event);
            }
        }
    }
}

/// The right to emit what waits; one thread at a time has it.
struct Baton<'a> {
    waiting: &'a Mutex<Waiting>,
    /// Whether it goes back when this one is done: not where the thread had it before.
    goes_back: bool,
}

impl Drop for Baton<'_> {
    /// A panic on the way must not keep the baton: nobody would ever emit again.
    fn drop(&mut self) {
        if self.goes_back {
            lock(self.waiting).holder = None;
        }
    }
}

impl<'a> Baton<'a> {
    fn take(waiting: &'a Mutex<Waiting>) -> Option<Self> {
        let this = current_thread().id();
        let mut state = lock(waiting);
        if state.events.is_empty() || state.holder.is_some_and(|holder| holder != this) {
            return None;
        }
        let goes_back = state.holder.replace(this).is_none();
        Some(Self { waiting, goes_back })
    }

    /// The next event; or none, and the baton is back in the same step: nothing can be put in between and stay.
    fn next_or_put_back(&mut self) -> Option<DomainEvent> {
        let mut state = lock(self.waiting);
        let next = state.events.pop_front();
        if next.is_none() && self.goes_back {
            state.holder = None;
            self.goes_back = false;
        }
        next
    }
}

impl<S: fmt::Debug> fmt::Debug for Outbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("emitter", &self.emitter).finish_non_exhaustive()
    }
}

/// The events that tell of one change.
#[derive(Debug)]
pub struct Changes<'a> {
    emitter: &'a Emitter,
    events: Vec<DomainEvent>,
}

impl Changes<'_> {
    /// Tells these details in the current scope. They are made only if somebody observes their kind.
    pub fn emit<D: Details>(&mut self, details: impl FnOnce() -> D) {
        if self.emitter.is_observed::<D>() {
            self.events.push(DomainEvent::new(details()));
        }
    }

    /// Tells these details in `scope`. They are made only if somebody observes their kind.
    pub fn emit_in<D: Details>(&mut self, scope: &Scope, details: impl FnOnce() -> D) {
        if self.emitter.is_observed::<D>() {
            self.events.push(DomainEvent::new_in(scope, details()));
        }
    }

    /// Tells an opening event in `scope` and returns the scope of what happens inside; see [`Emitter::open`].
    pub fn open<D: Details>(&mut self, scope: &Scope, details: impl FnOnce() -> D) -> Scope {
        self.open_timed(scope, details).0
    }

    /// Does what [`Changes::emit_in`] does and says when it happened: the time of the event, or now if nobody
    /// observes the kind. So a state that keeps the time keeps that of its event.
    pub fn emit_timed<D: Details>(&mut self, scope: &Scope, details: impl FnOnce() -> D) -> Timestamp {
        if !self.emitter.is_observed::<D>() {
            return Timestamp::now();
        }
        let event = DomainEvent::new_in(scope, details());
        let at = event.timestamp();
        self.events.push(event);
        at
    }

    /// Does what [`Changes::open`] does and says when it happened, as [`Changes::emit_timed`].
    pub fn open_timed<D: Details>(
        &mut self,
        scope: &Scope,
        details: impl FnOnce() -> D,
    ) -> (Scope, Timestamp) {
        let (inside, event) = self.emitter.opening(scope, details);
        let at = event.as_ref().map_or_else(Timestamp::now, DomainEvent::timestamp);
        self.events.extend(event);
        (inside, at)
    }
}
