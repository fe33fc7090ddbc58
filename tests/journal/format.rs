//! The format of a journal, as `docs/journal-format.md` tells it: a verifier in another language, written from that text
//! alone, agrees with ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use agentbus::journal::{Durability, FileSystem, Journal, JournalReader, Storage};
use agentbus::testing::{Fault, FaultyStorage, Operation, When};
use tempfile::TempDir;

use crate::golden::golden_journal;
use crate::support::{LONG, bytes_of, event, wait};

mod crash_table;
mod disk;

/// A Python that has BLAKE3, or what is missing.
static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verify-py");
    let python = folder.join("bin/python");
    let has_blake3 = || run(Command::new(&python).args(["-c", "import blake3"])).is_ok();
    if !has_blake3() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "blake3==1.0.9"]))?;
    }
    Ok(python)
});

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(output) } else { Err(format!("{command:?} fails: {told}")) }
}

/// What the verifier in Python says: whether all is intact, and the last good position. `None` where it cannot be run.
fn by_the_text(directory: &Path) -> Option<(bool, u64)> {
    let python = match &*PYTHON {
        Ok(python) => python,
        Err(missing) if std::env::var("CI").is_ok_and(|ci| !ci.is_empty()) => panic!("{missing}"),
        Err(missing) => {
            println!("SKIPPED, the verifier in Python was not compared: {missing}");
            return None;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal/verify.py");
    let output = Command::new(python).arg(script).arg(directory).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let mut words = told.split(|c: char| c.is_whitespace() || c == ',');
    let position = words.find_map(|word| word.parse().ok());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "", "{}", directory.display());
    let is_intact = told.starts_with("intact");
    assert_eq!(output.status.code(), Some(i32::from(!is_intact)), "{told}");
    Some((is_intact, position.unwrap()))
}

/// Both verifiers say that it is intact up to that position.
#[track_caller]
fn assert_intact(directory: &Path, last: u64, what: &str) {
    let verified = JournalReader::open(directory).unwrap().verify().unwrap();
    let told = verified.first_damage.map(|damage| damage.to_string());
    assert_eq!((told, verified.last.map_or(0, agentbus::journal::Position::get)), (None, last), "{what}");
    if let Some(by_the_text) = by_the_text(directory) {
        assert_eq!(by_the_text, (true, last), "{what}, by the text");
    }
}

/// Both verifiers say that it is damaged, at that position and behind the good line at the one before.
#[track_caller]
fn assert_damaged(directory: &Path, position: u64, what: &str) {
    assert_damaged_behind(directory, position - 1, position, what);
}

/// Both verifiers say that it is damaged behind the good line at `last`; the first bad one that is there is `position`.
#[track_caller]
fn assert_damaged_behind(directory: &Path, last: u64, position: u64, what: &str) {
    let verified = JournalReader::open(directory).unwrap().verify().unwrap();
    assert_eq!(verified.first_damage.map(|damage| damage.position.get()), Some(position), "{what}");
    if let Some(by_the_text) = by_the_text(directory) {
        assert_eq!(by_the_text, (false, last), "{what}, by the text");
    }
}

/// A journal of so many lines, three to a segment.
fn journal_of(lines: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(Arc::new(FileSystem::new(directory.path())), 1, lines);
    directory
}

fn write(storage: Arc<dyn Storage>, from: usize, to: usize) {
    wait(async {
        let builder = Journal::builder_on(storage).durability(Durability::Sync).segment_bytes(700);
        let journal = builder.open().unwrap();
        for number in from..=to {
            if journal.append(event(number)).await.is_err() {
                journal.healthy().await.unwrap();
            }
        }
        journal.close(LONG).await.unwrap();
    });
}

/// The files of a storage in memory, on disk.
fn on_disk(storage: &FaultyStorage) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("segments")).unwrap();
    let segments = storage.list("segments").unwrap().into_iter().map(|name| format!("segments/{name}"));
    for name in segments.chain(["journal.json".to_owned()]) {
        fs::write(directory.path().join(&name), bytes_of(storage, &name)).unwrap();
    }
    directory
}

fn segment(directory: &TempDir, first: u64) -> PathBuf {
    directory.path().join(format!("segments/{first:020}.jsonl"))
}

/// Changes a file.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_verifier_written_from_the_text_has_at_most_40_lines() {
    assert!(include_str!("verify.py").lines().count() <= 40);
}

