use std::fs;

use super::*;
use crate::event::{DomainEvent, Hash};
use crate::journal::kinds::JournalGap;
use crate::journal::line::LineFault;
use crate::journal::reader::written::{Written, at};

fn verify(written: &Written) -> Verification {
    written.reader().verify().unwrap()
}

/// The first damage: its position, the place of its segment, where in the file, and what is wrong.
fn damage(written: &Written) -> Option<(u64, String, u64, DamageFault)> {
    let found = verify(written).first_damage?;
    Some((found.position.get(), found.file, found.at, found.fault))
}

fn name(written: &Written, place: usize) -> String {
    layout::segment(written.manifest.segments[place].first)
}

fn lines(written: &Written, place: usize) -> Vec<Vec<u8>> {
    let bytes = fs::read(written.file_of(place)).unwrap();
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_owned).collect()
}

fn write_lines(written: &Written, place: usize, lines: &[Vec<u8>]) {
    fs::write(written.file_of(place), lines.concat()).unwrap();
}

/// A journal of short lines, with gaps within segments and between them.
fn with_gaps() -> (Written, Vec<Vec<u64>>) {
    let positions = vec![vec![1, 9], vec![10, 20], vec![50, 200]];
    let mut written = Written::new(&[]);
    for segment in &positions {
        written.next = segment[0];
        written.begin_segment();
        for position in segment {
            written.next = *position;
            written.append_of(br#""a":1"#);
        }
    }
    (written, positions)
}

#[test]
fn what_is_as_it_was_written_is_intact_and_counted() {
    let mut written = Written::new(&[3, 0, 4]);
    let gap = serde_json::to_string(&DomainEvent::new(JournalGap { events: 7 })).unwrap();
    written.append_of(&gap.as_bytes()[1..gap.len() - 1]);
    written.next += 10;
    written.append_of(br#""no":"event""#);
    let found = verify(&written);
    let bytes: usize = (0..3).flat_map(|place| lines(&written, place)).map(|line| line.len()).sum();
    // The empty segment takes position 4.
    let expected = Verification {
        segments: 3,
        bytes: bytes as u64,
        lines: 9,
        unreadable: 1,
        first: Some(at(1)),
        last: Some(at(20)),
        gaps: 2,
        skipped: 11,
        known_losses: 1,
        known_lost_events: 7,
        ..Verification::default()
    };
    assert_eq!(found, expected);
    assert!(found.is_intact());
}

#[test]
fn any_flipped_bit_is_found_and_its_position_named() {
    let (written, positions) = with_gaps();
    assert_eq!(damage(&written), None);
    for (place, positions) in positions.iter().enumerate() {
        let whole = fs::read(written.file_of(place)).unwrap();
        let mut flipped = whole.clone();
        let mut start = 0;
        for (line, position) in lines(&written, place).iter().zip(positions) {
            for bit in start * 8..(start + line.len()) * 8 {
                flipped[bit / 8] ^= 1 << (bit % 8);
                fs::write(written.file_of(place), &flipped).unwrap();
                let (found, file, at, fault) =
                    damage(&written).unwrap_or_else(|| panic!("bit {bit} of {place}"));
                let named = (found, file, at);
                assert_eq!(named, (*position, name(&written, place), start as u64), "bit {bit}: {fault:?}");
                flipped[bit / 8] ^= 1 << (bit % 8);
            }
            start += line.len();
        }
        fs::write(written.file_of(place), &whole).unwrap();
    }
}

#[test]
fn a_changed_position_is_named_as_it_was() {
    for said in ["3", "5", "7", "8", "9007199254740991", "04", "-4", "x", ""] {
        let written = Written::new(&[8]);
        let mut all = lines(&written, 0);
        let text = String::from_utf8(all[3].clone()).unwrap();
        all[3] = text.replace("\"pos\":4,", &format!("\"pos\":{said},")).into_bytes();
        write_lines(&written, 0, &all);
        let begin = all[..3].concat().len() as u64;
        let expected = (4, name(&written, 0), begin, DamageFault::Position);
        assert_eq!(damage(&written), Some(expected), "{said}");
        assert_eq!(verify(&written).damaged, 1);
    }
}

#[test]
fn what_was_removed_is_found_wherever_it_stood() {
    let all = |place: usize, line: usize| 5 * place as u64 + line as u64 + 1;
    for place in 0..3 {
        for line in 0..5 {
            let written = Written::new(&[5, 5, 5]);
            let mut rest = lines(&written, place);
            rest.remove(line);
            write_lines(&written, place, &rest);
            let found = damage(&written);
            let position = all(place, line);
            match (place, line) {
                // The end of a journal has nothing behind it that would tell.
                (2, 4) => assert_eq!(found, None),
                (_, 4) => {
                    let at = rest.concat().len() as u64;
                    let missing = (position, name(&written, place), at, DamageFault::LinesMissing);
                    assert_eq!(found, Some(missing));
                }
                _ => {
                    let at = rest[..line].concat().len() as u64;
                    assert_eq!(found, Some((position + 1, name(&written, place), at, DamageFault::Chain)));
                }
            }
        }
    }
}

#[test]
fn what_was_added_or_reordered_is_found() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let changes: [(&str, Change, u64); 6] = [
        ("swapped", |lines| lines.swap(1, 2), 8),
        ("twice", |lines| lines.insert(2, lines[1].clone()), 8),
        ("moved to the end", |lines| lines.rotate_left(1), 7),
        ("an empty line", |lines| lines.insert(2, b"\n".to_vec()), 8),
        ("a line without chain", |lines| lines.insert(2, b"{\"pos\":8,\n".to_vec()), 8),
        ("something at the end", |lines| lines.push(b"x\n".to_vec()), 11),
    ];
    for (what, change, position) in changes {
        let written = Written::new(&[5, 5, 5]);
        let mut all = lines(&written, 1);
        change(&mut all);
        write_lines(&written, 1, &all);
        let (found, file, ..) = damage(&written).unwrap_or_else(|| panic!("{what}"));
        assert_eq!((found, file), (position, name(&written, 1)), "{what}");
    }
}

#[test]
fn segments_that_were_removed_swapped_or_added_are_found() {
    // In the middle, and the newest.
    for place in [1, 2] {
        let mut written = Written::new(&[5, 5, 5]);
        fs::remove_file(written.file_of(place)).unwrap();
        let first = 5 * place as u64 + 1;
        let missing = (first, name(&written, place), 0, DamageFault::SegmentMissing);
        written.manifest.reserved = 1_000;
        written.write_manifest();
        assert_eq!(damage(&written), Some(missing));
    }
    let written = Written::new(&[5, 5, 5]);
    let [first, second] = [0, 1].map(|place| lines(&written, place));
    write_lines(&written, 0, &second);
    write_lines(&written, 1, &first);
    assert_eq!(damage(&written).unwrap().0, 1);
    let written = Written::new(&[5, 5, 5]);
    fs::copy(written.file_of(0), written.directory.path().join(layout::segment(at(8)))).unwrap();
    let stray = (8, layout::segment(at(8)), 0, DamageFault::SegmentUnlisted);
    assert_eq!(damage(&written).unwrap(), stray);
    let written = Written::new(&[5, 5, 5]);
    fs::copy(written.file_of(2), written.directory.path().join(layout::segment(at(16)))).unwrap();
    assert_eq!(damage(&written).unwrap().0, 16);
}

#[test]
fn segments_removed_by_retention_and_never_begun_are_no_damage() {
    let mut written = Written::new(&[5, 5, 5]);
    fs::remove_file(written.file_of(0)).unwrap();
    // Not yet taken from the list, and taken.
    assert_eq!((damage(&written), verify(&written).lines), (None, 10));
    written.manifest.segments.remove(0);
    written.write_manifest();
    let found = verify(&written);
    assert_eq!((found.first_damage, found.lines, found.first, found.trusted), (None, 10, Some(at(6)), 0));
    let empty = Written::new(&[0]);
    fs::remove_file(empty.file()).unwrap();
    assert_eq!(damage(&empty), None);
}

#[test]
fn a_newest_segment_that_has_not_got_its_name_is_no_damage() {
    let mut written = Written::new(&[5, 5, 5]);
    written.manifest.reserved = 1_000;
    written.write_manifest();
    let prepared = written.directory.path().join(layout::prepared(at(11)));
    fs::rename(written.file(), prepared).unwrap();
    let found = verify(&written);
    assert_eq!((found.first_damage, found.lines, found.segments), (None, 10, 2));
}

#[test]
fn a_segment_that_a_crash_kept_from_being_listed_goes_on_from_the_one_before() {
    for lines in [0, 5] {
        let mut written = Written::new(&[5, 5, lines]);
        written.manifest.segments.pop();
        written.write_manifest();
        let found = verify(&written);
        assert_eq!((found.first_damage, found.lines, found.unlisted), (None, 10 + lines as u64, 1));
    }
}

#[test]
fn a_manifest_that_was_lost_leaves_the_first_line_on_trust() {
    let mut written = Written::new(&[5, 5, 5]);
    fs::remove_file(written.directory.path().join(MANIFEST)).unwrap();
    let found = verify(&written);
    assert_eq!((found.first_damage, found.lines, found.trusted), (None, 15, 1));
    // Made anew, without the chains.
    written.manifest.segments.iter_mut().for_each(|start| start.chain = None);
    written.write_manifest();
    let found = verify(&written);
    assert_eq!((found.first_damage, found.lines, found.trusted), (None, 15, 1));
    let mut all = lines(&written, 1);
    all.pop();
    write_lines(&written, 1, &all);
    assert_eq!(damage(&written).unwrap().0, 11);
}

#[test]
fn a_chain_that_was_changed_in_the_manifest_is_told() {
    let mut written = Written::new(&[5, 5, 5]);
    written.manifest.segments[1].chain = Some(Hash::of("other"));
    written.write_manifest();
    assert_eq!(damage(&written), Some((6, MANIFEST.to_owned(), 0, DamageFault::ListedChain)));
    written.manifest.segments[0].chain = Some(Hash::of("other"));
    written.write_manifest();
    assert_eq!(damage(&written), Some((1, name(&written, 0), 0, DamageFault::Chain)));
}

#[test]
fn leftovers_of_a_write_that_was_taken_back_are_no_damage_unless_they_were_changed() {
    let mut written = Written::new(&[5]);
    let before = (written.next, written.chain);
    let again = [written.line(), written.line(), written.line()].concat();
    (written.next, written.chain) = before;
    written.begin_segment();
    fs::write(written.file(), &again).unwrap();
    let sealed = fs::read(written.file_of(0)).unwrap();
    let newlines = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count() as u64;
    for len in 0..=again.len() {
        let left = &again[..len];
        fs::write(written.file_of(0), [sealed.as_slice(), left].concat()).unwrap();
        let found = verify(&written);
        let is_whole_but_for_newline = again.get(len) == Some(&b'\n');
        assert_eq!(found.is_intact(), !is_whole_but_for_newline, "{len}: {found:?}");
        assert_eq!((found.lines, found.left_over), (8, newlines(left)));
    }
    let mut changed = [sealed.as_slice(), &again].concat();
    changed[sealed.len() + again.len() / 2] ^= 1;
    fs::write(written.file_of(0), changed).unwrap();
    assert!(!verify(&written).is_intact());
}

#[test]
fn a_journal_cut_anywhere_in_its_last_lines_is_intact_but_for_a_line_whole_without_its_newline() {
    let written = Written::new(&[3, 5]);
    let whole = fs::read(written.file()).unwrap();
    let last = lines(&written, 1);
    let from = whole.len() - last[2..].concat().len();
    for len in from..=whole.len() {
        fs::write(written.file(), &whole[..len]).unwrap();
        let found = verify(&written);
        let begun = whole[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let kept = memchr::memchr_iter(b'\n', &whole[..len]).count() as u64;
        assert_eq!(found.lines, 3 + kept, "{len}");
        if whole.get(len) == Some(&b'\n') {
            let damage = found.first_damage.unwrap();
            let named = (damage.position.get(), damage.at, damage.fault);
            assert_eq!(named, (4 + kept, begun as u64, DamageFault::Newline), "{len}");
        } else {
            let bytes = (len - begun) as u64;
            let unfinished = Unfinished { file: name(&written, 1), at: begun as u64, bytes };
            assert_eq!(found.unfinished, (bytes > 0).then_some(unfinished), "{len}");
            assert!(found.is_intact(), "{len}");
        }
        // Whatever follows a whole ending, but for the newline, is damage.
        fs::write(written.file(), [&whole[..len], b"{"].concat()).unwrap();
        assert_eq!(verify(&written).is_intact(), whole.get(len) != Some(&b'\n'), "{len}");
    }
}

#[test]
fn after_a_damaged_line_the_chain_is_taken_up_again() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change, DamageFault); 5] = [
        ("body", |line| line[40] ^= 1, DamageFault::Chain),
        (
            "chain",
            |line| *line.iter_mut().rev().nth(9).unwrap() = b'x',
            DamageFault::Line(LineFault::NoChain),
        ),
        ("half of it", |line| drop(line.drain(60..line.len() - 1)), DamageFault::Line(LineFault::NoChain)),
        ("nothing left", |line| drop(line.drain(..line.len() - 1)), DamageFault::Line(LineFault::NoPosition)),
        (
            "too long",
            |line| drop(line.splice(40..40, std::iter::repeat_n(b'x', 2 << 20))),
            DamageFault::Line(LineFault::TooLong),
        ),
    ];
    for (what, change, fault) in changes {
        for place in 0..3 {
            let written = Written::new(&[5, 5, 5]);
            let mut all = lines(&written, place);
            for line in [1, 4] {
                change(&mut all[line]);
            }
            write_lines(&written, place, &all);
            let found = verify(&written);
            assert_eq!((found.damaged, found.lines), (2, 13), "{what} {place}");
            let damage = found.first_damage.unwrap();
            let (position, at) = (5 * place as u64 + 2, all[0].len() as u64);
            assert_eq!(
                (damage.position.get(), damage.at, damage.fault),
                (position, at, fault),
                "{what} {place}"
            );
        }
    }
}
