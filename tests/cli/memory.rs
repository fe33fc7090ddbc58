//! `memory`: what agents are to know later, from the command line.

use std::path::Path;
use std::process::Command;

use crate::harness::{Ended, ended};
use crate::journal_harness::{Dir, agentbus, fed};

fn command(folder: &Path, verb: &str, args: &[&str]) -> Command {
    let mut command = agentbus("memory");
    command.arg(verb).arg(folder).args(args);
    command
}

fn memory(folder: &Path, verb: &str, args: &[&str]) -> Ended {
    ended(&mut command(folder, verb, args))
}

#[test]
fn a_memory_is_set_shown_listed_found_and_deleted() {
    let dir = Dir::new();
    let folder = dir.path().join("memories");
    let set = memory(&folder, "set", &["deploy/target", "The staging cluster.", "--author", "agents/a"]);
    set.assert_code(0);
    assert_eq!(set.stdout, "deploy/target is set, revision 1\n");
    let set = fed(&mut command(&folder, "set", &["deploy/target", "-", "--json"]), "Two\nlines.\n");
    set.assert_code(0);
    let set = &set.values()[0];
    assert_eq!((&set["revision"], &set["summary"]), (&2.into(), &"Two\nlines.".into()));
    assert_eq!(set["author"], "command line");

    let shown = memory(&folder, "get", &["deploy/target"]);
    assert!(shown.stdout.starts_with("deploy/target  (revision 2, set "), "{}", shown.stdout);
    assert!(shown.stdout.ends_with("by command line)\n  Two\n  lines.\n"), "{}", shown.stdout);
    let history = memory(&folder, "history", &["deploy/target", "--json"]).values();
    assert_eq!(history[0]["revisions"][1]["summary"], "The staging cluster.");
    assert!(memory(&folder, "history", &["deploy/target"]).stdout.contains("\nrevision 1, set "));

    memory(&folder, "set", &["build", "-x is no option"]).assert_code(0);
    let listed = memory(&folder, "list", &["--json"]).values();
    assert_eq!(
        listed.iter().map(|memory| memory["key"].clone()).collect::<Vec<_>>(),
        ["build", "deploy/target"]
    );
    assert_eq!(memory(&folder, "list", &["--json", "--prefix", "deploy/"]).values().len(), 1);
    assert_eq!(memory(&folder, "list", &["--json", "--author", "agents/a"]).stdout, "");
    assert_eq!(memory(&folder, "search", &["LINES", "--json"]).values()[0]["key"], "deploy/target");
    let one = memory(&folder, "search", &["i", "--limit", "1"]);
    one.assert_stderr("1 more are not shown");
    let one = memory(&folder, "search", &["i", "--limit", "1", "--json"]).values();
    assert_eq!((one.len(), &one[1]["left_out"]), (2, &1.into()));

    let removed = memory(&folder, "rm", &["deploy/target"]);
    assert_eq!(removed.stdout, "deploy/target is deleted, and its history with it: 2 revisions\n");
    let again = memory(&folder, "rm", &["deploy/target"]);
    again.assert_code(1);
    again.assert_stderr("there is no memory of that key; `list` tells what there is");
}

#[test]
fn what_was_done_is_recorded_in_a_journal_without_the_summary() {
    let dir = Dir::new();
    let (folder, journal) = (dir.path().join("memories"), dir.path().join("journal"));
    let journal_args = ["--journal", journal.to_str().unwrap()];
    memory(&folder, "set", &[&["k", "CANARY"][..], &journal_args].concat()).assert_code(0);
    memory(&folder, "rm", &[&["k"][..], &journal_args].concat()).assert_code(0);
    let told = ended(agentbus("query").arg(&journal).arg("--json"));
    let kinds: Vec<_> = told.values().iter().map(|event| event["event_type"].clone()).collect();
    assert_eq!(kinds, ["memory.set", "memory.deleted"]);
    assert_eq!(told.values()[0]["details"]["memory"], "k");
    assert!(!told.stdout.contains("CANARY"));
}

