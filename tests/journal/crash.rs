//! Every call of a run fails, tears, or is the last one that a process makes.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use agentbus::journal::Durability;
use agentbus::testing::{Fault, FaultyStorage, When};

use crate::support::{
    Account, DURABILITIES, LONG, OnFailure, Watched, builder, files, on_threads, run, tears, wait,
};
use crate::verify::{as_closed, as_left_by_a_crash};

/// A fault at a call of a run. `then_freezes`: the process does not live to see the next call.
#[derive(Clone, Copy, Debug)]
struct Case {
    durability: Durability,
    call: u64,
    fault: Fault,
    then_freezes: bool,
}

/// The calls of a run without faults, in words.
fn calls(durability: Durability) -> Vec<String> {
    let storage = Watched::new(FaultyStorage::new());
    wait(async {
        let journal = builder(&storage, durability).open().unwrap();
        let account = run(&journal, &storage, OnFailure::Waits).await;
        journal.close(LONG).await.unwrap();
        let files = files(&storage.storage.restart_process());
        account.check(&files, usize::MAX, "without faults");
        assert_eq!(files.numbers(), account.taken());
        assert_eq!(files.faults, Vec::<String>::new());
    });
    assert_eq!(storage.faults(), Vec::<String>::new());
    storage.storage.trace()
}

/// A case for every call of a run and every one of the faults that `of` gives for it.
fn cases(of: impl Fn(&str) -> Vec<(Fault, bool)>) -> Vec<Case> {
    let mut cases = Vec::new();
    for durability in DURABILITIES {
        for (call, number) in calls(durability).iter().zip(1..) {
            let faults = of(call).into_iter();
            cases.extend(faults.map(|(fault, then_freezes)| Case {
                durability,
                call: number,
                fault,
                then_freezes,
            }));
        }
    }
    assert!(cases.len() > 100);
    cases
}

fn storage_with(case: &Case) -> Watched {
    let storage = Watched::new(FaultyStorage::new());
    storage.storage.inject(When::Call(case.call), case.fault);
    if case.then_freezes {
        storage.storage.inject(When::Call(case.call + 1), Fault::Freeze);
    }
    storage
}

/// The end of what the process did, for a message.
fn told(case: &Case, storage: &Watched) -> String {
    let trace = storage.storage.trace();
    let at = usize::try_from(case.call).unwrap();
    let around = trace.iter().take(at + 20).skip(at.saturating_sub(6));
    format!("in {case:?}:\n  {}", around.cloned().collect::<Vec<_>>().join("\n  "))
}

/// Opens the journal once more, appends, and checks that all is well and goes on behind everything ever seen.
fn goes_on(storage: &Watched, durability: Durability, before: &Account, told: &str) {
    wait(async {
        let last_seen = storage.last_seen();
        let journal = builder(storage, durability).open().unwrap_or_else(|error| panic!("{error} {told}"));
        assert_eq!(journal.recovery().damaged_lines, 0, "{told}");
        let mut account = Account::behind(before);
        account.append(&journal, storage, OnFailure::Waits).await;
        journal.close(LONG).await.unwrap();
        let files = files(&storage.storage.restart_process());
        before.check(&files, usize::MAX, told);
        account.check(&files, usize::MAX, told);
        assert_eq!(files.faults, Vec::<String>::new(), "{told}");
        assert_eq!(files.torn, 0, "{told}");
        assert!(files.leftovers.is_empty(), "{told}");
        assert!(files.last_position() > last_seen, "{told}");
    });
    assert_eq!(storage.faults(), Vec::<String>::new(), "{told}");
}

/// The process dies; all it promised is there for the next.
fn dies(case: &Case) {
    let storage = storage_with(case);
    let account = wait(async {
        let Ok(journal) = builder(&storage, case.durability).open() else { return Account::default() };
        let account = run(&journal, &storage, OnFailure::GoesOn).await;
        // What cannot be written is not waited for.
        drop(journal.close(Duration::ZERO).await);
        account
    });
    let told = told(case, &storage);
    assert_eq!(storage.faults(), Vec::<String>::new(), "{told}");
    as_left_by_a_crash(Arc::new(storage.storage.restart_process()), &told);
    let left = storage.moved_to(storage.storage.restart_process());
    account.check(&files(&left), usize::MAX, &told);
    goes_on(&left, case.durability, &account, &told);
}

/// The call goes wrong, and the same journal goes on: everything emitted is there, once, in order.
fn lives(case: &Case) {
    let storage = storage_with(case);
    let account = wait(async {
        let Ok(journal) = builder(&storage, case.durability).open() else { return Account::default() };
        let account = run(&journal, &storage, OnFailure::Waits).await;
        let closed = journal.close(LONG).await;
        assert!(closed.is_ok(), "{closed:?} {}", told(case, &storage));
        as_closed(Arc::new(storage.storage.restart_process()), &told(case, &storage));
        let files = files(&storage.storage.restart_process());
        assert_eq!(files.numbers(), account.taken(), "{}", told(case, &storage));
        account
    });
    let told = told(case, &storage);
    account.check(&files(&storage.storage.restart_process()), usize::MAX, &told);
    storage.storage.heal();
    goes_on(&storage, case.durability, &account, &told);
}

#[test]
fn a_process_that_dies_at_any_call_loses_nothing_it_acknowledged() {
    on_threads(&cases(|_| vec![(Fault::Freeze, false)]), dies);
}

#[test]
fn a_process_that_dies_in_the_middle_of_any_write_loses_nothing_it_acknowledged() {
    on_threads(&cases(|call| tears(call).into_iter().map(|tear| (tear, true)).collect()), dies);
}

#[test]
fn after_any_call_that_fails_the_journal_goes_on_by_itself_with_everything() {
    on_threads(&cases(|_| vec![(Fault::Fail(ErrorKind::Other), false)]), lives);
}

#[test]
fn after_any_torn_write_the_journal_goes_on_by_itself_with_everything() {
    on_threads(&cases(|call| tears(call).into_iter().map(|tear| (tear, false)).collect()), lives);
}

#[test]
fn short_and_interrupted_writes_are_gone_on_with() {
    let interruptions = |call: &str| {
        let shorts = tears(call).into_iter().filter_map(|tear| match tear {
            Fault::Tear(bytes) => Some((Fault::Short(bytes), false)),
            _ => None,
        });
        shorts.chain([(Fault::Fail(ErrorKind::Interrupted), false)]).collect()
    };
    on_threads(&cases(interruptions), lives);
}
