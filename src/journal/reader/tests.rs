use std::fs;
use std::sync::Arc;

use proptest::prelude::*;

use super::reading::Reading;
use super::scan::Scan;
use super::sieve::Sieve;
use super::written::{Written, at};
use super::*;
use crate::journal::line::LineFault;

fn entries(reading: Reading) -> Vec<Entry> {
    reading.map(Result::unwrap).collect()
}

fn positions(entries: &[Entry]) -> Vec<u64> {
    let events = entries.iter().cloned().filter_map(Entry::into_event);
    events.map(|recorded| recorded.position.get()).collect()
}

fn read(reader: &JournalReader, from: ReadFrom) -> Vec<Entry> {
    entries(reader.read(from, Filter::all()).unwrap())
}

#[test]
fn a_directory_without_a_journal_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = JournalReader::open(directory.path()).unwrap_err();
    assert!(matches!(error, ReadError::NotAJournal { .. }), "{error}");
}

#[test]
fn segments_without_lines_are_passed() {
    // The third takes position 8, the last 11.
    let written = Written::new(&[3, 4, 0, 2, 0]);
    let all = [1, 2, 3, 4, 5, 6, 7, 9, 10];
    let reader = written.reader();
    assert_eq!(reader.last().unwrap(), Some(at(10)));
    assert_eq!(positions(&read(&reader, ReadFrom::Start)), all);
    for after in 1..12 {
        let read = read(&reader, ReadFrom::After(at(after)));
        let behind: Vec<_> = all.into_iter().filter(|position| *position > after).collect();
        assert_eq!((positions(&read), read.len()), (behind.clone(), behind.len()), "{after}");
    }
    assert!(read(&reader, ReadFrom::End).is_empty());
}

#[test]
fn leftovers_of_a_write_that_was_taken_back_are_passed() {
    let mut written = Written::new(&[5]);
    let sealed = written.file();
    let (next, chain) = (written.next, written.chain);
    let again = [written.line(), written.line(), written.line()].concat();
    (written.next, written.chain) = (next, chain);
    written.begin_segment();
    fs::write(written.file(), &again).unwrap();
    let whole = [fs::read(&sealed).unwrap(), again.clone()].concat();
    // However much of them was cut, whole or torn.
    for cut in 0..again.len() {
        fs::write(&sealed, &whole[..whole.len() - cut]).unwrap();
        let read = read(&written.reader(), ReadFrom::Start);
        assert_eq!((positions(&read), read.len()), ((1..=8).collect(), 8), "{cut}");
    }
}

