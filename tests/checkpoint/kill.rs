//! The program, killed at each of its calls that change something on disk: the old file is there or the new one, and
//! the next one goes on.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus};

use crate::support::{DRAFT, Home, fed};

/// The calls by which a folder is changed. Each is counted for itself.
pub(crate) const CALLS: [&str; 10] =
    ["openat", "write", "fsync", "fchmod", "flock", "renameat", "renameat2", "rename", "unlinkat", "mkdirat"];

/// How often a run may make one of them; it is far less.
pub(crate) const MANY: usize = 200;

/// Whether `strace` is there. Where it is not, a test says so on stderr and is passed over; where `CI` is set it fails.
pub(crate) fn has_strace() -> bool {
    let is_there = Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "this test needs strace; see .ci/run");
    if !is_there {
        drop(writeln!(std::io::stderr(), "PASSED OVER: a test that needs strace, which is not installed"));
    }
    is_there
}

/// Runs the program and kills it when it makes that call for the nth time; whether it came so far.
pub(crate) fn killed_at(program: &Command, (call, nth): (&str, usize), input: &[u8]) -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    strace.args(["-e", &format!("inject={call}:signal=SIGKILL:when={nth}")]);
    strace.arg(program.get_program()).args(program.get_args());
    fed(&mut strace, input).status.code() != Some(0)
}

/// The files of a folder and what they hold, those of a writer that died left out.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let named = files.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let kept = named.filter(|(name, _)| !name.starts_with('.'));
    kept.map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// Kills a verb at each of its calls, each time on a folder of its own; `check` looks at what is left.
fn at_each_call(
    home: impl Fn() -> (Home, String),
    verb: &str,
    args: impl Fn(&str) -> Vec<String>,
    input: &[u8],
    check: impl Fn(&Home, &str),
) {
    if !has_strace() {
        return;
    }
    let mut killed = Vec::new();
    for call in CALLS {
        let place = (1..MANY).find(|nth| {
            let (home, file) = home();
            let args = args(&file);
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let is_killed = killed_at(&home.command(verb, &args), (call, *nth), input);
            check(&home, &file);
            home.assert_outside_untouched();
            !is_killed
        });
        let times = place.unwrap_or_else(|| panic!("{verb} makes {call} more than {MANY} times")) - 1;
        killed.push((call, times));
    }
    let renames: usize = killed.iter().filter(|(call, _)| call.starts_with("rename")).map(|(_, n)| n).sum();
    let syncs: usize = killed.iter().filter(|(call, _)| *call == "fsync").map(|(_, n)| n).sum();
    assert!(renames >= 1 && syncs >= 2, "it was killed at the calls that matter: {killed:?}");
}

#[test]
fn a_folder_that_a_dead_call_made_is_made_durable_by_the_next_one() {
    if !has_strace() {
        return;
    }
    let temp = tempfile::TempDir::new().unwrap();
    let home = temp.path().canonicalize().unwrap();
    let (log, above) = (home.join("log"), home.join("above"));
    for round in ["made", "there already"] {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-e", "trace=fsync", "-o"]).arg(&log);
        strace.arg(env!("CARGO_BIN_EXE_agentbus")).args(["checkpoint", "create"]).arg(above.join("folder"));
        let saved = fed(&mut strace, DRAFT.as_bytes());
        assert_eq!(saved.status.code(), Some(0), "{saved:?}");
        let calls = fs::read_to_string(&log).unwrap();
        assert!(calls.contains(&format!("<{}>)", above.display())), "{round}: {calls}");
    }
}

#[test]
fn a_saving_that_is_killed_leaves_a_whole_checkpoint_or_none() {
    at_each_call(
        || (Home::new(), String::new()),
        "create",
        |_| Vec::new(),
        DRAFT.as_bytes(),
        |home, _| {
            let listing = home.store().list(&CheckpointFilter::all()).unwrap();
            assert!(listing.malformed.is_empty() && listing.checkpoints.len() <= 1);
            let before = listing.checkpoints.len();
            assert_eq!(fed(&mut home.command("create", &[]), DRAFT.as_bytes()).status.code(), Some(0));
            assert_eq!(files(&home.path()).len(), before + 1);
            assert!(!home.file(".tmp").exists(), "the next one removes what was left");
        },
    );
}

