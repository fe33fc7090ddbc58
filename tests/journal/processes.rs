//! Two writers of one journal, in two processes, one of which meets a fault at every call.

mod chaos;

use std::io::ErrorKind;
use std::time::Duration;

use agentbus::journal::{Durability, Journal};
use agentbus::testing::{Fault, FaultyStorage, When};

use crate::support::{
    Account, DURABILITIES, LONG, OnFailure, Watched, builder, files, on_threads, tears, wait,
};

/// A writer in a process of its own.
struct Process {
    storage: Watched,
    journal: Option<Journal>,
    account: Account,
    on_failure: OnFailure,
}

impl Process {
    fn new(storage: Watched, number: usize, on_failure: OnFailure) -> Self {
        let account = Account { first: number * 1_000, last: number * 1_000 - 1, ..Account::default() };
        Self { storage, journal: None, account, on_failure }
    }

    fn open(&mut self, durability: Durability, segment_bytes: u64) {
        let opened = builder(&self.storage, durability).segment_bytes(segment_bytes).open();
        assert!(opened.is_ok() || self.on_failure == OnFailure::GoesOn, "{opened:?}");
        self.journal = opened.ok();
    }

    async fn append(&mut self, count: usize) {
        if let Some(journal) = &self.journal {
            self.account.append_many(count, journal, &self.storage, self.on_failure).await;
        }
    }

    fn record(&mut self, count: usize) {
        if let Some(journal) = &self.journal {
            self.account.record(count, journal);
        }
    }

    async fn flush(&mut self) {
        if let Some(journal) = &self.journal {
            self.account.flush(journal, &self.storage, self.on_failure).await;
        }
    }

    async fn close(&mut self) {
        if let Some(journal) = self.journal.take() {
            match self.on_failure {
                OnFailure::Waits => journal.close(LONG).await.unwrap(),
                OnFailure::GoesOn => drop(journal.close(Duration::ZERO).await),
            }
        }
    }
}

/// What goes wrong for the first of the two.
#[derive(Clone, Copy, Debug)]
struct Case {
    durability: Durability,
    /// The other's segments are so long that it begins none.
    other_rotates: bool,
    call: u64,
    fault: Fault,
    dies: bool,
}

/// Both have what was promised to them, in what a reader finds now.
fn check(one: &Process, other: &Process, told: &str) {
    let files = files(&other.storage.storage.restart_process());
    one.account.check(&files, usize::MAX, told);
    other.account.check(&files, usize::MAX, told);
    assert_eq!(files.faults, Vec::<String>::new(), "{told}");
}

/// Both write in turn; what one of them promised is there from then on, whatever happens to the other.
async fn take_turns(one: &mut Process, other: &mut Process, told: &dyn Fn() -> String) {
    for _round in 0..3 {
        one.append(1).await;
        check(one, other, &told());
        other.append(1).await;
        check(one, other, &told());
        one.record(2);
        other.append(2).await;
        check(one, other, &told());
        one.flush().await;
        check(one, other, &told());
    }
}

fn meets(case: &Case) {
    let first = Watched::new(FaultyStorage::new());
    let second = first.fork_process();
    let storage = first.storage.clone();
    let told = || {
        let (trace, at) = (storage.trace(), usize::try_from(case.call).unwrap());
        let around = trace.iter().take(at + 30).skip(at.saturating_sub(6));
        format!("in {case:?}:\n  {}", around.cloned().collect::<Vec<_>>().join("\n  "))
    };
    first.storage.inject(When::Call(case.call), case.fault);
    if case.dies {
        first.storage.inject(When::Call(case.call + 1), Fault::Freeze);
    }
    let on_failure = if case.dies { OnFailure::GoesOn } else { OnFailure::Waits };
    let mut one = Process::new(first.clone(), 1, on_failure);
    let mut other = Process::new(second, 2, OnFailure::Waits);
    wait(async {
        other.open(case.durability, if case.other_rotates { 1_000 } else { 1_000_000 });
        one.open(case.durability, 1_000);
        take_turns(&mut one, &mut other, &told).await;
        one.close().await;
        check(&one, &other, &told());
        let mut again = Process::new(first.fork_process(), 3, OnFailure::Waits);
        again.open(case.durability, 1_000);
        take_turns(&mut again, &mut other, &told).await;
        check(&one, &other, &told());
        again.close().await;
        other.close().await;
        check(&one, &other, &told());
        check(&again, &other, &told());
        assert_eq!(first.faults(), Vec::<String>::new(), "{}", told());
    });
}

/// The calls of the first of the two without faults, from the one behind opening.
fn calls(durability: Durability, other_rotates: bool) -> Vec<(u64, String)> {
    let first = Watched::new(FaultyStorage::new());
    let mut one = Process::new(first.clone(), 1, OnFailure::Waits);
    let mut other = Process::new(first.fork_process(), 2, OnFailure::Waits);
    let opened = wait(async {
        other.open(durability, if other_rotates { 1_000 } else { 1_000_000 });
        one.open(durability, 1_000);
        let opened = first.storage.calls();
        take_turns(&mut one, &mut other, &|| "without faults".to_owned()).await;
        one.close().await;
        other.close().await;
        opened
    });
    (1..).zip(first.storage.trace()).skip(usize::try_from(opened).unwrap()).collect()
}

/// A case for every call, and every fault that `of` gives for it.
fn cases(of: impl Fn(&str) -> Vec<(Fault, bool)>) -> Vec<Case> {
    let mut cases = Vec::new();
    for durability in DURABILITIES {
        for other_rotates in [true, false] {
            for (call, what) in calls(durability, other_rotates) {
                let case = |(fault, dies)| Case { durability, other_rotates, call, fault, dies };
                cases.extend(of(&what).into_iter().map(case));
            }
        }
    }
    cases
}

#[test]
fn one_that_dies_at_any_call_hinders_the_other_in_nothing() {
    on_threads(&cases(|_| vec![(Fault::Freeze, true)]), meets);
}

#[test]
fn one_that_dies_in_the_middle_of_a_write_hinders_the_other_in_nothing() {
    on_threads(&cases(|call| tears(call).into_iter().map(|tear| (tear, true)).collect()), meets);
}

#[test]
fn a_call_that_fails_for_one_costs_neither_a_line() {
    on_threads(&cases(|_| vec![(Fault::Fail(ErrorKind::Other), false)]), meets);
}

#[test]
fn a_write_torn_for_one_costs_neither_a_line() {
    on_threads(&cases(|call| tears(call).into_iter().map(|tear| (tear, false)).collect()), meets);
}
