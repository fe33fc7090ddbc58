//! `audit`: the index asked, exported, made anew, shortened.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Ended, ended};
use crate::journal_harness::{Dir, agentbus, line, lines, needs};

fn audit(dir: &Dir, args: &[&str]) -> Ended {
    ended(agentbus("audit").arg(dir.path()).args(args))
}

#[test]
fn a_query_indexes_what_is_new_and_asks_by_filter_time_and_words() {
    let dir = Dir::with_seconds(&[100, 200, 300, 250, 400], 10 << 20);
    let sessions = |args: &[&str]| {
        let shown = audit(&dir, &[&["query", "--json"], args].concat());
        shown.assert_code(0);
        shown.sessions()
    };
    assert_eq!(sessions(&[]), ["100", "200", "300", "250", "400"]);
    assert_eq!(sessions(&["--newest"]), ["400", "250", "300", "200", "100"]);
    assert_eq!(sessions(&["session=200,400 session.*"]), ["200", "400"]);
    assert_eq!(sessions(&["--since", "1970-01-01T00:04:10Z"]), ["300", "250", "400"]);
    assert_eq!(sessions(&["--until", "1970-01-01T00:04:10Z", "--security"]), ["100", "200"]);
    assert_eq!(sessions(&["--text", "nothing"]), [] as [&str; 0]);
    dir.append(&line("new")).assert_code(0);
    assert_eq!(sessions(&["--no-index", "session=new"]), [] as [&str; 0]);
    assert_eq!(sessions(&["session=new"]), ["new"]);
    let id = audit(&dir, &["query", "--json", "session=new"]).values()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(sessions(&["--id", &id]), ["new"]);
    assert_eq!(sessions(&["--caused-by", &id]), [] as [&str; 0]);
}

#[test]
fn pages_follow_by_their_token() {
    let dir = Dir::with_events(5);
    let first = audit(&dir, &["query", "--json", "--limit", "2"]);
    let values = first.values();
    assert_eq!(values.len(), 3);
    let token = values[2]["next"].as_str().unwrap();
    let rest = audit(&dir, &["query", "--json", "--limit", "9", "--after", token]);
    assert_eq!(rest.sessions(), ["3", "4", "5"]);
    let other = audit(&dir, &["query", "--json", "session=3", "--after", token]);
    other.assert_code(2);
    other.assert_stderr("the page token belongs to another query");
    let people = audit(&dir, &["query", "--limit", "2"]);
    people.assert_code(0);
    people.assert_stderr(&format!("--after {token}"));
    assert_eq!(people.stdout.lines().count(), 3, "a day and two events: {}", people.stdout);
}

#[test]
fn an_export_is_csv_by_the_rfc_or_json_lines_and_no_formula() {
    let dir = Dir::with_events(0);
    let hostile =
        line("=1+1").replace("\"details\"", "\"actor_name\":\"say \\\"hi\\\", \u{202e}all\",\"details\"");
    dir.append(&(hostile + &line("s,2"))).assert_code(0);
    let csv = audit(&dir, &["export", "--format", "csv"]);
    csv.assert_code(0);
    let rows: Vec<_> = csv.stdout.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[0].starts_with("position,event_type,category,severity,security,id,timestamp"));
    assert!(rows[1].starts_with("1,session.created,session,info,yes,"), "{}", rows[1]);
    assert!(rows[1].contains(",'=1+1,\"say \"\"hi\"\", \\u{202e}all\","), "{}", rows[1]);
    assert!(
        rows[2].contains(",\"s,2\",") && rows[2].ends_with(",\"{\"\"imported\"\":false}\""),
        "{}",
        rows[2]
    );
    let columns = rows[0].split(',').count();
    let jsonl = audit(&dir, &["export", "--format", "jsonl", "session=s"]);
    assert_eq!(jsonl.stdout, "");
    let jsonl = audit(&dir, &["export", "--format", "jsonl"]);
    assert_eq!(jsonl.positions(), [1, 2]);
    assert_eq!(jsonl.sessions(), ["=1+1", "s,2"]);
    assert!(!jsonl.stdout.contains('\u{202e}'));
    assert_eq!(columns, 20);
}

#[test]
fn an_export_goes_over_all_pages() {
    let dir = Dir::with_events(2_300);
    let exported = audit(&dir, &["export", "--format", "jsonl"]);
    assert_eq!(exported.positions(), (1..=2_300).collect::<Vec<_>>());
    let csv = audit(&dir, &["export", "--format", "csv", "--no-index"]);
    assert_eq!(csv.stdout.split_terminator("\r\n").count(), 2_301);
}

