//! The machine crashes: at every moment of a run, in many ways, and again while it recovers.

use std::sync::Arc;

use agentbus::journal::{Durability, JournalReader, Recovery};
use agentbus::testing::{Fault, FaultyStorage, When};

use crate::support::{
    Account, DURABILITIES, Files, LONG, OnFailure, Watched, builder, files, on_threads, run, wait,
};

/// What was promised when a machine crashed.
#[derive(Debug)]
struct Moment {
    durability: Durability,
    /// The call that went wrong before it, in words.
    fault: Option<String>,
    /// How many calls there were before it.
    call: usize,
    /// The machine, and what readers had seen.
    machine: Watched,
}

/// What a run promised, and its every moment.
fn moments(durability: Durability, faults: &[(When, Fault)]) -> (Account, Vec<Moment>) {
    let storage = Watched::new(FaultyStorage::new()).keeping_moments();
    for (when, fault) in faults {
        storage.storage.inject(*when, *fault);
    }
    let account = wait(async {
        let journal = builder(&storage, durability).open().unwrap();
        let account = run(&journal, &storage, OnFailure::Waits).await;
        journal.close(LONG).await.unwrap();
        account
    });
    assert_eq!(storage.faults(), Vec::<String>::new());
    let fault = storage.storage.trace().into_iter().zip(1..).find(|(call, _)| call.contains(": "));
    let fault = fault.map(|(call, number)| format!("{number} {call}"));
    let moments = storage.moments().into_iter().zip(1..);
    let moment = |(machine, call)| Moment { durability, fault: fault.clone(), call, machine };
    (account, moments.map(moment).collect())
}

/// What of an account a crash of the machine may not take.
fn kept(account: &Account, durability: Durability) -> Account {
    let mut kept = account.clone();
    match durability {
        Durability::Os => kept.acknowledged.clear(),
        Durability::Interval(_) => kept.acknowledged.retain(|told| told.position.is_none()),
        Durability::Sync => {}
    }
    kept
}

/// Crashes the machine, opens the journal again, and checks what is left of it.
fn crashes(moment: &Moment, seed: u64, account: &Account) {
    let case =
        format!("after call {} of {:?}, seed {seed}, {:?}", moment.call, moment.durability, moment.fault);
    let before = files(&moment.machine.storage);
    let synced = files(&moment.machine.storage.crash_machine(0));
    let crashed = moment.machine.moved_to(moment.machine.storage.crash_machine(seed));
    let found = files(&crashed.storage.restart_process());
    let (recovery, left) = recovers(&crashed, moment.durability, account, &case);
    kept(account, moment.durability).check(&left, moment.call, &case);
    for line in &synced.lines {
        let is_left = left.lines.iter().any(|other| other.bytes == line.bytes);
        assert!(is_left, "{} was synced and is lost {case}", line.position);
    }
    hole_of(&before, &found, &case);
    if files_lack(&before, &left) {
        assert!(recovery.machine_restarted, "lines are lost in silence {case}");
    }
    if hole_of(&before, &left, &case) {
        assert!(recovery.damaged_lines > 0, "a hole is not told by recovery {case}");
        let verified =
            JournalReader::on(Arc::new(crashed.storage.restart_process())).unwrap().verify().unwrap();
        assert!(!verified.is_intact(), "a hole is not told by verify {case}");
    }
}

/// Opens the journal, appends, and checks that no position is used again; what it found, and the files then.
fn recovers(crashed: &Watched, durability: Durability, account: &Account, case: &str) -> (Recovery, Files) {
    let last_seen = crashed.last_seen();
    let recovery = wait(async {
        let journal = builder(crashed, durability).open().unwrap_or_else(|error| panic!("{error} {case}"));
        let mut after = Account::behind(account);
        after.append(&journal, crashed, OnFailure::Waits).await;
        let position = after.acknowledged[0].position;
        assert!(position > Some(last_seen), "{position:?} may have been seen, {last_seen} was: {case}");
        journal.close(LONG).await.unwrap();
        after.check(&files(&crashed.storage.restart_process()), usize::MAX, case);
        journal.recovery().clone()
    });
    let used_twice: Vec<_> =
        crashed.faults().into_iter().filter(|fault| fault.contains("other content")).collect();
    assert_eq!(used_twice, Vec::<String>::new(), "{case}");
    (recovery, files(&crashed.storage.restart_process()))
}

