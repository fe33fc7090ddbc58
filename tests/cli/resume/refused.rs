//! What cannot be gone on with, and who may not.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use super::saved::{Saved, is, session_of, told_until};
use crate::harness::{Ended, Task, says, tree};
use crate::interrupt::signal_to;
use crate::journal_harness::{agentbus, fed};

#[test]
fn what_cannot_be_gone_on_with_is_refused_with_the_way_out() {
    let saved = Saved::of(Task::small(&[says("I cannot")]));
    let (journal, checkpoints) = (saved.path("journal"), saved.path("checkpoints"));
    let [journal, checkpoints] = [&journal, &checkpoints].map(|path| path.to_str().unwrap());
    for (words, why) in [
        (&["--resume", "s-1"][..], "--checkpoints"),
        (&["--resume", "s-1", "--checkpoints", checkpoints], "--journal"),
        (&["--resume", "s-1", "--journal", journal], "--checkpoints"),
        (&["--checkpoints", checkpoints], "--journal"),
        (
            &["--resume", "s-1", "--checkpoints", checkpoints, "--journal", journal, "--write-back"],
            "--write-back",
        ),
        (&["--resume", "s-1", "--checkpoints", checkpoints, "--journal", journal], "there is no directory"),
    ] {
        let refused = saved.task.run(words);
        refused.assert_code(2);
        refused.assert_stderr(why);
        assert_eq!(saved.place.path().read_dir().unwrap().count(), 0, "nothing was begun");
    }
    let failed = saved.run(&["--write-back"]);
    failed.assert_code(1);
    let session = session_of(&failed.values());
    // A writer would cut that.
    let segment = saved.path("journal/segments/00000000000000000001.jsonl");
    fs::File::options().append(true).open(segment).unwrap().write_all(b"{\"pos\":").unwrap();
    let kept = || (tree(Path::new(checkpoints)), tree(Path::new(journal)));
    let before = kept();
    let refused = |run: Ended, why: &str| {
        run.assert_code(1);
        run.assert_stderr(why);
        assert_eq!(run.stdout, "");
        assert_eq!(kept(), before, "nothing was begun");
    };
    refused(saved.resume("s-1"), "there is no active checkpoint of the session \"s-1\"");
    let other = Saved::of(Task::small(&[says("I cannot")]));
    other.run(&[]).assert_code(1);
    let other_journal = other.path("journal");
    let words =
        ["--resume", &session, "--checkpoints", checkpoints, "--journal", other_journal.to_str().unwrap()];
    refused(saved.task.run(&words), "does not tell of this run");
    saved.task.edit("task.toml", "mend the notes", "mend them");
    refused(saved.resume(&session), "the run was of another task, or");
    saved.task.edit("task.toml", "mend them", "mend the notes");

    let foreign = r#"{"agent":"agents/planner","session_id":"s-9","phase":"action"}"#;
    let created = fed(agentbus("checkpoint").args(["create", checkpoints]), foreign);
    created.assert_code(0);
    let run = saved.resume("s-9");
    run.assert_code(1);
    run.assert_stderr("was not saved by `agentbus run`");
    fs::remove_dir_all(saved.path("checkpoints/runs")).unwrap();
    let run = saved.resume(&session);
    run.assert_code(1);
    run.assert_stderr("is gone or damaged: abandon the checkpoint, and run the task anew");
}

#[test]
fn a_name_that_looks_like_a_secret_is_refused_before_anything_is_begun() {
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let scout = format!(
        "[[scout]]\nname = \"{secret}\"\ngoal = \"look\"\nplan_usd = \"1\"\ntranscript = \"transcript.json\"\n"
    );
    for (from, to) in
        [("agents/mender", secret.to_owned()), ("[[validation]]", format!("{scout}[[validation]]"))]
    {
        let saved = Saved::of(Task::small(&[says("done")]));
        saved.task.edit("task.toml", from, &to);
        let refused = saved.run(&[]);
        refused.assert_code(2);
        refused.assert_stderr("looks like a secret");
        assert!(!refused.stderr.contains(secret), "{}", refused.stderr);
        assert_eq!(saved.place.path().read_dir().unwrap().count(), 0, "nothing was begun");
    }
}

#[test]
fn a_run_that_is_alive_is_left_to_its_process() {
    let saved = Saved::of(Task::small(&[]));
    let command = json!(["sleep", "1000"]).to_string();
    saved.task.edit("task.toml", r#"["grep", "-q", "mended", "notes.txt"]"#, &command);
    let mut command = saved.task.command(&[]);
    let mut child = command.args(saved.words()).stdout(Stdio::piped()).spawn().unwrap();
    let told = told_until(&mut child, is("validation.started")).unwrap();
    let refused = saved.resume(&session_of(&told));
    refused.assert_code(1);
    refused.assert_stderr("a live process leads this run");
    signal_to(&child, rustix::process::Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(saved.active().is_empty(), "what was cancelled is over");
    let over = saved.resume(&session_of(&told));
    over.assert_code(1);
    over.assert_stderr("there is no active checkpoint");
    assert_eq!(fs::read_dir(saved.path("checkpoints/runs")).unwrap().count(), 0);
    saved.task.assert_nothing_left();
}
