//! How it is known whether a stream is pending for the sake of others, or for want of items.
//!
//! `Poll::Pending` alone does not say which, and between two operators there may be a stream of somebody else's, a
//! `filter` say, that passes it on. So the thread keeps a word while it polls: an operator says whether it is busy or
//! idle, and whoever polled for items hears it. Without it, a timer above would take a turn of others for silence and
//! go off though items are ready at that very instant.
//!
//! Streams that know nothing of this pause as well. The sources of tokio do when the task has spent its budget, which
//! can be asked for. `tokio_stream::iter` does after 32 items; so what says nothing is asked once more before it
//! counts as idle.

use std::cell::Cell;
use std::task::{Context, Poll};

use tokio::task::coop::has_budget_remaining;

/// What was said of the last stream that was pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Nothing,
    Idle,
    Busy,
}

crate::sync::thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "the models' own macro takes no `const`")]
    static WORD: Cell<Word> = Cell::new(Word::Nothing);
}

fn swap(word: Word) -> Word {
    WORD.with(|said| said.replace(word))
}

/// Says that there may be more, and wakes the task for it.
///
/// Each operator on the way up does so anew. So a word that another task left costs one poll in vain and no more.
pub(super) fn say_busy(cx: &Context<'_>) {
    cx.waker().wake_by_ref();
    swap(Word::Busy);
}

/// Says that there is nothing, and that the task will be woken.
pub(in crate::stream) fn say_idle() {
    let said = swap(Word::Idle);
    swap(said.max(Word::Idle));
}

/// What `poll` gives, and whether it is pending though there may be more.
pub(super) fn ask<T>(mut poll: impl FnMut() -> Poll<T>) -> (Poll<T>, bool) {
    let before = swap(Word::Nothing);
    let mut polled = poll();
    if polled.is_pending() && WORD.with(Cell::get) == Word::Nothing && has_budget_remaining() {
        polled = poll();
    }
    let said = swap(before);
    let is_busy = polled.is_pending() && (said == Word::Busy || !has_budget_remaining());
    (polled, is_busy)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const PENDING: Poll<()> = Poll::Pending;

    fn busy() -> Poll<()> {
        say_busy(&Context::from_waker(Waker::noop()));
        PENDING
    }

    fn idle() -> Poll<()> {
        say_idle();
        PENDING
    }

    #[test]
    fn who_is_pending_says_whether_it_is_busy_also_to_those_further_up() {
        assert!(!ask(idle).1);
        assert!(ask(busy).1);
        assert!(!ask(idle).1, "that was said to the one before");
        assert!(ask(|| [busy(), ask(idle).0][1]).1, "who asks another meanwhile still hears it");
        assert!(ask(|| [busy(), idle()][1]).1, "one that is idle beside one that is busy changes nothing");
        assert!(!ask(|| [busy(), Poll::Ready(())][1]).1, "what is there is no lull");
    }

    #[test]
    fn what_says_nothing_is_asked_once_more_and_what_speaks_is_not() {
        let asked = |poll: fn() -> Poll<()>| {
            let mut times = 0;
            let asked = ask(|| {
                times += 1;
                poll()
            });
            assert_eq!(asked.0, poll());
            times
        };
        assert_eq!([asked(|| PENDING), asked(idle), asked(busy), asked(|| Poll::Ready(()))], [2, 1, 1, 1]);
        let mut pauses = [Poll::Ready(1), Poll::Pending].into_iter().rev();
        assert_eq!(ask(|| pauses.next().unwrap()), (Poll::Ready(1), false));
    }
}
