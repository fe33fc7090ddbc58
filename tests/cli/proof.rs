//! `keys`, `heads`, `verify --key`, `audit prove` and `audit check-proof`, and signing while events are recorded.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Ended, Task, ended, mend, says};
use crate::interrupt::signal_to;
use crate::journal_harness::{Dir, agentbus, fed, line, lines, piped};

/// A journal that is signed, and the keys.
struct Signed {
    dir: Dir,
    keys: TempDir,
}

impl Signed {
    fn new() -> Self {
        let keys = TempDir::new().unwrap();
        ended(agentbus("keys").arg("new").arg(keys.path())).assert_code(0);
        Self { dir: Dir::new(), keys }
    }

    /// One with so many events, appended and signed one run after the other.
    fn with_runs(runs: &[usize]) -> Self {
        let signed = Self::new();
        for count in runs {
            signed.append(&lines(1..=*count)).assert_code(0);
        }
        signed
    }

    fn secret(&self) -> String {
        self.keys.path().join("agentbus.key").to_str().unwrap().to_owned()
    }

    fn public(&self) -> String {
        self.keys.path().join("agentbus.key.pub").to_str().unwrap().to_owned()
    }

    fn append(&self, lines: &str) -> Ended {
        fed(&mut self.dir.command("append", &["--sign-with", &self.secret()]), lines)
    }

    fn verify(&self, more: &[&str]) -> Ended {
        let public = self.public();
        self.dir.run("verify", &[&["--key", &public], more].concat())
    }

    /// The heads, as `heads` prints them.
    fn heads(&self) -> Vec<String> {
        let told = self.dir.run("heads", &[]);
        told.assert_code(0);
        told.stdout.lines().map(str::to_owned).collect()
    }

    fn head(&self, number: u64) -> PathBuf {
        self.dir.path().join(format!("heads/{number:020}.json"))
    }

    /// Cuts the last line.
    fn cut(&self) {
        let segment = self.dir.segments().pop().unwrap();
        let text = fs::read_to_string(&segment).unwrap();
        let kept: Vec<_> = text.split_inclusive('\n').collect();
        fs::write(segment, kept[..kept.len() - 1].concat()).unwrap();
    }
}

