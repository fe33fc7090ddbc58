//! A verifier in another language, written from the text of the formats alone, agrees with ours.

use std::path::Path;
use std::process::Command;

use agentbus::audit::proof::{Expected, Inclusion};
use agentbus::journal::JournalReader;

use super::still::Still;
use super::support::{Audited, at, key, rehash, verified};

/// What the verifier in Python says, and whether all is proven. `None` where there is no Python.
fn by_the_text(args: &[&str]) -> Option<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/verify.py");
    let Ok(output) = Command::new("python3").arg(script).args(args).output() else {
        assert!(std::env::var_os("CI").is_none(), "this test needs python3");
        return None;
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    Some((output.status.success(), String::from_utf8(output.stdout).unwrap()))
}

/// Both verifiers say the same of these files.
#[track_caller]
fn assert_agreed(files: &Still, is_proven: bool, what: &str) {
    let ours = verified(files, &Expected::new()).is_ok_and(|found| found.is_proven());
    assert_eq!(ours, is_proven, "{what}");
    let directory = tempfile::tempdir().unwrap();
    files.write_to(directory.path());
    let args = [directory.path().to_str().unwrap(), &key().public().to_string()];
    if let Some((theirs, told)) = by_the_text(&args) {
        assert_eq!(theirs, is_proven, "{what}, by the text: {told}");
    }
}

#[tokio::test]
async fn good_and_damaged_journals_are_told_apart_by_the_text() {
    let files = Audited::new().await.files;
    assert_agreed(&files, true, "as it was written");
    let changes: [(&str, Still); 4] = [
        ("without its newest head", files.without("heads/00000000000000000003.json")),
        ("without a head", files.without("heads/00000000000000000002.json")),
        ("without a segment", files.without(&files.names("segments")[1])),
        ("hashed anew", rehash(&files)),
    ];
    for (what, changed) in changes {
        let is_proven = what == "without its newest head" || what == "hashed anew";
        assert_agreed(&changed, is_proven, what);
    }
    let folders = ["segments", "heads"].map(|folder| files.names(folder));
    let names = folders.iter().flatten().map(String::as_str).chain(["journal.json"]);
    for (name, seed) in names.zip(1_usize..) {
        let whole = &files.files[name];
        // A place that differs from file to file.
        let place = seed * 7_919 % whole.len();
        let mut bytes = whole.to_vec();
        bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
        let is_proven =
            verified(&files.with(name, bytes.clone()), &Expected::new()).is_ok_and(|found| found.is_proven());
        assert!(!is_proven || name == "journal.json", "{name}, byte {place}");
        assert_agreed(&files.with(name, bytes), is_proven, &format!("{name}, byte {place}"));
        let cut = files.with(name, whole[..whole.len() / 2].to_vec());
        assert_agreed(&cut, false, &format!("half of {name}"));
    }
    let empty = Audited::empty().await;
    assert_agreed(&empty, true, "without lines");
    let without = empty.without("segments/00000000000000000001.jsonl");
    assert_agreed(&without, false, "without lines and segment");
    // Its name may still have been to come.
    let unnamed = without.with("segments/00000000000000000001.jsonl.tmp", Vec::new());
    assert_agreed(&unnamed, true, "with a segment that has no name yet");
    let name = &files.names("segments")[1];
    let mut lines = files.lines(name);
    lines.swap(0, 1);
    assert_agreed(&files.with(name, lines.concat()), false, "swapped");
    assert_agreed(&rehash(&files.with(name, lines.concat())), false, "swapped and hashed anew");
    lines.remove(0);
    assert_agreed(&rehash(&files.with(name, lines.concat())), false, "removed and hashed anew");
}

#[tokio::test]
async fn proofs_and_heads_kept_elsewhere_are_checked_by_the_text() {
    let Audited { directory, newest, .. } = Audited::new().await;
    let journal = JournalReader::open(directory.path()).unwrap();
    let (public, folder) = (key().public().to_string(), directory.path().to_str().unwrap());
    let Some(told) = by_the_text(&[folder, &public, &newest.name().to_string()]) else { return };
    assert_eq!(told, (true, "proven up to 5 by head 3, 0 behind it\n".to_owned()));
    let other = format!("4:{}", newest.hash());
    assert!(!by_the_text(&[folder, &public, &other]).unwrap().0);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("proof.json");
    for position in 1..=5 {
        let proof = Inclusion::of(&journal, at(position)).unwrap().to_string();
        std::fs::write(&file, &proof).unwrap();
        let (is_proven, told) = by_the_text(&["--proof", file.to_str().unwrap(), &public]).unwrap();
        assert!(is_proven && told.starts_with(&format!("proven: position {position} by head ")), "{told}");
        std::fs::write(&file, proof.replace("false", "true")).unwrap();
        assert!(!by_the_text(&["--proof", file.to_str().unwrap(), &public]).unwrap().0);
    }
}

#[tokio::test]
async fn of_altered_proofs_both_say_the_same() {
    let directory = Audited::new().await.directory;
    let journal = JournalReader::open(directory.path()).unwrap();
    let proof = Inclusion::of(&journal, at(2)).unwrap().to_string();
    let (key, elsewhere) = (key().public(), tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("proof.json");
    let number = |name: &str| {
        let digits = proof.split(&format!("\"{name}\":")).nth(1).unwrap();
        digits.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let of = |name: &str, value: &str| {
        proof.replacen(&format!("\"{name}\":{}", number(name)), &format!("\"{name}\":{value}"), 1)
    };
    let altered = [
        of("format", "true"),
        of("format", "2"),
        of("place", "true"),
        of("place", "1.0"),
        of("place", "-1"),
        of("place", "99999999999999999999"),
        proof.replacen("\\n\"", "\"", 1),
        proof.trim_end().trim_end_matches('}').replacen("\"}", "\\n\"}", 1),
        proof.replacen("\"head\":\"", "\"head\":\"\\n", 1),
        proof.replacen("\"line\":\"", "\"line\":\"\\n", 1),
        format!("\u{feff}{proof}"),
        "[]".to_owned(),
        "{}".to_owned(),
        String::new(),
        format!("{proof} "),
    ];
    for altered in altered {
        let ours = Inclusion::parse(altered.as_bytes()).is_ok_and(|read| read.check(&key).is_ok());
        std::fs::write(&file, &altered).unwrap();
        let args = ["--proof", file.to_str().unwrap(), &key.to_string()];
        let Some((theirs, told)) = by_the_text(&args) else { return };
        assert_eq!(ours, theirs, "{told}: {altered}");
    }
}
