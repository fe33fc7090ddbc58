//! Who waits for news of a shared stream.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::{Mutex, lock};

/// The wakers of the readers; itself the waker that the source is polled with, so that its news reach all of them,
/// whoever polled it last and whether or not that reader is still there.
pub(super) struct Wakers {
    /// Held for single steps; no foreign code runs under it.
    seats: Mutex<Seats>,
}

struct Seats {
    wakers: Vec<Option<Waker>>,
    /// The seats that nobody has.
    free: Vec<usize>,
}

impl Wakers {
    pub(super) fn new() -> Self {
        Self { seats: Mutex::new(Seats { wakers: Vec::new(), free: Vec::new() }) }
    }

    /// A seat for one reader.
    pub(super) fn take_seat(&self) -> usize {
        let mut seats = lock(&self.seats);
        seats.free.pop().unwrap_or_else(|| {
            seats.wakers.push(None);
            seats.wakers.len() - 1
        })
    }

    pub(super) fn leave_seat(&self, seat: usize) {
        let waker = self.set(seat, None);
        lock(&self.seats).free.push(seat);
        drop(waker);
    }

    /// The reader on this seat waits for news, or no longer; the waker it had there is given back.
    pub(super) fn set(&self, seat: usize, waker: Option<Waker>) -> Option<Waker> {
        let mut seats = lock(&self.seats);
        seats.wakers.get_mut(seat).and_then(|place| std::mem::replace(place, waker))
    }

    /// Wakes everybody who waits.
    pub(super) fn wake_all(&self) {
        let count = lock(&self.seats).wakers.len();
        for seat in 0..count {
            self.set(seat, None).into_iter().for_each(Waker::wake);
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
