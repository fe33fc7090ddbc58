//! `verify` and `stats`: what is intact, what is damaged and where, how much there is.

use std::fs;
use std::path::Path;

use agentbus::journal::JournalReader;

use crate::journal_harness::{Dir, agentbus};

/// Changes the bytes of a file.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Asserts that a journal is told to be damaged, first at that position, to people and machines.
#[track_caller]
fn assert_damaged_at(dir: &Dir, position: u64) {
    let told = dir.run("verify", &[]);
    told.assert_code(1);
    assert!(
        told.stdout.starts_with(&format!("damaged at position {position} (segments/")),
        "{}",
        told.stdout
    );
    let told = dir.run("verify", &["--json"]);
    told.assert_code(1);
    let answer = &told.values()[0];
    assert_eq!((&answer["intact"], &answer["first_damage"]["position"]), (&false.into(), &position.into()));
}

#[test]
fn a_journal_as_it_was_written_is_intact() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6], 500);
    let told = dir.run("verify", &[]);
    told.assert_code(0);
    assert!(told.stdout.starts_with("intact: 6 lines from 1 to 6 in "), "{}", told.stdout);
    let told = dir.run("verify", &["--json"]);
    told.assert_code(0);
    let answer = &told.values()[0];
    assert_eq!(
        (&answer["intact"], &answer["lines"], &answer["damaged"]),
        (&true.into(), &6.into(), &0.into())
    );
}

#[test]
fn an_unfinished_write_is_reported_and_is_no_damage() {
    let dir = Dir::with_events(3);
    change(&dir.segments()[0], |bytes| bytes.extend_from_slice(b"{\"pos\":4,\"id\":\"01"));
    let told = dir.run("verify", &[]);
    told.assert_code(0);
    assert!(told.stdout.contains("an unfinished write of 17 bytes"), "{}", told.stdout);
    let answer = &dir.run("verify", &["--json"]).values()[0];
    assert_eq!((&answer["intact"], &answer["unfinished"]["bytes"]), (&true.into(), &17.into()));
}

#[test]
fn what_is_changed_removed_or_reordered_is_told_with_its_position() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let changes: [(u64, Change); 4] = [
        (4, |lines| {
            lines[3] = String::from_utf8(lines[3].clone()).unwrap().replace("false", "true ").into_bytes();
        }),
        // Positions may be left out, so it is the line of 5 that does not follow.
        (5, |lines| drop(lines.remove(3))),
        // The line of 5 stands in the place of 4.
        (5, |lines| lines.swap(3, 4)),
        (5, |lines| lines.insert(4, lines[3].clone())),
    ];
    for (position, change_lines) in changes {
        let dir = Dir::with_events(8);
        change(&dir.segments()[0], |bytes| {
            let mut lines: Vec<_> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            change_lines(&mut lines);
            *bytes = lines.concat();
        });
        assert_damaged_at(&dir, position);
    }
}

#[test]
fn a_manifest_that_is_damaged_is_damage() {
    let dir = Dir::with_events(2);
    fs::write(dir.path().join("journal.json"), "{\"format\":1,").unwrap();
    let told = dir.run("verify", &[]);
    told.assert_code(1);
    assert!(told.stdout.starts_with("damaged: ") && told.stdout.contains("journal.json"), "{}", told.stdout);
    assert_eq!(dir.run("verify", &["--json"]).values()[0]["intact"], false);
}

/// The position of the line that a byte of a segment belongs to.
fn position_of(text: &[u8], at: usize) -> u64 {
    text[..=at].split_inclusive(|byte| *byte == b'\n').count() as u64
}

#[test]
fn any_bit_that_is_flipped_is_told_with_its_position() {
    let dir = Dir::with_events(4);
    let segment = &dir.segments()[0];
    let whole = fs::read(segment).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(segment, &flipped).unwrap();
        let found = JournalReader::open(dir.path()).unwrap().verify().unwrap();
        let told = found.first_damage.map(|damage| damage.position.get());
        let position = position_of(&whole, bit / 8);
        assert_eq!(told, Some(position), "bit {bit}");
    }
}

#[test]
fn flipped_bits_are_told_by_the_program() {
    let dir = Dir::with_seconds(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 1_000);
    let segments = dir.segments();
    // A stride that is prime to the length reaches every part of the segments.
    for sample in 0..24_usize {
        let segment = &segments[sample % segments.len()];
        let whole = fs::read(segment).unwrap();
        let bit = sample * 7_919 % (whole.len() * 8);
        change(segment, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let first: u64 = segment.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_damaged_at(&dir, first - 1 + position_of(&whole, bit / 8));
        fs::write(segment, whole).unwrap();
    }
    dir.run("verify", &[]).assert_code(0);
}

#[test]
fn what_is_there_is_counted() {
    let dir = Dir::with_seconds(&[3, 1, 2], 10 << 20);
    dir.append("{\"event_type\":\"lane.entered\",\"details\":{}}").assert_code(0);
    dir.run("poll", &["indexer"]).assert_code(0);
    let told = dir.run("stats", &["--json"]);
    told.assert_code(0);
    let answer = &told.values()[0];
    assert_eq!(answer["kinds"], serde_json::json!({"lane.entered": 1, "session.created": 3}));
    assert_eq!((&answer["events"], &answer["first"], &answer["last"]), (&4.into(), &1.into(), &4.into()));
    assert_eq!(answer["earliest"], "1970-01-01T00:00:01Z");
    assert_eq!(answer["consumers"][0]["lag"], 4);
    let told = dir.run("stats", &[]);
    told.assert_code(0);
    for words in ["4 events from 1 to 4", "3  session.created", "1  lane.entered", "indexer "] {
        assert!(told.stdout.contains(words), "no {words:?} in {}", told.stdout);
    }
    dir.edit("\"session_id\":\"2\"", "\"session_id\":2x");
    let told = dir.run("stats", &[]);
    told.assert_code(1);
    assert!(told.stdout.contains("1 line cannot be read"), "{}", told.stdout);
}

#[test]
fn one_line_that_tells_of_a_loss_is_told_as_one() {
    let journal = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/journal-v1");
    let told = crate::harness::ended(agentbus("verify").arg(journal));
    assert!(told.stdout.contains("1 line about the loss of 3 events\n"), "{}", told.stdout);
}