#[test]
fn what_is_no_index_is_refused_and_made_anew() {
    let dir = Dir::with_events(3);
    audit(&dir, &["query"]).assert_code(0);
    let file = dir.path().join("audit/index-00000001.sqlite");
    fs::write(&file, "no database").unwrap();
    for suffix in ["-wal", "-shm"] {
        drop(fs::remove_file(dir.path().join(format!("audit/index-00000001.sqlite{suffix}"))));
    }
    let refused = audit(&dir, &["query"]);
    refused.assert_code(1);
    refused.assert_stderr("index-00000001.sqlite");
    refused.assert_stderr("audit DIR rebuild");
    let rebuilt = audit(&dir, &["rebuild", "--json"]);
    rebuilt.assert_code(0);
    let answer: &Value = &rebuilt.values()[0];
    assert_eq!((answer["indexed"].as_u64(), answer["carried"].as_u64()), (Some(3), Some(0)));
    assert!(answer["set_aside"].as_str().unwrap().ends_with(".damaged"));
    assert_eq!(audit(&dir, &["query", "--json"]).positions(), [1, 2, 3]);
    assert_eq!(audit(&dir, &["rebuild"]).stdout, "indexed 3 events\n");
}

/// The program, which may do what the modes of files let it, and no more, also if the tests may do all.
fn without_privilege(verb: &str) -> Command {
    let plain = agentbus(verb);
    if !rustix::process::geteuid().is_root() {
        return plain;
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--"]).arg(plain.get_program()).args(plain.get_args());
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_indexed_is_asked_where_nothing_can_be_written() {
    if !needs("setpriv") {
        return;
    }
    let dir = Dir::with_events(2);
    let (folder, file) = (dir.path().join("audit"), dir.path().join("audit/index-00000001.sqlite"));
    let ask = |args: &[&str]| ended(without_privilege("audit").arg(dir.path()).args(args));
    set_mode(dir.path(), 0o555);
    for none in [ask(&["query", "--no-index"]), ask(&["query"]), ask(&["export", "--format", "jsonl"])] {
        none.assert_code(1);
        none.assert_stderr("there is no index in");
    }
    set_mode(dir.path(), 0o755);
    audit(&dir, &["query"]).assert_code(0);
    dir.append(&line("new")).assert_code(0);
    set_mode(&file, 0o444);
    for mode in [0o555, 0o755] {
        set_mode(&folder, mode);
        let before = dir.tree();
        let asked = ask(&["query", "--json", "--no-index"]);
        asked.assert_code(0);
        assert_eq!(asked.sessions(), ["1", "2"]);
        assert_eq!(ask(&["export", "--format", "jsonl", "--no-index"]).sessions(), ["1", "2"]);
        assert!(dir.tree() == before, "{mode:o}");
        let refused = ask(&["query"]);
        refused.assert_code(1);
        refused.assert_stderr("--no-index");
        assert_eq!(refused.stderr.matches("readonly database").count(), 1, "{}", refused.stderr);
    }
    fs::write(dir.path().join("audit/index-00000001.sqlite-wal"), "not moved yet").unwrap();
    let unclosed = ask(&["query", "--no-index"]);
    unclosed.assert_code(1);
    unclosed.assert_stderr("was not closed and cannot be written");
}

#[test]
fn retention_takes_security_events_only_if_that_is_said() {
    let dir = Dir::with_seconds(&[1, 2, 3], 10 << 20);
    let kept = audit(&dir, &["retain", "--older-than", "30d"]);
    assert_eq!(kept.stdout, "took 0 events: 0 of chatter, 0 others, 0 of security\n");
    let refused = audit(&dir, &["retain", "--older-than", "30d", "--security-older-than", "29d"]);
    refused.assert_code(2);
    refused.assert_stderr("security events must be kept at least as long");
    let taken = audit(&dir, &["retain", "--older-than", "30d", "--security-older-than", "400d", "--json"]);
    assert_eq!(taken.values()[0]["security"], 3);
    let journal = dir.run("query", &["--json"]);
    assert_eq!(journal.positions(), [1, 2, 3]);
    assert_eq!(audit(&dir, &["query", "--json"]).stdout, "");
}

#[test]
fn bad_input_is_refused_before_anything_is_begun() {
    let dir = Dir::with_events(1);
    for (args, said) in [
        (&["query", "--text", "***"][..], "must have a word"),
        (&["query", "no.such=1"], "no.such"),
        (&["query", "--limit", "1001"], "1..=1000"),
        (&["query", "--after", "x"], "must be a page token"),
        (&["export"], "--format"),
        (&["retain"], "--older-than"),
    ] {
        let refused = audit(&dir, args);
        refused.assert_code(2);
        refused.assert_stderr(said);
    }
    assert!(!dir.path().join("audit").exists());
    let nowhere = ended(agentbus("audit").arg("query"));
    nowhere.assert_code(2);
    nowhere.assert_stderr("`audit` needs the directory of a journal");
    let missing = ended(agentbus("audit").args(["/no/such/dir", "query"]));
    missing.assert_code(2);
    missing.assert_stderr("there is no directory /no/such/dir");
}

#[test]
fn people_see_nothing_that_acts_on_a_terminal() {
    let dir = Dir::with_events(0);
    let hostile = line("x").replace("\"details\"", "\"actor_name\":\"a\u{202e}b\",\"details\"");
    dir.append(&(hostile + &lines([1]))).assert_code(0);
    for args in [&["query"][..], &["query", "--json"], &["export", "--format", "csv"]] {
        let shown = audit(&dir, args);
        shown.assert_code(0);
        assert!(shown.stdout.contains("202e") && !shown.stdout.contains('\u{202e}'), "{}", shown.stdout);
    }
}
