//! Reading: from any place, by filters, past whatever stands in the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentbus::event::{Hash, SessionCreated};
use agentbus::journal::{
    Entry, Journal, JournalReader, LineFault, MAX_LINE_BYTES, Position, ReadError, ReadFrom, Unreadable,
};
use agentbus::{DomainEvent, Filter};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

mod hostile;

/// What no error and no entry may show.
const SECRET: &str = "do-not-tell";

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

fn event(number: u64) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

/// A journal of so many events, closed, in segments of at most so many bytes and a line.
async fn written(events: u64, segment_bytes: u64) -> (TempDir, JournalReader) {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(segment_bytes).open().unwrap();
    for number in 1..=events {
        journal.append(event(number)).await.unwrap();
    }
    journal.close(Duration::from_secs(5)).await.unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    (directory, reader)
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("segments")).unwrap();
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a reader gave: the positions of events, and what it could not read.
#[derive(Debug, Default, PartialEq)]
struct Got {
    positions: Vec<u64>,
    unreadable: Vec<Unreadable>,
    removed: Vec<u64>,
}

impl FromIterator<Entry> for Got {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut got = Self::default();
        for entry in entries {
            match entry {
                Entry::Event(recorded) => {
                    assert_eq!(
                        recorded.event.session_id().unwrap(),
                        &format!("s-{}", recorded.position).as_str()
                    );
                    got.positions.push(recorded.position.get());
                }
                Entry::Unreadable(unreadable) => got.unreadable.push(unreadable),
                Entry::Removed { through } => got.removed.push(through.get()),
                other => panic!("{other:?}"),
            }
        }
        got
    }
}

fn read(reader: &JournalReader, from: ReadFrom) -> Got {
    reader.read(from, Filter::all()).unwrap().map(Result::unwrap).collect()
}

fn events(positions: impl IntoIterator<Item = u64>) -> Got {
    Got { positions: positions.into_iter().collect(), ..Got::default() }
}

#[tokio::test]
async fn a_journal_is_read_from_any_place_and_from_its_end_backward() {
    let (directory, reader) = written(50, 2_000).await;
    assert!(segments(directory.path()).len() > 3);
    assert_eq!(reader.last().unwrap(), Some(at(50)));
    assert_eq!(read(&reader, ReadFrom::Start), events(1..=50));
    assert_eq!(read(&reader, ReadFrom::End), Got::default());
    for after in 1..60 {
        assert_eq!(read(&reader, ReadFrom::After(at(after))), events(after + 1..=50), "{after}");
    }
    for n in 0..60 {
        let last: Got = reader.tail(n, Filter::all()).unwrap().entries.into_iter().collect();
        assert_eq!(last, events(51_u64.saturating_sub(n as u64).max(1)..=50), "{n}");
    }
}

#[tokio::test]
async fn a_filter_lets_through_what_it_asks_for_and_no_more() {
    let (_directory, reader) = written(30, 2_000).await;
    let filter: Filter = "session=s-3,s-20,s-29".parse().unwrap();
    let read: Got =
        reader.read(ReadFrom::After(at(3)), filter.clone()).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, events([20, 29]));
    let last: Got = reader.tail(2, filter).unwrap().entries.into_iter().collect();
    assert_eq!(last, events([20, 29]));
    assert!(reader.tail(5, "tool.*".parse().unwrap()).unwrap().entries.is_empty());
}

#[tokio::test]
async fn what_an_event_caused_is_found_though_reading_begins_later() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(1_000).open().unwrap();
    let root = event(1);
    let mut cause = root.id();
    for number in 1..=20 {
        let event = match number {
            1 => root.clone(),
            // Every third goes on from the third before.
            _ if number % 3 == 1 => event(number).with_causation_id(cause),
            _ => event(number),
        };
        if number % 3 == 1 {
            cause = event.id();
        }
        journal.append(event).await.unwrap();
    }
    let filter: Filter = format!("under={}", root.id()).parse().unwrap();
    let reader = journal.reader();
    let read = |from| -> Got { reader.read(from, filter.clone()).unwrap().map(Result::unwrap).collect() };
    assert_eq!(read(ReadFrom::Start), events([4, 7, 10, 13, 16, 19]));
    assert_eq!(read(ReadFrom::After(at(12))), events([13, 16, 19]));
    assert_eq!(read(ReadFrom::End), Got::default());
    let last: Got = reader.tail(2, filter.clone()).unwrap().entries.into_iter().collect();
    assert_eq!(last, events([16, 19]));
}