#[test]
fn a_new_key_is_in_two_files_and_never_written_over() {
    let keys = TempDir::new().unwrap();
    let path = keys.path().join("signer");
    let told = ended(agentbus("keys").arg("new").arg(&path).arg("--json"));
    told.assert_code(0);
    let key = told.values()[0]["key"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(keys.path().join("signer.pub")).unwrap(), format!("{key}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let secret = fs::read_to_string(&path).unwrap();
    assert!(secret.starts_with("agentbus-ed25519-secret:") && !told.stdout.contains(secret.trim()));
    let again = ended(agentbus("keys").arg("new").arg(&path));
    again.assert_code(2);
    assert!(again.stderr.contains("is there already and is not written over"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), secret);
}

#[test]
fn a_secret_key_that_others_may_read_signs_nothing() {
    let signed = Signed::new();
    fs::set_permissions(signed.secret(), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = signed.append(&line(1));
    refused.assert_code(2);
    assert!(refused.stderr.contains("chmod 600"), "{}", refused.stderr);
    assert!(fs::read_dir(signed.dir.path()).unwrap().next().is_none(), "nothing was begun");
}

#[test]
fn under_one_key_equal_secrets_have_equal_tags_in_all_runs() {
    let signed = Signed::new();
    let key = signed.secret();
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let appended = |more: &[&str]| {
        let dir = Dir::new();
        fed(&mut dir.command("append", more), line(&secret)).assert_code(0);
        let (stored, tag) =
            (dir.stored(), |text: &str| text.split("[redacted:").nth(1).unwrap()[..12].to_owned());
        assert!(!stored.contains(&secret[4..]));
        tag(&stored)
    };
    let first = appended(&["--tag-key", &key]);
    assert_eq!(first, appended(&["--tag-key", &key]));
    assert_ne!(first, appended(&[]));
    // Also in what is only shown.
    let bare = Dir::with_events(1);
    bare.edit("\"session_id\":\"1\"", &format!("\"session_id\":\"{secret}\""));
    let shown = bare.run("tail", &["--json", "--tag-key", &key]);
    assert!(shown.stdout.contains(&first), "{}", shown.stdout);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = fed(&mut Dir::new().command("append", &["--tag-key", &key]), line(1));
    refused.assert_code(2);
    refused.assert_stderr("has mode 640: chmod 600 it");
}

#[test]
fn what_was_appended_and_signed_is_proven_by_the_public_key() {
    let signed = Signed::with_runs(&[3, 2]);
    let told = signed.verify(&[]);
    told.assert_code(0);
    assert!(told.stdout.starts_with("proven: 5 lines by "), "{}", told.stdout);
    assert!(
        told.stdout.contains("newest head: ") && told.stdout.contains("up to position 5"),
        "{}",
        told.stdout
    );
    let answer = &signed.verify(&["--json", "--max-age", "1h"]).values()[0];
    assert_eq!(
        (&answer["proven"], &answer["covered"], &answer["not_covered"]),
        (&true.into(), &5.into(), &0.into())
    );
    signed.dir.append(&line(6)).assert_code(0);
    let told = signed.verify(&[]);
    told.assert_code(0);
    assert!(told.stdout.contains("behind it 1 line: no head covers them yet"), "{}", told.stdout);
    // By its text too.
    let key = fs::read_to_string(signed.public()).unwrap();
    signed.dir.run("verify", &["--key", key.trim()]).assert_code(0);
    let late = signed.verify(&["--max-age", "0s"]);
    late.assert_code(1);
    assert!(late.stdout.contains("more than was asked for"), "{}", late.stdout);
}

#[test]
fn a_change_is_named_by_position_and_kind() {
    let signed = Signed::with_runs(&[4]);
    signed.dir.edit("\"session_id\":\"3\"", "\"session_id\":\"9\"");
    let told = signed.verify(&[]);
    told.assert_code(1);
    assert!(told.stdout.starts_with("changed: position 3 (segments/"), "{}", told.stdout);
    assert!(told.stdout.contains("the line was changed"), "{}", told.stdout);
    let change = &signed.verify(&["--json"]).values()[0]["changes"][0];
    assert_eq!((&change["kind"], &change["first"]), (&"the line was changed".into(), &3.into()));
}

#[test]
fn a_cut_is_found_by_its_heads_and_without_them_only_by_a_head_kept_elsewhere() {
    let signed = Signed::with_runs(&[3, 1]);
    let kept = signed.heads().pop().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let file = elsewhere.path().join("kept");
    fs::write(&file, &kept).unwrap();
    let json = elsewhere.path().join("kept.jsonl");
    fs::write(&json, signed.dir.run("heads", &["--json"]).stdout).unwrap();
    let name = kept.split(' ').next().unwrap();
    for at_least in [name, file.to_str().unwrap(), json.to_str().unwrap()] {
        signed.verify(&["--at-least", at_least]).assert_code(0);
    }
    signed.cut();
    let told = signed.verify(&[]);
    told.assert_code(1);
    assert!(told.stdout.contains("position 4: lines were removed"), "{}", told.stdout);
    // As far back as the first run.
    let first_run = signed.heads().iter().filter(|head| !head.contains("up to position 4")).count() as u64;
    (first_run + 1..=signed.heads().len() as u64)
        .for_each(|number| fs::remove_file(signed.head(number)).unwrap());
    signed.verify(&[]).assert_code(0);
    for at_least in [name, file.to_str().unwrap(), json.to_str().unwrap()] {
        let told = signed.verify(&["--at-least", at_least]);
        told.assert_code(1);
        assert!(told.stdout.contains("the journal was cut"), "{}", told.stdout);
    }
    for bad in ["5:abc", "/dev/null", elsewhere.path().join("none").to_str().unwrap()] {
        signed.verify(&["--at-least", bad]).assert_code(2);
    }
}

#[test]
fn a_proof_checks_in_an_empty_directory_and_an_altered_one_does_not() {
    let signed = Signed::with_runs(&[7]);
    let proof = signed.dir.run("audit", &[]);
    proof.assert_code(2);
    let proof = ended(agentbus("audit").arg("prove").arg(signed.dir.path()).arg("5"));
    proof.assert_code(0);
    assert_eq!(proof.stdout.lines().count(), 1);
    let elsewhere = TempDir::new().unwrap();
    let key = fs::read_to_string(signed.public()).unwrap();
    drop(signed);
    let file = elsewhere.path().join("proof.json");
    fs::write(&file, &proof.stdout).unwrap();
    let check = |more: &[&str]| {
        let mut command = agentbus("audit");
        command.arg("check-proof").arg(&file).args(["--key", key.trim()]).args(more);
        ended(command.current_dir(elsewhere.path()))
    };
    let told = check(&[]);
    told.assert_code(0);
    assert!(told.stdout.starts_with("proven: position 5 of journal "), "{}", told.stdout);
    assert!(told.stdout.contains("\"session_id\":\"5\"") && !told.stdout.contains("\"session_id\":\"4\""));
    assert_eq!(check(&["--json"]).values()[0]["event"]["session_id"], "5");
    fs::write(&file, proof.stdout.replace(r#"\"session_id\":\"5\""#, r#"\"session_id\":\"6\""#)).unwrap();
    let told = check(&[]);
    told.assert_code(1);
    assert!(
        told.stdout.starts_with("not proven: the line is not the one that was signed"),
        "{}",
        told.stdout
    );
    assert_eq!(check(&["--json"]).values()[0]["proven"], false);
    fs::write(&file, [b'['; 1_000]).unwrap();
    check(&[]).assert_code(1);
    fs::remove_file(&file).unwrap();
    check(&[]).assert_code(2);
}

#[test]
fn a_line_that_holds_what_no_terminal_shows_is_proven_as_it_is_stored() {
    let signed = Signed::new();
    let line = "{\"event_type\":\"lane.entered\",\"details\":{\"x\":\"a\u{7f}b\u{9b}c\"}}\n";
    signed.append(line).assert_code(0);
    let proof = ended(agentbus("audit").arg("prove").arg(signed.dir.path()).arg("1"));
    proof.assert_code(0);
    let file = signed.keys.path().join("proof.json");
    fs::write(&file, &proof.stdout).unwrap();
    let mut check = agentbus("audit");
    let told = ended(check.arg("check-proof").arg(&file).args(["--json", "--key", &signed.public()]));
    told.assert_code(0);
    assert_eq!(told.values()[0]["event"]["details"]["x"], "a\u{7f}b\u{9b}c");
    assert!(!told.stdout.contains(['\u{7f}', '\u{9b}']), "{:?}", told.stdout);
}

#[test]
fn what_is_not_signed_or_signed_by_another_is_not_proven() {
    let signed = Signed::new();
    signed.dir.append(&lines(1..=2)).assert_code(0);
    let told = signed.verify(&[]);
    told.assert_code(1);
    assert!(told.stdout.contains("there is no head: nothing is proven"), "{}", told.stdout);
    let refused = ended(agentbus("audit").arg("prove").arg(signed.dir.path()).arg("1"));
    refused.assert_code(1);
    assert!(refused.stderr.contains("no head covers position 1 yet"), "{}", refused.stderr);
    signed.append(&line(3)).assert_code(0);
    let other = Signed::new();
    let told = signed.dir.run("verify", &["--key", &other.public()]);
    told.assert_code(1);
    assert!(told.stdout.contains("signed with another key"), "{}", told.stdout);
    let refused = fed(&mut signed.dir.command("append", &["--sign-with", &other.secret()]), line(4));
    refused.assert_code(1);
    assert!(refused.stderr.contains("signed with another key"), "{}", refused.stderr);
    signed.dir.run("verify", &["--key", &signed.secret()]).assert_code(2);
    signed.dir.run("verify", &["--at-least", "1:a"]).assert_code(2);
}

#[test]
fn a_forged_head_far_ahead_hides_none_and_is_told_by_its_signature() {
    let signed = Signed::with_runs(&[2, 2]);
    let heads = signed.dir.path().join("heads");
    let whole = fs::read_to_string(heads.join("00000000000000000002.json")).unwrap();
    let forged = whole.replacen("\"number\":2,", "\"number\":18446744073709551615,", 1);
    assert_ne!(forged, whole);
    fs::write(heads.join("18446744073709551615.json"), forged).unwrap();
    let names = fs::read_dir(&heads).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let true_heads = names.filter(|name| name.starts_with("000")).count();
    // Without a key nobody can tell.
    assert_eq!(signed.heads().len(), true_heads + 1);
    let told = signed.dir.run("heads", &["--key", &signed.public()]);
    told.assert_code(1);
    assert_eq!(told.stdout.lines().count(), true_heads);
    assert!(told.stderr.contains("head 18446744073709551615"), "{}", told.stderr);
}

#[test]
fn heads_are_followed_and_signed_while_others_append() {
    let signed = Signed::new();
    signed.dir.append(&lines(1..=2)).assert_code(0);
    let secret = signed.secret();
    let (mut child, stdin, stdout) =
        piped(&mut signed.dir.command("heads", &["--follow", "--sign-with", &secret]));
    drop(stdin);
    let mut told = BufReader::new(stdout).lines();
    let first = told.next().unwrap().unwrap();
    assert!(first.starts_with("1:") && first.ends_with("up to position 2, 2 lines"), "{first}");
    signed.dir.append(&lines(3..=4)).assert_code(0);
    signal_to(&child, Signal::INT);
    let last = told.last().unwrap().unwrap();
    assert!(last.starts_with("2:") && last.ends_with("up to position 4, 2 lines"), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    signed.verify(&["--at-least", last.split(' ').next().unwrap()]).assert_code(0);
}

#[test]
fn a_head_that_is_none_is_told_and_the_others_are_shown() {
    let signed = Signed::with_runs(&[1, 1]);
    let count = signed.heads().len();
    fs::write(signed.head(1), "{}\n").unwrap();
    let told = signed.dir.run("heads", &[]);
    told.assert_code(1);
    assert_eq!(told.stdout.lines().count(), count - 1);
    assert!(told.stderr.contains("heads/00000000000000000001.json"), "{}", told.stderr);
}

#[test]
fn a_run_signs_what_it_records() {
    let signed = Signed::new();
    let journal = signed.dir.path().to_str().unwrap().to_owned();
    let run =
        Task::small(&[mend(), says("done")]).run(&["--journal", &journal, "--sign-with", &signed.secret()]);
    run.assert_code(0);
    let answer = &signed.verify(&["--json"]).values()[0];
    assert_eq!((&answer["proven"], &answer["not_covered"]), (&true.into(), &0.into()));
    assert_eq!(answer["covered"], answer["lines"]);
    Task::small(&[]).run(&["--sign-with", &signed.secret()]).assert_code(2);
}

#[test]
fn a_signer_that_is_interrupted_signs_what_was_recorded() {
    let signed = Signed::new();
    let secret = signed.secret();
    let (mut child, mut stdin, stdout) = piped(&mut signed.dir.command("append", &["--sign-with", &secret]));
    stdin.write_all(lines(1..=3).as_bytes()).unwrap();
    let answers = BufReader::new(stdout).lines().take(3).count();
    assert_eq!(answers, 3);
    signal_to(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(stdin);
    let answer = &signed.verify(&["--json"]).values()[0];
    assert_eq!((&answer["proven"], &answer["covered"]), (&true.into(), &3.into()));
}