#[test]
fn a_change_that_is_killed_leaves_the_old_file_or_the_new() {
    let verbs: [(&str, &[&str], CheckpointStatus); 2] = [
        ("resolve", &[], CheckpointStatus::Resolved),
        ("abandon", &["--reason", "r", "--operator", "me"], CheckpointStatus::Abandoned),
    ];
    for (verb, more, status) in verbs {
        let args = |file: &str| [&[file], more].concat().iter().map(|arg| (*arg).to_owned()).collect();
        at_each_call(Home::with_checkpoint, verb, args, b"", |home, file| {
            let found = home.store().get(file).unwrap().checkpoint;
            assert!(found.status == status || (found.status == CheckpointStatus::Active), "{found:?}");
            if found.status == CheckpointStatus::Active {
                assert_eq!(found.created_at, found.updated_at);
            }
            let again = home.run(verb, &[&[file], more].concat());
            assert_eq!(again.status.code(), Some(0), "{again:?}");
            assert_eq!(home.store().get(file).unwrap().checkpoint.status, status);
            assert!(!home.file(".tmp").exists());
        });
    }
}

#[test]
fn a_quarantine_that_is_killed_leaves_the_file_in_one_place_with_its_record_there() {
    let damaged = || {
        let home = Home::new();
        fs::write(home.file("checkpoint-x.json"), "damaged").unwrap();
        (home, "checkpoint-x.json".to_owned())
    };
    let more = ["--reason", "r", "--operator", "me"];
    let args = |file: &str| [&[file][..], &more].concat().iter().map(|arg| (*arg).to_owned()).collect();
    at_each_call(damaged, "quarantine", args, b"", |home, file| {
        let (here, there) = (files(&home.path()), files(&home.file("quarantine")));
        let places = [&here, &there].map(|files| files.get(file).map(String::as_str));
        assert!(places == [Some("damaged"), None] || places == [None, Some("damaged")], "{places:?}");
        if places[1].is_some() {
            assert!(there[&format!("{file}.record")].ends_with("}\n"));
        } else {
            let again = home.run("quarantine", &[&[file][..], &more].concat());
            assert_eq!(again.status.code(), Some(0), "{again:?}");
        }
    });
}

#[test]
fn a_cleanup_that_is_killed_leaves_each_checkpoint_in_one_place() {
    let args = |_: &str| ["--older-than", "0s"].map(str::to_owned).to_vec();
    at_each_call(Home::with_checkpoint, "cleanup", args, b"", |home, file| {
        let places = [home.path(), home.file("archive")].map(|folder| files(&folder).contains_key(file));
        assert!(places[0] != places[1], "{places:?}");
        assert_eq!(home.run("cleanup", &["--older-than", "0s"]).status.code(), Some(0));
        assert!(home.file("archive").join(file).is_file());
    });
}

#[test]
fn verbs_that_read_change_nothing_on_disk() {
    let (home, file) = Home::with_checkpoint();
    fs::write(home.file("checkpoint-x.json"), "damaged").unwrap();
    fs::write(home.file(".tmp"), "of a writer that died").unwrap();
    fs::remove_file(home.file(".lock")).unwrap();
    let before = home.tree();
    for (verb, args) in [("list", &[][..]), ("get", &[file.as_str()]), ("resume", &["s-1"])] {
        for json in [&[][..], &["--json"]] {
            assert!(home.run(verb, &[args, json].concat()).status.code() < Some(2), "{verb}");
        }
    }
    assert_eq!(home.tree(), before);
    assert!(!home.file(".lock").exists());
    if !has_strace() {
        return;
    }
    // Nor do they ask the system for anything that would.
    let program = home.command("list", &[]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-e", "trace=openat,rename,renameat2,unlinkat,mkdirat,flock,fsync", "-o"]);
    strace.arg(log.path()).arg(program.get_program()).args(program.get_args());
    strace.output().unwrap();
    let log = fs::read_to_string(log.path()).unwrap();
    let here = home.path();
    let calls: Vec<_> = log.lines().filter(|line| line.contains(here.to_str().unwrap())).collect();
    assert!(calls.iter().any(|call| call.contains("checkpoint-x.json")), "{log}");
    assert!(calls.iter().all(|call| call.contains("openat(") && call.contains("O_RDONLY")), "{calls:?}");
}