#[tokio::test]
async fn what_was_removed_is_told_first() {
    let (directory, reader) = written(30, 2_000).await;
    let segments = segments(directory.path());
    let first: u64 = segments[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::remove_file(&segments[0]).unwrap();
    let removed = Got { removed: vec![first - 1], ..events(first..=30) };
    assert_eq!(read(&reader, ReadFrom::After(at(2))), removed);
    assert_eq!(read(&reader, ReadFrom::After(at(first - 1))), events(first..=30));
    assert_eq!(read(&reader, ReadFrom::Start), events(first..=30));
}

#[tokio::test]
async fn a_tail_tells_of_a_segment_that_was_lost() {
    let (directory, reader) = written(5, 1).await;
    fs::remove_file(&segments(directory.path())[2]).unwrap();
    let tail = |n| reader.tail(n, Filter::all()).unwrap().entries.into_iter().collect::<Got>();
    assert_eq!(tail(3), Got { positions: vec![2, 4, 5], removed: vec![3], ..Got::default() });
    assert_eq!(tail(2), Got { positions: vec![4, 5], ..Got::default() });
}

#[tokio::test]
async fn what_vanishes_while_it_is_read_is_told_as_removed() {
    let (directory, reader) = written(40, 2_000).await;
    let segments = segments(directory.path());
    let first_of =
        |place: usize| -> u64 { segments[place].file_stem().unwrap().to_str().unwrap().parse().unwrap() };
    let mut reading = reader.read(ReadFrom::Start, Filter::all()).unwrap();
    let begun = reading.next().unwrap().unwrap();
    for gone in &segments[..3] {
        fs::remove_file(gone).unwrap();
    }
    let got: Got = [begun].into_iter().chain(reading.map(Result::unwrap)).collect();
    // The first is open and read to its end.
    let expected = Got { removed: vec![first_of(3) - 1], ..events((1..first_of(1)).chain(first_of(3)..=40)) };
    assert_eq!(got, expected);
}

#[tokio::test]
async fn bytes_behind_the_last_newline_are_not_looked_at() {
    let (directory, reader) = written(3, 1 << 20).await;
    let path = &segments(directory.path())[0];
    let whole = fs::read(path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for len in last..whole.len() {
        fs::write(path, &whole[..len]).unwrap();
        assert_eq!(read(&reader, ReadFrom::Start), events(1..=2), "{len}");
        assert_eq!(reader.last().unwrap(), Some(at(2)));
        assert_eq!(reader.tail(9, Filter::all()).unwrap().entries.len(), 2);
    }
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_is_told_and_not_waited_for() {
    let (directory, reader) = written(3, 1 << 20).await;
    let path = &segments(directory.path())[0];
    fs::remove_file(path).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let told = reader.read(ReadFrom::Start, Filter::all()).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(told, ReadError::Read { .. }), "{told}");
    assert!(reader.tail(1, Filter::all()).is_err() && reader.verify().is_err());
}

#[tokio::test]
async fn a_segment_that_was_moved_elsewhere_and_linked_is_read_and_verified() {
    let (directory, reader) = written(3, 1 << 20).await;
    let path = &segments(directory.path())[0];
    let elsewhere = directory.path().join("elsewhere.jsonl");
    fs::rename(path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, path).unwrap();
    assert_eq!(read(&reader, ReadFrom::Start), events(1..=3));
    assert!(reader.verify().unwrap().is_intact());
}

#[tokio::test]
async fn of_thousands_of_lines_that_cannot_be_read_the_last_are_told_and_the_rest_counted() {
    let (directory, reader) = written(5, 1 << 20).await;
    let path = &segments(directory.path())[0];
    let whole = fs::read(path).unwrap();
    let third = memchr::memchr_iter(b'\n', &whole).nth(2).unwrap() + 1;
    let damaged = [&whole[..third], &b"x\n".repeat(100_000)[..], &whole[third..]].concat();
    fs::write(path, damaged).unwrap();
    let tailed = reader.tail(4, Filter::all()).unwrap();
    let told = tailed.entries.iter().filter(|entry| matches!(entry, Entry::Unreadable(_))).count();
    assert_eq!(told as u64 + tailed.left_out, 100_000);
    assert_eq!(told, 1024);
    let got: Got = tailed.entries.into_iter().collect();
    assert_eq!(got.positions, [2, 3, 4, 5]);
    assert_eq!(reader.last().unwrap(), Some(at(5)));
}
