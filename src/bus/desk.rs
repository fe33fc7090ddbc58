//! A [`Desk`]: where the events for one async handler wait, and what its task is doing.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::task::AbortHandle;

use super::aftermath::Aftermath;
use super::channel::{Capacity, Channel, Read};
use super::chunk::Entry;
use super::handler::HandlerCounts;
use super::slab::Slot;
use crate::event::{DomainEvent, Origin, Turn};
use crate::filter::Filter;
use crate::redact::Redactor;
use crate::sync::{Mutex, Notify, lock};

/// The queue and the account of one async handler; clones are the same desk.
#[doc(hidden)]
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    channel: Channel,
    slot: Slot,
    /// Guards what the task is doing and its account. The channel's lock is taken inside it.
    state: Mutex<State>,
    /// Told whenever an event is done with, and at the end.
    progress: Notify,
    /// That of the bus; set once, when the handler subscribes.
    redactor: OnceLock<Redactor>,
}

#[derive(Default)]
struct State {
    /// The event being handled.
    current: Option<Turn>,
    counts: HandlerCounts,
    suspended: bool,
    ended: bool,
    task: Option<AbortHandle>,
}

/// What the task gets off its desk.
enum Taken {
    Event(Arc<DomainEvent>),
    /// Something was there, but is not to be handled.
    Nothing,
    End,
}

impl Desk {
    pub(super) fn new(queue: NonZeroUsize) -> Self {
        // The queue is of no bus yet; its notices of loss are counted, not shown.
        let nowhere = Origin::from_bytes([0; 16]);
        let channel = Channel::new(nowhere, Capacity { chatter: queue, critical: queue });
        let slot = channel.join(Filter::all(), true);
        let (state, progress, redactor) = (Mutex::default(), Notify::new(), OnceLock::new());
        Self { shared: Arc::new(Shared { channel, slot, state, progress, redactor }) }
    }

    /// Masks secrets in what is logged of the handler as its bus does.
    pub(super) fn redact_by(&self, redactor: &Redactor) {
        // A handler that is subscribed twice keeps to the first bus.
        self.shared.redactor.get_or_init(|| redactor.clone());
    }

    pub(super) fn redactor(&self) -> &Redactor {
        self.shared.redactor.get_or_init(Redactor::default)
    }

    /// Keeps the means to stop the task at a deadline.
    pub(super) fn served_by(&self, task: AbortHandle) {
        lock(&self.shared.state).task = Some(task);
    }

    /// Puts an event on the desk; called in the order section. Where the task is over, the event is abandoned.
    pub(super) fn put(&self, turn: Turn, event: &Arc<DomainEvent>, aftermath: &mut Aftermath) {
        if self.shared.channel.send(turn, Arc::clone(event), aftermath) == 0 {
            lock(&self.shared.state).counts.abandoned += 1;
        }
    }

    /// Takes the next event to handle; none at the end. While suspended, events are passed over.
    pub(super) async fn next(&self) -> Option<Arc<DomainEvent>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Arc<DomainEvent>>> {
        // Settled outside the lock: the details may be the embedder's.
        let mut aftermath = Aftermath::default();
        loop {
            let taken = self.take(cx, &mut aftermath);
            aftermath.settle();
            match ready!(taken) {
                Taken::Event(event) => return Poll::Ready(Some(event)),
                Taken::End => return Poll::Ready(None),
                Taken::Nothing => self.shared.progress.notify_waiters(),
            }
        }
    }

    /// Takes the next thing off the desk; what is passed over is left to the aftermath.
    fn take(&self, cx: &mut Context<'_>, aftermath: &mut Aftermath) -> Poll<Taken> {
        let mut state = lock(&self.shared.state);
        if state.ended {
            return Poll::Ready(Taken::End);
        }
        let read = ready!(self.shared.channel.poll(self.shared.slot, cx.waker(), aftermath));
        Poll::Ready(match read {
            Some(Read::Entry(Entry { turn, event })) if !state.suspended => {
                state.current = Some(turn);
                state.counts.delivered += 1;
                Taken::Event(event)
            }
            Some(Read::Entry(entry)) => {
                state.counts.skipped += 1;
                aftermath.events.push(entry);
                Taken::Nothing
            }
            // What was overrun is given up: who waits for it need not wait for the next event.
            Some(Read::Lagged) => Taken::Nothing,
            None => Taken::End,
        })
    }

    /// Says that the event taken last is done with.
    pub(super) fn done(&self, failed: bool) {
        let mut state = lock(&self.shared.state);
        state.current = None;
        state.counts.failed += u64::from(failed);
        drop(state);
        self.shared.progress.notify_waiters();
    }

    /// Passes over everything from now on.
    pub(super) fn suspend(&self) {
        lock(&self.shared.state).suspended = true;
    }

    /// Ends the task after what is on the desk.
    pub(super) fn close(&self) {
        let mut aftermath = Aftermath::default();
        self.shared.channel.close(&mut aftermath);
        aftermath.settle();
    }

    /// Ends the task after the call that runs; what waits is abandoned.
    pub(super) fn abandon(&self) {
        let mut aftermath = Aftermath::default();
        self.abandon_within(&mut aftermath);
        aftermath.settle();
        self.tell_progress();
    }

    /// The part of [`abandon`](Self::abandon) that may be done under locks; the caller settles and tells.
    pub(super) fn abandon_within(&self, aftermath: &mut Aftermath) {
        let mut state = lock(&self.shared.state);
        if !state.ended {
            state.ended = true;
            let (row, _) = self.shared.channel.leave(self.shared.slot, aftermath);
            state.counts.overrun += row.overrun;
            state.counts.abandoned += row.pending;
        }
    }

    /// Wakes those who wait for this desk.
    pub(super) fn tell_progress(&self) {
        self.shared.progress.notify_waiters();
    }

    /// Stops the task at its next await, also in the middle of a call; what waits is abandoned.
    pub(super) fn abort(&self) {
        self.abandon();
        let task = lock(&self.shared.state).task.take();
        if let Some(task) = task {
            task.abort();
        }
    }

    /// Whether both are the same desk.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether a call is running.
    pub(super) fn is_at_work(&self) -> bool {
        lock(&self.shared.state).current.is_some()
    }

    pub(super) fn counts(&self) -> HandlerCounts {
        let state = lock(&self.shared.state);
        let mut counts = state.counts;
        if !state.ended {
            let row = self.shared.channel.row(self.shared.slot);
            counts.overrun += row.overrun;
            counts.pending += row.pending;
        }
        counts
    }

    /// Whether it is neither at work on nor has waiting anything up to and including `through`.
    fn is_idle(&self, through: Turn) -> bool {
        let state = lock(&self.shared.state);
        let is_at_work = state.current.is_some_and(|current| current <= through);
        let waits = !state.ended && self.shared.channel.has_pending_through(self.shared.slot, through);
        !is_at_work && !waits
    }

    /// Waits until it is.
    pub(super) async fn idle(&self, through: Turn) {
        loop {
            let mut progress = std::pin::pin!(self.shared.progress.notified());
            progress.as_mut().enable();
            if self.is_idle(through) {
                return;
            }
            progress.await;
        }
    }

    /// Says that the task is over, however it ended: what waits is abandoned and nobody waits for it.
    pub(super) fn left(&self) {
        lock(&self.shared.state).current = None;
        self.abandon();
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