#[test]
fn a_sealed_segment_that_lost_its_end_is_told() {
    let written = Written::new(&[5, 5]);
    let whole = fs::read(written.file_of(0)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(written.file_of(0), &whole[..whole.len() - 1]).unwrap();
    let read = read(&written.reader(), ReadFrom::Start);
    assert_eq!(positions(&read), [1, 2, 3, 4, 6, 7, 8, 9, 10]);
    let told: Vec<_> = read.iter().filter(|entry| !matches!(entry, Entry::Event(_))).collect();
    let [Entry::Unreadable(torn)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((torn.at, torn.after), (last as u64, Some(at(4))));
}

#[test]
fn lines_missing_between_segments_are_told_as_removed() {
    let written = Written::new(&[5, 5, 5, 5]);
    fs::remove_file(written.file_of(1)).unwrap();
    fs::remove_file(written.file_of(2)).unwrap();
    let reader = written.reader();
    for from in [ReadFrom::Start, ReadFrom::After(at(3)), ReadFrom::After(at(8))] {
        let read = read(&reader, from);
        let removed: Vec<_> = read.iter().filter(|entry| !matches!(entry, Entry::Event(_))).collect();
        assert_eq!(removed, [&Entry::Removed { through: at(15) }], "{from:?}");
    }
    assert_eq!(read(&reader, ReadFrom::After(at(15))).len(), 5);
}

#[test]
fn positions_that_were_skipped_are_no_loss() {
    let mut written = Written::new(&[3]);
    written.next = 1_000;
    written.append(3);
    written.next = 5_000;
    written.begin_segment();
    written.next = 6_000;
    written.append(2);
    let read = read(&written.reader(), ReadFrom::Start);
    assert_eq!((positions(&read), read.len()), (vec![1, 2, 3, 1_000, 1_001, 1_002, 6_000, 6_001], 8));
}

#[test]
fn a_last_line_with_a_position_that_its_chain_denies_is_told() {
    let mut written = Written::new(&[3]);
    let text = String::from_utf8(written.line()).unwrap().replace("\"pos\":4,", "\"pos\":9007199254740991,");
    let bytes = [fs::read(written.file()).unwrap(), text.into_bytes()].concat();
    fs::write(written.file(), &bytes).unwrap();
    let reader = written.reader();
    assert_eq!(reader.last().unwrap(), Some(at(3)));
    let read = read(&reader, ReadFrom::After(at(3)));
    assert!(
        matches!(read.as_slice(), [Entry::Unreadable(told)] if told.fault == LineFault::Unproven),
        "{read:?}"
    );
    // What is written behind it is read.
    written.append(2);
    assert_eq!(positions(&entries(reader.read(ReadFrom::Start, Filter::all()).unwrap())), [1, 2, 3, 5, 6]);
}

#[test]
fn two_readers_of_a_line_that_grows_see_it_when_it_is_whole() {
    let mut written = Written::new(&[2]);
    let mut reading = Reading::new(written.reader().storage, ReadFrom::Start, Filter::all()).unwrap();
    let mut whole = fs::read(written.file()).unwrap();
    assert_eq!(reading.by_ref().count(), 2);
    for byte in written.line() {
        whole.push(byte);
        fs::write(written.file(), &whole).unwrap();
        let read = read(&written.reader(), ReadFrom::After(at(2)));
        assert_eq!(read.len(), usize::from(byte == b'\n'));
    }
}

/// Something that happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip {
        at: prop::sample::Index,
        bit: u8,
    },
    Overwrite {
        at: prop::sample::Index,
        with: Vec<u8>,
    },
    Delete {
        at: prop::sample::Index,
        len: usize,
    },
    Insert {
        at: prop::sample::Index,
        bytes: Vec<u8>,
    },
    Truncate {
        at: prop::sample::Index,
    },
    /// Another number in a line's position.
    Renumber {
        line: prop::sample::Index,
        position: u64,
    },
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    let bytes = |most| prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 1..most);
    prop_oneof![
        4 => (index(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        2 => (index(), bytes(5_000)).prop_map(|(at, with)| Damage::Overwrite { at, with }),
        2 => (index(), 1..5_000_usize).prop_map(|(at, len)| Damage::Delete { at, len }),
        2 => (index(), bytes(300)).prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
        1 => index().prop_map(|at| Damage::Truncate { at }),
        4 => (index(), 1..1_500_u64).prop_map(|(line, position)| Damage::Renumber { line, position }),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Flip { at, bit } => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Overwrite { at, with } => {
            let from = at.index(bytes.len());
            let to = (from + with.len()).min(bytes.len());
            bytes[from..to].copy_from_slice(&with[..to - from]);
        }
        Damage::Delete { at, len } => {
            let from = at.index(bytes.len());
            bytes.drain(from..(from + len).min(bytes.len()));
        }
        Damage::Insert { at, bytes: more } => {
            let from = at.index(bytes.len());
            bytes.splice(from..from, more.iter().copied());
        }
        Damage::Truncate { at } => bytes.truncate(at.index(bytes.len())),
        Damage::Renumber { line, position } => {
            let starts: Vec<_> = memchr::memmem::find_iter(bytes, b"\n{\"pos\":").map(|at| at + 8).collect();
            if starts.is_empty() {
                return;
            }
            let from = starts[line.index(starts.len())];
            let digits = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            bytes.splice(from..from + digits, position.to_string().into_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn seeking_finds_what_reading_everything_finds_whatever_is_damaged(
        damages in prop::collection::vec((0..3_usize, damage()), 0..12),
        asked in prop::collection::vec(1..700_u64, 4),
    ) {
        let written = Written::new(&[200, 250, 200]);
        for (place, damage) in &damages {
            let path = written.file_of(*place);
            let mut bytes = fs::read(&path).unwrap();
            apply(damage, &mut bytes);
            fs::write(path, bytes).unwrap();
        }
        let reader = written.reader();
        let all = read(&reader, ReadFrom::Start);
        for after in asked {
            let sought = read(&reader, ReadFrom::After(at(after)));
            let behind: Vec<_> = positions(&all).into_iter().filter(|position| *position > after).collect();
            prop_assert_eq!(positions(&sought), behind, "after {}", after);
            // All that is told is told by reading from the start too; but an anchor that holds nothing may be named as
            // the one before it, since it is believed by its ending.
            let told = |entry: &Entry| match entry {
                Entry::Unreadable(told) => Some((told.file.clone(), told.at, told.fault)),
                _ => None,
            };
            let linear = Scan::from_start(Arc::clone(&reader.storage), Some(at(after)));
            let linear = entries(Reading::of(linear, Sieve::new(Filter::all())));
            let linear: Vec<_> = linear.iter().filter_map(told).collect();
            for entry in sought.iter().filter_map(told) {
                prop_assert!(linear.contains(&entry), "{:?}", entry);
            }
        }
        let last = reader.tail(usize::MAX, Filter::all()).unwrap().entries;
        prop_assert_eq!(positions(&last), positions(&all));
        for n in [1, 300] {
            let last = positions(&reader.tail(n, Filter::all()).unwrap().entries);
            let all = positions(&all);
            prop_assert_eq!(&last[..], &all[all.len().saturating_sub(n)..]);
        }
        prop_assert_eq!(reader.last().unwrap().map(Position::get), positions(&all).last().copied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Read one after the other, the lines behind such a block look as if they went back.
    #[test]
    fn seeking_finds_at_least_what_reading_everything_finds_where_lines_stand_a_second_time(
        blocks in prop::collection::vec((0..200_usize, 1..200_usize, 0..200_usize), 1..4),
        asked in prop::collection::vec(1..500_u64, 8),
    ) {
        let written = Written::new(&[200, 250]);
        let path = written.file_of(0);
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let mut damaged = lines.clone();
        for (from, len, to) in blocks {
            let block = &lines[from..(from + len).min(lines.len())];
            damaged.splice(to..to, block.iter().copied());
        }
        fs::write(path, damaged.concat()).unwrap();
        let reader = written.reader();
        let all = read(&reader, ReadFrom::Start);
        for after in asked {
            let sought = positions(&read(&reader, ReadFrom::After(at(after))));
            prop_assert!(sought.is_sorted_by(|one, next| one < next), "{:?}", sought);
            let behind = positions(&all).into_iter().filter(|position| *position > after);
            for position in behind {
                prop_assert!(sought.contains(&position), "{} after {}", position, after);
            }
        }
    }
}

#[test]
fn the_line_of_an_event_can_be_had_as_it_stands_in_the_file() {
    let written = Written::new(&[2, 1]);
    let mut reading = written.reader().read(ReadFrom::Start, Filter::all()).unwrap();
    let mut bytes = reading.line().to_vec();
    while reading.next().is_some() {
        bytes.extend_from_slice(reading.line());
    }
    assert!(reading.line().is_empty());
    let segment = |first| fs::read(written.directory.path().join(crate::journal::layout::segment(at(first))));
    assert_eq!(bytes, [segment(1).unwrap(), segment(3).unwrap()].concat());
}