#[test]
fn an_intact_journal_verifies_by_the_text() {
    assert_intact(golden_journal().path(), 1_048_582, "the golden journal");
    assert_intact(journal_of(0).path(), 0, "nothing written");
    assert_intact(journal_of(1).path(), 1, "one line");
    assert_intact(journal_of(8).path(), 8, "three segments");
    let collected = journal_of(8);
    fs::remove_file(segment(&collected, 1)).unwrap();
    assert_intact(collected.path(), 8, "the oldest segment was removed");
}

#[test]
fn a_flipped_bit_is_found_by_the_text() {
    for from_start in [0, 3, 7, 8, 9, 40, 100] {
        flip(from_start, 1);
    }
    for from_end in [1, 2, 3, 4, 40, 68, 70, 77, 78, 90] {
        flip(-from_end, 4);
    }
}

/// Flips a bit at that place of the line at 5, counted from its end if it is negative.
fn flip(place: i64, bit: u8) {
    let directory = journal_of(8);
    edit(&segment(&directory, 4), |bytes| {
        let ends: Vec<_> = newlines(bytes);
        let base = if place < 0 { ends[1] + 1 } else { ends[0] + 1 };
        let at = usize::try_from(i64::try_from(base).unwrap() + place).unwrap();
        bytes[at] ^= bit;
    });
    assert_damaged(directory.path(), 5, &format!("bit {bit} at {place}"));
}

/// Where the newlines stand.
fn newlines(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect()
}

#[test]
fn what_is_cut_from_the_end_is_told_apart_from_damage_by_the_text() {
    for cut in [1, 2, 40, 77, 78, 200] {
        let directory = journal_of(5);
        edit(&segment(&directory, 4), |bytes| bytes.truncate(bytes.len() - cut));
        if cut == 1 {
            assert_damaged(directory.path(), 5, "all but the newline");
        } else {
            assert_intact(directory.path(), 4, &format!("an unfinished write, {cut} bytes short"));
        }
    }
    let sealed = journal_of(5);
    edit(&segment(&sealed, 1), |bytes| bytes.truncate(newlines(bytes)[1] + 1));
    assert_damaged(sealed.path(), 3, "a line is cut from a sealed segment");
    let newest = journal_of(5);
    fs::remove_file(segment(&newest, 4)).unwrap();
    assert_damaged(newest.path(), 4, "the newest segment is missing");
    let middle = journal_of(8);
    fs::remove_file(segment(&middle, 4)).unwrap();
    assert_damaged(middle.path(), 4, "a segment in the middle is missing");
}

#[test]
fn removed_doubled_and_reordered_lines_are_found_by_the_text() {
    for (order, position, what) in [
        ([0, 0, 1, 2].as_slice(), 2, "doubled"),
        (&[0, 2, 1], 3, "reordered"),
        (&[0, 2], 3, "removed"),
        (&[1, 2], 2, "removed at the beginning"),
    ] {
        let directory = journal_of(5);
        edit(&segment(&directory, 1), |bytes| {
            let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            *bytes = order.iter().map(|number| lines[*number]).collect::<Vec<_>>().concat();
        });
        let last = u64::from(order[0] == 0);
        assert_damaged_behind(directory.path(), last, position, what);
    }
    let of_another = journal_of(5);
    edit(&of_another.path().join("journal.json"), |bytes| {
        let id = bytes.windows(6).position(|window| window == b"\"id\":\"").unwrap();
        bytes[id + 20] = if bytes[id + 20] == b'A' { b'B' } else { b'A' };
    });
    assert_damaged(of_another.path(), 1, "the id is of another journal");
}

#[test]
fn gaps_and_leftovers_are_no_damage_by_the_text() {
    let storage = FaultyStorage::new();
    let left = wait(async {
        let builder = Journal::builder_on(Arc::new(storage.clone())).durability(Durability::Sync);
        let journal = builder.open().unwrap();
        journal.append(event(1)).await.unwrap();
        storage.crash_machine(1)
    });
    write(Arc::new(left.clone()), 2, 3);
    assert_intact(on_disk(&left).path(), 1_048_579, "a gap behind what was reserved");

    let storage = FaultyStorage::new();
    write(Arc::new(storage.clone()), 1, 1);
    storage.inject(When::Next(Operation::Sync, "segments/"), Fault::Fail(std::io::ErrorKind::Other));
    storage.inject(When::Next(Operation::Cut, "segments/"), Fault::Fail(std::io::ErrorKind::Other));
    write(Arc::new(storage.clone()), 2, 3);
    assert_intact(on_disk(&storage).path(), 3, "lines left over in the segment before");
}
