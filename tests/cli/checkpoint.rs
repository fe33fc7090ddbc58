//! `agentbus checkpoint`: what is said to it, what it answers, and a run that is killed and gone on from.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Ended, Task, ended};
use crate::journal_harness::{Dir, agentbus, fed, line};

const DRAFT: &str =
    r#"{"agent":"agents/planner","session_id":"s-1","phase":"action","resume_hint":"see \u001b[2J"}"#;

/// The program with a verb on the checkpoints in a directory.
fn checkpoint(dir: &Dir, verb: &str, args: &[&str]) -> Command {
    let mut command = agentbus("checkpoint");
    command.arg(verb).arg(dir.path().join("checkpoints")).args(args);
    command
}

fn run(dir: &Dir, verb: &str, args: &[&str]) -> Ended {
    ended(&mut checkpoint(dir, verb, args))
}

/// Saves a checkpoint and gives its file.
#[track_caller]
fn create(dir: &Dir, draft: &str, args: &[&str]) -> String {
    let created = fed(&mut checkpoint(dir, "create", args), draft);
    created.assert_code(0);
    created.stdout.trim().to_owned()
}

#[test]
fn each_verb_answers_with_json_or_in_words() {
    let dir = Dir::new();
    let file = create(&dir, DRAFT, &[]);
    let created = fed(&mut checkpoint(&dir, "create", &["--json"]), DRAFT.replace("s-1", "s-2"));
    let other = created.values()[0]["file"].as_str().unwrap().to_owned();
    assert_eq!(created.values()[0]["checkpoint"]["status"], "active");

    let got = run(&dir, "get", &[&file, "--json"]);
    assert_eq!(got.values()[0]["checkpoint"]["session_id"], "s-1");
    let in_words = run(&dir, "get", &[&file]);
    assert!(in_words.stdout.contains(r"hint  see \u{1b}[2J") && in_words.stdout.starts_with(&file));

    fs::write(dir.path().join("checkpoints/checkpoint-x.json"), "{").unwrap();
    let listed = run(&dir, "list", &["--json", "--max-age", "1d", "--status", "active"]);
    listed.assert_code(1);
    let files: Vec<_> =
        listed.values().iter().map(|value| value["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, [other.as_str(), &file, "checkpoint-x.json"], "newest first");
    let bad = &listed.values()[2];
    assert_eq!(
        (&bad["error"], &bad["advice"]),
        (&json!("corrupt"), &json!("mend it by hand, or put it in quarantine"))
    );
    let in_words = run(&dir, "list", &["--agent", "nobody"]);
    let expected = "checkpoint-x.json: \"checkpoint-x.json\" is corrupt: it is no JSON at line 1, column 1; \
                    mend it by hand, or put it in quarantine\n";
    assert_eq!(in_words.stdout, expected);

    let resolved = run(&dir, "resolve", &[&file, "--json"]);
    assert_eq!(resolved.values(), [json!({"file": file, "status": "resolved", "changed": true})]);
    assert_eq!(run(&dir, "resolve", &[&file]).stdout, format!("{file} is resolved already\n"));
    let why = ["--reason", "left", "--operator", "kim"];
    let abandoned = run(&dir, "abandon", &[&[other.as_str()][..], &why].concat());
    assert_eq!(abandoned.stdout, format!("{other} is abandoned\n"));
    let put_away = run(&dir, "quarantine", &[&["checkpoint-x.json", "--json"][..], &why].concat());
    let record = &put_away.values()[0];
    assert_eq!((&record["fault"], &record["operator"]), (&json!("corrupt"), &json!("kim")));
    let cleaned = run(&dir, "cleanup", &["--older-than", "0s", "--json"]);
    let expected =
        json!({"archived": [file], "skipped": [{"file": other, "why": "abandoned"}], "errors": []});
    assert_eq!(cleaned.values(), [expected]);
    let nothing = run(&dir, "resume", &["s-2"]);
    nothing.assert_code(1);
    nothing.assert_stderr("there is no active checkpoint of the session \"s-2\"");
}

#[test]
fn json_for_machines_is_a_line_each_and_says_all_that_was_saved() {
    let dir = Dir::new();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let hint = "a\u{7f}b\u{9b}31mc\u{202e}d";
    let draft = format!(
        "{{\"agent\":\"a\",\n\"session_id\":\"s-1\",\"phase\":\"p\",\"resume_hint\":\"{hint}\",\n\
         \"context\":{{\n  \"x\": [\n 1E40, 0.10,\n \"{hint}\" ]\n}} }}"
    );
    let created = fed(&mut checkpoint(&dir, "create", &["--json", "--journal", journal]), &draft);
    let file = created.values()[0]["file"].as_str().unwrap().to_owned();
    let stored = fs::read_to_string(dir.path().join("checkpoints").join(&file)).unwrap();
    assert_eq!(stored.lines().count(), 1, "{stored}");
    for answer in [
        created,
        run(&dir, "get", &[&file, "--json"]),
        run(&dir, "list", &["--json"]),
        run(&dir, "resume", &["s-1", "--json"]),
    ] {
        answer.assert_code(0);
        assert_eq!(answer.stdout.lines().count(), 1, "{}", answer.stdout);
        assert_eq!(answer.values()[0]["checkpoint"]["resume_hint"], hint);
        assert!(answer.stdout.contains("[1E40,0.10,\"a"), "{}", answer.stdout);
        assert!(!answer.stdout.contains(['\u{7f}', '\u{9b}', '\u{202e}']), "{:?}", answer.stdout);
    }
    let line = format!(
        "{{\"event_type\":\"lane.entered\",\"session_id\":\"s-1\",\"details\":{{\"x\":\"{hint}\"}}}}\n"
    );
    fed(agentbus("append").arg(journal), line).assert_code(0);
    let resumed = run(&dir, "resume", &["s-1", "--json", "--journal", journal]);
    let stored = ended(agentbus("tail").args([journal, "--json"]));
    assert!(stored.stdout.contains('\u{7f}'), "it is stored as it was told");
    assert_eq!(resumed.stdout.lines().last(), stored.stdout.lines().last(), "byte for byte");
}

#[test]
fn what_a_terminal_would_act_on_is_escaped_also_where_an_argument_is_refused() {
    let dir = Dir::new();
    for (arg, shown) in [
        ("--status=x\u{9b}31m", "invalid value 'x\\u{9b}31m' for"),
        ("--frob\u{202e}nicate", "'--frob\\u{202e}nicate'"),
    ] {
        let refused = run(&dir, "list", &[arg]);
        refused.assert_code(2);
        refused.assert_stderr(shown);
    }
}

#[test]
fn what_was_done_is_recorded_and_gone_on_from() {
    let dir = Dir::new();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let recorded = ["--journal", journal];
    let file = create(&dir, DRAFT, &recorded);
    let second = create(&dir, DRAFT, &recorded);
    let resumed = run(&dir, "resume", &["s-1", "--json", "--journal", journal]);
    resumed.assert_code(0);
    let values = resumed.values();
    assert_eq!((&values[0]["file"], &values[0]["checkpoint"]["position"]), (&json!(second), &json!(1)));
    assert_eq!(values[1]["event_type"], "session_checkpoint.created");
    assert_eq!((values.len(), &values[1]["pos"]), (2, &json!(2)));
    let in_words = run(&dir, "resume", &["s-1", "--journal", journal]);
    assert!(in_words.stdout.contains("session_checkpoint.created"), "{}", in_words.stdout);

    run(&dir, "resolve", &[&[file.as_str()][..], &recorded].concat()).assert_code(0);
    run(&dir, "resolve", &[&[file.as_str()][..], &recorded].concat()).assert_code(0);
    run(&dir, "abandon", &[&[&second, "--reason", "r", "--operator", "o"][..], &recorded].concat())
        .assert_code(0);
    fs::write(dir.path().join("checkpoints/checkpoint-x.json"), "{").unwrap();
    let put_away = ["checkpoint-x.json", "--reason", "r", "--operator", "o"];
    run(&dir, "quarantine", &[&put_away[..], &recorded].concat()).assert_code(0);
    run(&dir, "cleanup", &[&["--older-than", "0s"][..], &recorded].concat()).assert_code(0);
    let queried = ended(agentbus("query").args([journal, "--json"]));
    let kinds: Vec<_> = queried.values().iter().map(|value| value["event_type"].clone()).collect();
    let expected = ["created", "created", "resolved", "abandoned", "quarantined", "archived"];
    assert_eq!(kinds, expected.map(|kind| json!(format!("session_checkpoint.{kind}"))));
}

#[test]
fn bad_input_is_told_and_nothing_is_begun() {
    let dir = Dir::new();
    for (verb, args) in [
        ("list", &[][..]),
        ("get", &["checkpoint-x.json"]),
        ("resolve", &["checkpoint-x.json"]),
        ("cleanup", &["--older-than", "1d"]),
        ("resume", &["s-1"]),
    ] {
        let refused = run(&dir, verb, args);
        refused.assert_code(2);
        refused.assert_stderr("there is no directory");
    }
    fed(&mut checkpoint(&dir, "create", &[]), "no json").assert_code(2);
    assert!(!dir.path().join("checkpoints").exists(), "nothing was begun");
    create(&dir, DRAFT, &[]);
    let before = dir.tree();
    for (verb, args, words) in [
        ("get", &["../journal.json"][..], "checkpoint-*.json"),
        ("resolve", &["/etc/passwd"], "checkpoint-*.json"),
        ("abandon", &["checkpoint-x.json"], "--reason"),
        (
            "abandon",
            &["checkpoint-x.json", "--reason", "a\nb", "--operator", "o"],
            "\"reason\" must be a text",
        ),
        (
            "quarantine",
            &["checkpoint-x.json", "--reason", "r", "--operator", ""],
            "\"operator\" must not be empty",
        ),
        ("cleanup", &["--older-than", "1y"], "must be a whole number"),
        ("list", &["--status", "asleep"], "possible values"),
        ("frobnicate", &[], "unrecognized subcommand"),
    ] {
        let refused = run(&dir, verb, args);
        refused.assert_code(2);
        refused.assert_stderr(words);
        assert_eq!(refused.stdout, "", "{verb}");
    }
    let refused = fed(&mut checkpoint(&dir, "create", &[]), DRAFT.replace("phase", "phases"));
    refused.assert_code(2);
    refused.assert_stderr("\"phase\" is missing; \"phases\" is unknown");
    let refused = fed(&mut checkpoint(&dir, "create", &["--allow-agent", "agents/coder"]), DRAFT);
    refused.assert_code(2);
    let too_long = fed(&mut checkpoint(&dir, "create", &[]), " ".repeat(10 << 20));
    too_long.assert_code(2);
    too_long.assert_stderr("more than 65536 bytes");
    assert_eq!(dir.tree(), before);
}

#[test]
fn a_refused_checkpoint_makes_neither_folder_nor_journal() {
    let dir = Dir::new();
    let journal = dir.path().join("journal");
    let args = ["--journal", journal.to_str().unwrap(), "--allow-agent", "agents/coder"];
    for draft in [DRAFT.to_owned(), DRAFT.replace("phase", "phases"), DRAFT.replace("s-1", "")] {
        fed(&mut checkpoint(&dir, "create", &args), draft).assert_code(2);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    }
    let sound = DRAFT.replace("agents/planner", "agents/coder");
    fed(&mut checkpoint(&dir, "create", &args), sound).assert_code(0);
}

#[test]
fn what_cannot_be_recorded_is_saved_all_the_same() {
    let dir = Dir::new();
    let occupied = dir.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("theirs"), "x").unwrap();
    let journal = ["--journal", occupied.to_str().unwrap()];
    let saved = fed(&mut checkpoint(&dir, "create", &journal), DRAFT);
    saved.assert_code(1);
    saved.assert_stderr("what is done now is not recorded: ");
    saved.assert_stderr("holds other things than a journal");
    let file = saved.stdout.trim();
    run(&dir, "get", &[file]).assert_code(0);
    let resolved = run(&dir, "resolve", &[&[file][..], &journal].concat());
    resolved.assert_code(1);
    assert_eq!(resolved.stdout, format!("{file} is resolved\n"));
    assert_eq!(fs::read_dir(occupied).unwrap().count(), 1, "no journal is begun there");
}

#[test]
fn beside_another_journal_the_time_tells_what_came_since_and_that_is_said() {
    let dir = Dir::new();
    let [one, other] = ["one", "other"].map(|name| dir.path().join(name).to_str().unwrap().to_owned());
    let append = |journal: &str, session: &str| {
        let line = line(session);
        fed(agentbus("append").arg(journal), line).assert_code(0);
    };
    append(&one, "s-0");
    create(&dir, DRAFT, &["--journal", &one]);
    let resumed = run(&dir, "resume", &["s-1", "--json", "--journal", &one]);
    assert_eq!((&resumed.values()[0]["since"], &*resumed.stderr), (&json!({ "position": 1 }), ""));
    for _ in 0..3 {
        append(&other, "s-1");
    }
    let resumed = run(&dir, "resume", &["s-1", "--json", "--journal", &other]);
    resumed.assert_code(0);
    resumed.assert_stderr(
        "the checkpoint was saved beside another journal: of the events those are shown whose time",
    );
    let values = resumed.values();
    assert_eq!(values[0]["since"]["why"], "other_journal");
    assert_eq!(values[0]["since"]["time"], values[0]["checkpoint"]["created_at"]);
    let positions: Vec<_> = values[1..].iter().map(|event| event["pos"].as_u64().unwrap()).collect();
    assert_eq!(positions, [1, 2, 3], "none is left out");
}

/// The first events of a run that records itself and is killed then.
fn killed_run(journal: &str, events: usize, meanwhile: impl FnOnce(&[Value])) {
    let task = Task::tour();
    let mut command = task.command(&["--json", "--journal", journal]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.take(events).map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    let told: Vec<Value> = told.collect();
    meanwhile(&told);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_tour_that_is_killed_is_gone_on_from_with_its_decisions_and_all_that_came_since() {
    let dir = Dir::new();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let (mut session, mut decided) = (String::new(), Vec::new());
    killed_run(journal, 40, |told| {
        let decisions = told.iter().filter(|event| event["event_type"] == "decision.created");
        decided = decisions.map(|event| event["details"]["question"].as_str().unwrap().to_owned()).collect();
        session = told[0]["session_id"].as_str().unwrap().to_owned();
        let draft = json!({
            "agent": told[0]["actor_name"].as_str().unwrap_or("agents/tour"),
            "session_id": session,
            "phase": "action",
            "context": { "plan_id": told.iter().find_map(|event| event["plan_id"].as_str()) },
            "progress": { "decisions": decided },
        });
        create(&dir, &draft.to_string(), &["--journal", journal]);
    });
    assert!(decided.len() > 3, "{decided:?}");

    let resumed = run(&dir, "resume", &[&session, "--json", "--journal", journal]);
    resumed.assert_code(0);
    let values = resumed.values();
    let saved = &values[0]["checkpoint"];
    assert_eq!(saved["progress"]["decisions"], json!(decided));
    let since = saved["position"].as_u64().unwrap();
    let queried = ended(agentbus("query").args([journal, "--json"]));
    let recorded = queried.positions();
    let expected: Vec<_> = recorded.into_iter().filter(|position| *position > since).collect();
    let found: Vec<_> = values[1..].iter().map(|event| event["pos"].as_u64().unwrap()).collect();
    assert_eq!(found, expected, "each event since, once, in order");
    let state = ended(agentbus("state").args([journal, "--json"]));
    let plan = saved["context"]["plan_id"].as_str().unwrap();
    assert!(state.stdout.contains(plan) && decided.iter().all(|question| state.stdout.contains(question)));
}
