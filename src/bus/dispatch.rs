//! How sync handlers are called: one event at a time on each thread, effects behind their causes.
//!
//! An event that a handler emits waits in a queue of this thread until all handlers of the current event have
//! returned. So nobody sees an effect before its cause, and a chain of handlers needs no stack. A chain of more
//! than [`MAX_GENERATIONS`] is cut, and so is a fan of more than [`MAX_WAITING`]: handlers do not hear of what is
//! emitted in it any more until it has come to rest.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::clock::Stopwatch;
use super::core::Core;
use super::marks::{Mark, Slot};
use super::member::Member;
use super::order::Course;
use super::{report, within};
use crate::event::{DomainEvent, Turn, scope};
use crate::sync::Ordering;

/// How long a chain of events may be of which each was emitted by a handler of the one before.
pub(super) const MAX_GENERATIONS: u32 = 1_000;

/// How many events emitted by handlers may wait on one thread.
pub(super) const MAX_WAITING: usize = 16_384;

/// How long one call of a handler may take before it is counted and logged.
const SLOW: Duration = Duration::from_millis(10);

crate::sync::thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "the models' own macro takes no `const`")]
    static QUEUE: RefCell<Queue> = RefCell::new(Queue::new());
}

/// The events that wait on one thread for the handlers of the current one.
struct Queue {
    /// The generation of the event whose handlers run.
    running: Option<u32>,
    waiting: VecDeque<Dispatch>,
    /// Whether more waited than may: then nothing is added until the queue is empty.
    overflowed: bool,
}

impl Queue {
    const fn new() -> Self {
        Self { running: None, waiting: VecDeque::new(), overflowed: false }
    }

    /// Lets a dispatch run at once if nothing runs; else it waits, or is given back to be cut.
    fn admit(&mut self, mut dispatch: Dispatch) -> Admission {
        let Some(generation) = self.running else {
            self.running = Some(dispatch.generation);
            return Admission::Runs(dispatch);
        };
        dispatch.generation = generation + 1;
        let is_first_cut = !self.overflowed;
        self.overflowed |= self.waiting.len() >= MAX_WAITING;
        if self.overflowed || dispatch.generation > MAX_GENERATIONS {
            return Admission::Cut { dispatch, is_first_cut };
        }
        self.waiting.push_back(dispatch);
        Admission::Waits
    }

    fn next(&mut self) -> Option<Dispatch> {
        let next = self.waiting.pop_front();
        self.running = next.as_ref().map(|dispatch| dispatch.generation);
        self.overflowed &= next.is_some();
        next
    }
}

enum Admission {
    Runs(Dispatch),
    Waits,
    Cut { dispatch: Dispatch, is_first_cut: bool },
}

/// One event on its way to the handlers there were when it was emitted.
pub(super) struct Dispatch {
    core: Arc<Core>,
    event: Arc<DomainEvent>,
    turn: Turn,
    course: Arc<Course>,
    /// How many events emitted by handlers led to it.
    generation: u32,
    /// Whether each handler has had its call.
    is_through: bool,
}

impl Dispatch {
    pub(super) fn new(core: Arc<Core>, event: Arc<DomainEvent>, turn: Turn, course: Arc<Course>) -> Self {
        Self { core, event, turn, course, generation: 0, is_through: false }
    }

    /// Calls the handlers, now or when those of the current event have returned.
    pub(super) fn start(self) {
        // Without a queue, on a thread that is ending, the dispatch is dropped, which passes it over.
        let admitted = QUEUE.try_with(|queue| queue.borrow_mut().admit(self));
        match admitted {
            Ok(Admission::Runs(dispatch)) => {
                let mut running = Some(dispatch);
                while let Some(dispatch) = running {
                    // It may hold the last reference to a handler or an event, whose drop may panic.
                    report::quietly(|| dispatch.run());
                    running = QUEUE.try_with(|queue| queue.borrow_mut().next()).ok().flatten();
                }
            }
            Ok(Admission::Cut { dispatch, is_first_cut }) => {
                if is_first_cut {
                    report::chain_cut(dispatch.event.type_name(), dispatch.generation);
                }
                dispatch.core.stats.cut.fetch_add(1, Ordering::Relaxed);
                report::drop_quietly(dispatch);
            }
            Ok(Admission::Waits) | Err(_) => {}
        }
    }

    /// Calls each handler in turn. Never panics.
    fn run(mut self) {
        let _dispatching = within::Dispatching::mark(self.core.origin);
        scope::handling(&self.event, || {
            let kind = self.event.event_type();
            let mut watch = Stopwatch::start();
            for (member, mark) in self.course.each() {
                if !member.filter.matches_as(kind, &self.event) {
                    mark.set(Mark::Filtered);
                } else if mark.claim(Mark::Delivered) {
                    let call = || member.handler.handle(&self.event);
                    let ended = catch_unwind(AssertUnwindSafe(call));
                    let took = watch.lap();
                    if ended.is_err() || took > SLOW {
                        self.report(member, mark, ended.err(), took);
                        // Telling of it is not what the next one takes.
                        watch = Stopwatch::start();
                    }
                }
            }
        });
        self.is_through = true;
    }

    /// Counts and logs a call that panicked, or took too long, or both.
    fn report(&self, member: &Member, mark: &Slot, panic: Option<Box<dyn Any + Send>>, took: Duration) {
        let (event_type, name) = (self.event.type_name(), member.name());
        if let Some(panic) = panic {
            mark.set(Mark::Failed);
            self.core.stats.failed.fetch_add(1, Ordering::Relaxed);
            let error = report::panic_message(panic);
            report::handler_failed(&self.core.redactor, event_type, &name, &error);
        }
        if took > SLOW {
            self.core.stats.slow.fetch_add(1, Ordering::Relaxed);
            report::handler_slow(&self.core.redactor, event_type, &name, took);
        }
    }
}

impl Drop for Dispatch {
    /// However it ends, what it did not reach is passed over and it is no longer waited for.
    fn drop(&mut self) {
        if !self.is_through {
            for (_member, mark) in self.course.each() {
                mark.claim(Mark::Skipped);
            }
        }
        self.core.landed(self.turn);
    }
}
