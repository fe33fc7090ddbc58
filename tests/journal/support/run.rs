//! A scripted run, and the account of what the journal promised in it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentbus::event::SessionCreated;
use agentbus::journal::{AppendError, Durability, Journal, JournalBuilder};
use agentbus::testing::Fault;
use agentbus::{DomainEvent, Recorder};

use super::Watched;
use super::files::Files;

/// All that a journal can promise: nothing of it is due by time.
pub(crate) const DURABILITIES: [Durability; 3] =
    [Durability::Os, Durability::Interval(Duration::from_hours(1)), Durability::Sync];

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How many cases are checked at a time.
const THREADS: usize = 16;

/// The event of that number.
pub(crate) fn event(number: usize) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

/// A journal on that storage, whose segments have a few lines each.
pub(crate) fn builder(storage: &Watched, durability: Durability) -> JournalBuilder {
    Journal::builder_on(Arc::new(storage.clone())).durability(durability).segment_bytes(1_000)
}

/// Runs a future to its end.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Checks all cases, on many threads as most of them wait; none is begun once one has failed.
pub(crate) fn on_threads<C: Sync>(cases: &[C], check: impl Fn(&C) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = catch_unwind(AssertUnwindSafe(|| check(case)));
                    checked.unwrap_or_else(|failure| {
                        next.store(cases.len(), Ordering::Relaxed);
                        resume_unwind(failure)
                    });
                }
            });
        }
    });
}

/// An append torn at its start, in the middle, before its last byte, and behind it; nothing for another call.
pub(crate) fn tears(call: &str) -> Vec<Fault> {
    let Some((_, len)) = call.strip_prefix("append ").and_then(|rest| rest.split_once(' ')) else {
        return Vec::new();
    };
    let len: usize = len.parse().unwrap();
    [1, len / 2, len * 9 / 10, len - 1, len].map(Fault::Tear).into()
}

/// Whether a run goes on when the journal fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// It waits until the journal writes again.
    Waits,
    /// It emits the rest all the same.
    GoesOn,
}

/// Something that the journal promised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) number: usize,
    /// Where it is; not told of what was only flushed.
    pub(crate) position: Option<u64>,
    /// How many calls there were before it was promised.
    pub(crate) moment: usize,
}

/// What happened in a run. Events have the numbers from `first` to `last`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Handed back: never recorded.
    pub(crate) refused: Vec<usize>,
}

impl Account {
    /// One that goes on behind another.
    pub(crate) fn behind(other: &Self) -> Self {
        Self { first: other.last + 1, last: other.last, ..Self::default() }
    }

    fn next(&mut self) -> usize {
        self.last += 1;
        self.last
    }

    /// Everything that was emitted and not handed back.
    pub(crate) fn taken(&self) -> Vec<usize> {
        (self.first..=self.last).filter(|number| !self.refused.contains(number)).collect()
    }

    pub(crate) async fn append(&mut self, journal: &Journal, storage: &Watched, on_failure: OnFailure) {
        self.append_many(1, journal, storage, on_failure).await;
    }

    pub(crate) async fn append_many(
        &mut self,
        count: usize,
        journal: &Journal,
        storage: &Watched,
        on_failure: OnFailure,
    ) {
        loop {
            let numbers: Vec<_> = (0..count).map(|_| self.next()).collect();
            match journal.append_many(numbers.iter().copied().map(event).collect()).await {
                Ok(positions) => {
                    let moment = storage.now();
                    assert_eq!(positions.len(), count);
                    let told = numbers.into_iter().zip(positions).map(|(number, position)| Acknowledged {
                        number,
                        position: Some(position.get()),
                        moment,
                    });
                    return self.acknowledged.extend(told);
                }
                Err(AppendError::Unsettled { .. }) => return,
                Err(AppendError::Failing { events, .. }) => {
                    assert_eq!(events.len(), count, "all are handed back");
                    self.refused.extend(numbers);
                }
                Err(other) => panic!("{other}"),
            }
            if on_failure == OnFailure::GoesOn {
                return;
            }
            journal.healthy().await.unwrap();
        }
    }

    pub(crate) fn record(&mut self, count: usize, journal: &Journal) {
        for _ in 0..count {
            journal.record(&Arc::new(event(self.next())));
        }
    }

    pub(crate) async fn flush(&mut self, journal: &Journal, storage: &Watched, on_failure: OnFailure) {
        loop {
            if journal.flush().await.is_ok() {
                let moment = storage.now();
                let flushed = self.taken().into_iter();
                self.acknowledged.extend(flushed.map(|number| Acknowledged {
                    number,
                    position: None,
                    moment,
                }));
                return;
            }
            if on_failure == OnFailure::GoesOn {
                return;
            }
            journal.healthy().await.unwrap();
        }
    }

    /// Checks that what the journal promised before that many calls is kept, and nothing else is there.
    pub(crate) fn check(&self, files: &Files, moment: usize, case: &str) {
        let numbers: Vec<_> =
            files.numbers().into_iter().filter(|number| (self.first..=self.last).contains(number)).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "once and in order: {numbers:?} {case}");
        for told in self.acknowledged.iter().filter(|told| told.moment <= moment) {
            let line = files.lines.iter().find(|line| line.number() == Some(told.number));
            let line = line.unwrap_or_else(|| panic!("{} is lost of {numbers:?} {case}", told.number));
            let position = told.position.unwrap_or(line.position);
            assert_eq!(line.position, position, "{} is elsewhere {case}", told.number);
        }
        let refused = numbers.iter().find(|number| self.refused.contains(number));
        assert_eq!(refused, None, "what was handed back is recorded {case}");
    }
}

/// A run that appends one and many, records and flushes, over several segments.
pub(crate) async fn run(journal: &Journal, storage: &Watched, on_failure: OnFailure) -> Account {
    let mut account = Account { first: 1, ..Account::default() };
    account.append(journal, storage, on_failure).await;
    account.append(journal, storage, on_failure).await;
    account.append_many(3, journal, storage, on_failure).await;
    account.record(3, journal);
    account.flush(journal, storage, on_failure).await;
    account.record(1, journal);
    account.append(journal, storage, on_failure).await;
    account.append_many(2, journal, storage, on_failure).await;
    account.record(2, journal);
    account
}