/// Whether lines that were there before are missing.
fn files_lack(before: &Files, left: &Files) -> bool {
    let positions = left.positions();
    before.positions().iter().any(|position| !positions.contains(position))
}

/// Whether lines are missing before others that are left, which the chain has to tell.
fn hole_of(before: &Files, left: &Files, case: &str) -> bool {
    let positions = left.positions();
    let is_left = |position: &u64| positions.contains(position);
    let positions = before.positions();
    let is_hole = positions.iter().skip_while(|position| is_left(position)).any(is_left);
    assert!(!is_hole || !left.faults.is_empty(), "a hole is not told by the chain {case}");
    is_hole
}

#[test]
fn a_crash_of_the_machine_takes_only_what_was_not_synced_and_tells_of_holes() {
    for durability in DURABILITIES {
        let (account, moments) = moments(durability, &[]);
        assert!(moments.len() > 50);
        on_threads(&moments, |moment| (0..6).for_each(|seed| crashes(moment, seed, &account)));
    }
}

#[test]
fn a_crash_at_the_end_of_a_run_comes_in_hundreds_of_ways() {
    for durability in DURABILITIES {
        let (account, moments) = moments(durability, &[]);
        let wrote =
            |moment: &&Moment| files(&moment.machine.storage).numbers().len() == account.taken().len();
        let last = moments.iter().find(wrote).unwrap();
        on_threads(&(0..300).collect::<Vec<_>>(), |seed| crashes(last, *seed, &account));
    }
}

#[test]
fn a_crash_while_recovering_from_a_crash_takes_nothing_more() {
    for durability in DURABILITIES {
        let (account, moments) = moments(durability, &[]);
        let some: Vec<_> = moments.into_iter().step_by(4).collect();
        on_threads(&some, |moment| (1..4).for_each(|seed| crashes_twice(moment, seed, &account)));
    }
}

/// Crashes the machine, and again at every moment of the recovery.
fn crashes_twice(moment: &Moment, seed: u64, account: &Account) {
    let case = format!("after call {} of {:?}, seed {seed}", moment.call, moment.durability);
    let crashed = moment.machine.moved_to(moment.machine.storage.crash_machine(seed)).keeping_moments();
    let found = files(&crashed.storage.restart_process());
    recovers(&crashed, moment.durability, account, &case);
    let account = Account { last: account.last + 1, ..account.clone() };
    for (again, call) in crashed.moments().into_iter().zip(1..) {
        let case = format!("{case}, and after call {call} of the recovery");
        let crashed = again.moved_to(again.storage.crash_machine(seed + call));
        let (_, left) = recovers(&crashed, moment.durability, &account, &case);
        for line in &found.lines {
            let is_left = left.lines.iter().any(|other| other.bytes == line.bytes);
            assert!(is_left, "{} came through the first crash and is lost {case}", line.position);
        }
    }
}

#[test]
fn what_a_failed_sync_gave_up_is_written_again_before_it_is_acknowledged() {
    for durability in [Durability::Interval(LONG), Durability::Sync] {
        let quiet = Watched::new(FaultyStorage::new());
        let opened = wait(async {
            let journal = builder(&quiet, durability).open().unwrap();
            let opened = quiet.storage.calls();
            run(&journal, &quiet, OnFailure::Waits).await;
            journal.close(LONG).await.unwrap();
            opened
        });
        let syncs = (1..)
            .zip(quiet.storage.trace())
            .filter(|(call, what)| *call > opened && what.starts_with("sync"));
        let syncs: Vec<u64> = syncs.map(|(call, _)| call).collect();
        assert!(syncs.len() > 10);
        on_threads(&syncs, |call| {
            let (account, moments) = moments(durability, &[(When::Call(*call), Fault::GiveUp)]);
            for moment in moments.iter().rev().step_by(5) {
                (0..3).for_each(|seed| crashes(moment, seed, &account));
            }
        });
    }
}