#[test]
fn what_cannot_be_recorded_is_set_and_deleted_all_the_same() {
    let dir = Dir::new();
    let folder = dir.path().join("memories");
    let occupied = dir.path().join("occupied");
    std::fs::create_dir(&occupied).unwrap();
    std::fs::write(occupied.join("theirs"), "x").unwrap();
    let journal = ["--journal", occupied.to_str().unwrap()];
    for verb in [&["set", "k", "x"][..], &["rm", "k"]] {
        let done = memory(&folder, verb[0], &[&verb[1..], &journal].concat());
        done.assert_code(1);
        done.assert_stderr("what is done now is not recorded: ");
        assert!(done.stdout.starts_with("k is "), "{}", done.stdout);
    }
    memory(&folder, "get", &["k"]).assert_stderr("there is no memory of that key");
    assert_eq!(std::fs::read_dir(occupied).unwrap().count(), 1, "no journal is begun there");
}

#[test]
fn bad_input_is_refused_and_nothing_is_made() {
    let dir = Dir::new();
    let folder = dir.path().join("memories");
    memory(&folder, "list", &[]).assert_code(2);
    assert!(!folder.exists());
    for (args, said) in [
        (&["set", "k"][..], "SUMMARY"),
        (&["set", "", "x"], "the key cannot be used: must not be empty"),
        (&["set", "k", " "], "the summary cannot be used"),
        (&["set", "k", "postgres://app:hunter2@db/main"], "holds what looks like a secret"),
    ] {
        let refused = memory(&folder, args[0], &args[1..]);
        refused.assert_code(2);
        refused.assert_stderr(said);
        assert!(!refused.stderr.contains("hunter2"));
    }
    let search = memory(dir.path(), "search", &[" "]);
    search.assert_code(2);
    search.assert_stderr("what is looked for cannot be used");
    let most = "\u{e9}".repeat(4_096) + "\n";
    fed(&mut command(&dir.path().join("fits"), "set", &["k", "-"]), most).assert_code(0);
    let long = fed(&mut command(&folder, "set", &["k", "-"]), "x".repeat(1 << 20));
    long.assert_code(2);
    long.assert_stderr("at most 8192 are kept");
    let cut = fed(&mut command(&folder, "set", &["k", "-"]), format!("x{}", "\u{e9}".repeat(6_000)));
    cut.assert_code(2);
    cut.assert_stderr("at most 8192 are kept");
    let no_text = fed(&mut command(&folder, "set", &["k", "-"]), b"\xff");
    no_text.assert_code(2);
    no_text.assert_stderr("what stands on stdin is no UTF-8");
    assert!(!folder.exists());
}

#[test]
fn a_damaged_file_is_told_with_the_way_out_and_the_others_are_listed() {
    let dir = Dir::new();
    memory(dir.path(), "set", &["sound", "It is."]).assert_code(0);
    let name = format!("memory-{}.json", "0".repeat(64));
    std::fs::write(dir.path().join(&name), "\x1b[2J").unwrap();
    let listed = memory(dir.path(), "list", &[]);
    listed.assert_code(1);
    listed.assert_stderr(&name);
    listed.assert_stderr("mend it by hand, or move it elsewhere");
    assert!(listed.stdout.starts_with("sound  (revision 1"));
    assert!(!listed.stderr.contains('\x1b'));
    let json = memory(dir.path(), "list", &["--json"]);
    json.assert_code(1);
    assert_eq!((&json.values()[1]["damaged"], &json.values()[1]["kind"]), (&name.into(), &"corrupt".into()));
}

#[test]
fn what_acts_on_a_terminal_is_escaped() {
    let dir = Dir::new();
    memory(dir.path(), "set", &["a\u{202e}b", "c\u{202e}d", "--author", "e\u{202e}f"]).assert_code(0);
    for (verb, args) in
        [("list", &[][..]), ("get", &["a\u{202e}b"]), ("history", &["a\u{202e}b"]), ("search", &["c"])]
    {
        for json in [&[][..], &["--json"]] {
            let shown = memory(dir.path(), verb, &[args, json].concat());
            shown.assert_code(0);
            assert!(shown.stdout.contains("202e") && !shown.stdout.contains('\u{202e}'), "{}", shown.stdout);
        }
    }
}
