//! Which of many streams have something: those that were woken since they were asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::{Mutex, lock};

/// The streams on their seats. Each is polled with a waker of its own, so that only those are asked again that have
/// something; at one instant in the order in which they were made.
pub(super) struct Ready {
    /// Held for single steps; no foreign code runs under it.
    state: Mutex<State>,
}

struct State {
    seats: Vec<Seat>,
    /// Those to be asked, the next one on top. One that is not what its seat says now is void.
    queue: BinaryHeap<Reverse<Place>>,
    /// The round of the one that was asked last.
    round: u64,
    /// The task that is to hear when a stream is woken.
    task: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    round: u64,
    /// In the order in which the streams were made.
    number: u64,
    seat: usize,
}

#[derive(Clone, Copy)]
struct Seat {
    place: Place,
    is_queued: bool,
}

impl State {
    /// Puts the stream on that seat into the queue, unless it is there.
    fn queue(&mut self, seat: usize) {
        if let Some(known) = self.seats.get_mut(seat)
            && !known.is_queued
        {
            known.is_queued = true;
            known.place.round = self.round;
            self.queue.push(Reverse(known.place));
        }
    }

    fn pop(&mut self) -> Option<usize> {
        while let Some(Reverse(place)) = self.queue.pop() {
            if let Some(known) = self.seats.get_mut(place.seat)
                && known.is_queued
                && known.place == place
            {
                known.is_queued = false;
                self.round = place.round;
                return Some(place.seat);
            }
        }
        None
    }
}

impl Ready {
    pub(super) fn new() -> Arc<Self> {
        let state = State { seats: Vec::new(), queue: BinaryHeap::new(), round: 0, task: None };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// A stream of that number takes a seat, of which there may be one more than so far, and is to be asked.
    pub(super) fn sit(&self, seat: usize, number: u64) {
        let mut state = lock(&self.state);
        let place = Place { round: state.round, number, seat };
        let taken = Seat { place, is_queued: false };
        match state.seats.get_mut(seat) {
            Some(known) => *known = taken,
            None => state.seats.push(taken),
        }
        state.queue(seat);
    }

    /// What the stream on that seat is to be polled with.
    pub(super) fn waker(self: &Arc<Self>, seat: usize) -> Waker {
        Waker::from(Arc::new(Bell { ready: Arc::clone(self), seat }))
    }

    /// The seat to be asked next; if there is none, `task` is woken when there is.
    pub(super) fn next(&self, task: &Waker) -> Option<usize> {
        let mut state = lock(&self.state);
        let seat = state.pop();
        if seat.is_some() || state.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            return seat;
        }
        drop(state);
        // Cloned and dropped without the lock: a waker is foreign code.
        let task = Some(task.clone());
        let mut state = lock(&self.state);
        let before = mem::replace(&mut state.task, task);
        let seat = state.pop();
        drop(state);
        drop(before);
        seat
    }

    /// The stream on that seat may have more.
    pub(super) fn again(&self, seat: usize) {
        lock(&self.state).queue(seat);
    }

    /// The stream on that seat may have more, but all others that have something come first.
    pub(super) fn after_the_others(&self, seat: usize) {
        let mut state = lock(&self.state);
        let round = state.round + 1;
        if let Some(known) = state.seats.get_mut(seat) {
            known.is_queued = true;
            known.place.round = round;
            let place = known.place;
            state.queue.push(Reverse(place));
        }
    }

    fn wake(&self, seat: usize) {
        let mut state = lock(&self.state);
        state.queue(seat);
        let task = state.task.take();
        drop(state);
        task.into_iter().for_each(Waker::wake);
    }
}

/// The waker of the stream on one seat. It may outlive that stream: who comes after it is asked once in vain.
struct Bell {
    ready: Arc<Ready>,
    seat: usize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ready.wake(self.seat);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.wake(self.seat);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn all(ready: &Ready) -> Vec<usize> {
        std::iter::from_fn(|| ready.next(Waker::noop())).collect()
    }

    #[test]
    fn those_that_were_woken_are_asked_once_in_the_order_in_which_they_were_made() {
        let ready = Ready::new();
        (0..4).for_each(|seat| ready.sit(seat, seat as u64));
        assert_eq!(all(&ready), [0, 1, 2, 3]);
        assert!(all(&ready).is_empty());
        for seat in [3, 1, 3] {
            ready.waker(seat).wake();
        }
        assert_eq!(all(&ready), [1, 3]);
        ready.waker(1).wake();
        ready.sit(1, 9);
        ready.again(2);
        assert_eq!(all(&ready), [2, 1], "who took the seat came last");
    }

    #[test]
    fn who_is_put_off_comes_when_all_others_have_had_their_turn() {
        let ready = Ready::new();
        (0..3).for_each(|seat| ready.sit(seat, seat as u64));
        assert_eq!(ready.next(Waker::noop()), Some(0));
        ready.waker(0).wake();
        ready.after_the_others(0);
        assert_eq!(all(&ready), [1, 2, 0]);
        ready.again(2);
        ready.again(0);
        assert_eq!(all(&ready), [0, 2], "the order begins anew");
    }

    #[test]
    fn the_task_that_found_nothing_is_woken_once_by_the_first_stream_that_has_something() {
        let (ready, count) = (Ready::new(), Arc::new(Count::default()));
        (0..2).for_each(|seat| ready.sit(seat, seat as u64));
        assert_eq!(all(&ready), [0, 1]);
        let task = Waker::from(Arc::clone(&count));
        assert_eq!(ready.next(&task), None);
        ready.waker(1).wake();
        ready.waker(0).wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!([ready.next(&task), ready.next(&task), ready.next(&task)], [Some(0), Some(1), None]);
        ready.waker(0).wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }
}
