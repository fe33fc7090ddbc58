//! Every call of a signer is the last one that its process makes, fails, or tears; and real processes are killed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use agentbus::audit::proof::{Expected, Found, HeadSigner, heads, verify};
use agentbus::journal::{Durability, Journal, JournalReader};
use agentbus::testing::{Fault, FaultyStorage, When};

use super::support::{LONG, append, every, key};

/// A journal of five lines, the first two signed.
async fn signed_in_part() -> FaultyStorage {
    let storage = FaultyStorage::new();
    let journal = Journal::builder_on(Arc::new(storage.clone())).segment_bytes(700);
    let journal = journal.durability(Durability::Sync).open().unwrap();
    append(&journal, 2).await;
    HeadSigner::start(&journal, key(), every(2)).unwrap().close(LONG).await.unwrap();
    append(&journal, 3).await;
    journal.close(LONG).await.unwrap();
    storage
}

fn reader(storage: &FaultyStorage) -> JournalReader {
    JournalReader::on(Arc::new(storage.clone())).unwrap()
}

fn found(storage: &FaultyStorage) -> Found {
    verify(&reader(storage), &key().public(), &Expected::new()).unwrap()
}

/// Signs all there is.
async fn sign(storage: &FaultyStorage) -> bool {
    let Ok(journal) = JournalReader::on(Arc::new(storage.clone())) else { return false };
    match HeadSigner::start(&journal, key(), every(2)) {
        Ok(signer) => signer.close(LONG).await.is_ok(),
        Err(_) => false,
    }
}

/// What a process leaves that fails at a call is proven, and signed to the end by the next.
async fn goes_on(left: &FaultyStorage, told: &str) {
    let after_crash = found(left);
    assert!(after_crash.is_proven(), "{after_crash:?} {told}");
    assert!(sign(left).await, "{told}");
    let found = found(left);
    assert!(found.is_proven(), "{found:?} {told}");
    assert_eq!((found.covered, found.uncovered), (5, 0), "{told}");
}

#[tokio::test]
async fn a_signer_that_dies_or_fails_at_any_call_leaves_heads_that_the_next_goes_on_from() {
    let calls = {
        let process = signed_in_part().await.restart_process();
        assert!(sign(&process).await);
        process.trace()
    };
    assert!(calls.len() > 20, "{calls:?}");
    for (call, number) in calls.iter().zip(1..) {
        let faults = [Fault::Freeze, Fault::Fail(std::io::ErrorKind::Other), Fault::Tear(100), Fault::GiveUp];
        for fault in faults {
            let machine = signed_in_part().await;
            let process = machine.restart_process();
            process.inject(When::Call(number), fault);
            sign(&process).await;
            let told = format!("{fault:?} at {number}: {call}");
            goes_on(&process.restart_process(), &told).await;
            for seed in 0..3 {
                let crashed = process.crash_machine(seed);
                goes_on(&crashed, &format!("{told}, then the machine, {seed}")).await;
            }
        }
    }
}

/// What the child does: appends and signs, until it is killed.
#[test]
#[ignore = "a child of the next test"]
fn child() {
    let directory = std::env::var_os("AGENTBUS_TEST_DIRECTORY").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::builder(directory).segment_bytes(2_000).open().unwrap();
        loop {
            let signer = HeadSigner::start(&journal, key(), every(3)).unwrap();
            append(&journal, 4).await;
            let head = signer.close(LONG).await.unwrap();
            // Behind what the harness of the tests prints.
            drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{head}\n").as_bytes()));
        }
    });
}

#[test]
fn a_signer_that_is_killed_leaves_every_head_that_it_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let mut told = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "proof::crash::child", "--ignored", "--nocapture"])
            .env("AGENTBUS_TEST_DIRECTORY", directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The more it has done when it is killed, the more often it dies elsewhere.
        let last = lines.by_ref().take(1 + round % 5).last().unwrap().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let told_head = agentbus::audit::proof::Head::parse(&last).unwrap();
        assert!(told_head.number() > told);
        told = told_head.number();
        let journal = JournalReader::open(directory.path()).unwrap();
        let found = verify(&journal, &key().public(), &Expected::new().at_least(told_head)).unwrap();
        let changes: Vec<_> = found.changes.iter().map(ToString::to_string).collect();
        // A line whole but for its newline is damage until a writer has cut it; no head covers it.
        let is_torn =
            changes.len() == 1 && changes[0].contains("the line was changed") && found.journal.damaged == 1;
        assert!(changes.is_empty() || is_torn, "{changes:?}");
        let numbers: Vec<_> = heads(&journal, 1).unwrap().map(|head| head.unwrap().number()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
}
