//! Indexers that are killed: at each call that writes to a file, at random moments, several at once.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::journal_harness::{Dir, agentbus, lines, needs};

/// The calls by which SQLite changes what is on disk.
const CALLS: &str = "pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename,fallocate,mkdir";

/// The index holds each event of the journal once.
#[track_caller]
fn assert_whole(dir: &Dir, events: u64) {
    let shown =
        crate::harness::ended(agentbus("audit").arg(dir.path()).args(["export", "--format", "jsonl"]));
    shown.assert_code(0);
    assert_eq!(shown.positions(), (1..=events).collect::<Vec<_>>());
    let by_kind = ["query", "session.*", "--json", "--limit", "1000", "--newest"];
    let shown = crate::harness::ended(agentbus("audit").arg(dir.path()).args(by_kind));
    assert_eq!(shown.positions(), (1..=events).rev().collect::<Vec<_>>());
}

/// Kills the program with these arguments at its call of that number; whether it came so far.
fn killed_at(dir: &Dir, call: usize, args: &[&str]) -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={CALLS}")]);
    strace.args(["-e", &format!("inject={CALLS}:signal=SIGKILL:when={call}")]);
    let program = agentbus("audit");
    strace.arg(program.get_program()).arg("audit").arg(dir.path()).args(args);
    let status = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    status.code() != Some(0)
}

/// How many calls a run may have; there are far fewer.
const MANY: usize = 2_000;

#[test]
fn killed_at_any_call_that_writes_it_loses_and_doubles_nothing() {
    if !needs("strace") {
        return;
    }
    let mut ends = 0;
    for call in 1..MANY {
        let dir = Dir::with_events(4);
        let is_killed = killed_at(&dir, call, &["rebuild"]);
        assert_whole(&dir, 4);
        let more = Dir::with_events(3);
        let is_killed_too = killed_at(&more, call, &["query"]);
        more.append(&lines([4])).assert_code(0);
        killed_at(&more, call, &["query"]);
        assert_whole(&more, 4);
        if !is_killed && !is_killed_too {
            ends = call;
            break;
        }
    }
    assert!(ends > 20, "it was killed at some calls: {ends}");
}

#[test]
fn killed_at_random_moments_while_others_index_it_loses_and_doubles_nothing() {
    let dir = Dir::with_events(0);
    let mut events = 0;
    for round in 0..12_u64 {
        dir.append(&lines((events + 1)..=(events + 60))).assert_code(0);
        events += 60;
        let start = || {
            let mut command = agentbus("audit");
            command.arg(dir.path()).arg("query").stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        let mut indexers = [start(), start()];
        // No moment is the right one: that they differ is all that is asked of them.
        std::thread::park_timeout(Duration::from_millis(round * 5));
        indexers[0].kill().unwrap();
        for indexer in &mut indexers {
            indexer.wait().unwrap();
        }
        assert_whole(&dir, events as u64);
    }
}
