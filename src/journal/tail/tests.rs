use std::fmt::Write;
use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::event::{DomainEvent, SessionCreated};
use crate::journal::layout;
use crate::journal::storage::{FileSystem, Open, StorageFile};

fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

fn recorded(positions: impl IntoIterator<Item = u64>) -> Vec<Recorded> {
    let event = || Arc::new(DomainEvent::new(SessionCreated::new(false)));
    positions.into_iter().map(|position| Recorded { position: at(position), event: event() }).collect()
}

fn positions(behind: Behind) -> Vec<u64> {
    match behind {
        Behind::Events(events) => events.into_iter().map(|recorded| recorded.position.get()).collect(),
        other => panic!("{other:?}"),
    }
}

fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join(layout::SEGMENTS)).unwrap();
    directory
}

fn attached(directory: &TempDir) -> (Arc<Tail>, Attached) {
    let tail = Tail::new();
    let storage: Arc<dyn Storage> = Arc::new(FileSystem::new(directory.path()));
    let attached = tail.attach(&storage).unwrap();
    (tail, attached)
}

#[test]
fn a_follower_gets_what_stands_behind_its_position_without_a_gap() {
    let directory = directory();
    let (tail, follower) = attached(&directory);
    assert_eq!(follower.behind(None, 9), Behind::Nothing);
    tail.published(&recorded([1, 2, 3]));
    tail.published(&recorded([7, 8]));
    assert_eq!(positions(follower.behind(None, 9)), [1, 2, 3]);
    assert_eq!(positions(follower.behind(Some(at(1)), 1)), [2]);
    assert_eq!(follower.behind(Some(at(3)), 9), Behind::InFiles);
    assert_eq!(follower.behind(Some(at(5)), 9), Behind::InFiles);
    assert_eq!(positions(follower.behind(Some(at(6)), 9)), [7, 8]);
    assert_eq!(follower.behind(Some(at(8)), 9), Behind::Nothing);
}

#[test]
fn a_follower_far_behind_reads_files() {
    let directory = directory();
    let (tail, follower) = attached(&directory);
    tail.published(&recorded(1..=KEPT as u64 + 10));
    assert_eq!(follower.behind(Some(at(9)), 5), Behind::InFiles);
    assert_eq!(positions(follower.behind(Some(at(10)), 2)), [11, 12]);
}

#[test]
fn nothing_is_kept_without_a_follower() {
    let directory = directory();
    let (tail, follower) = attached(&directory);
    assert!(tail.wants_events());
    tail.published(&recorded([1]));
    drop(follower);
    assert!(!tail.wants_events());
    assert!(lock(&tail.state).published.is_empty());
    tail.published(&recorded([2]));
    assert!(lock(&tail.state).published.is_empty());
}

#[test]
fn own_lines_are_no_sighting_and_others_are() {
    let directory = directory();
    let (tail, mut follower) = attached(&directory);
    tail.published(&recorded([1, 2]));
    tail.writing(at(4), at(6));
    let before = follower.mark();
    for own in [1, 2, 4, 6] {
        tail.saw(Some(at(own)));
        assert!(!follower.mark().has_sightings_since(before), "{own}");
    }
    for foreign in [Some(at(3)), Some(at(7)), None] {
        let before = follower.mark();
        tail.saw(foreign);
        assert!(follower.mark().has_sightings_since(before), "{foreign:?}");
    }
    tail.gave_up();
    let before = follower.mark();
    tail.saw(Some(at(4)));
    assert!(follower.mark().has_sightings_since(before));
}

/// A journal that is told of nothing.
#[derive(Debug)]
struct Unseen(FileSystem);

impl Storage for Unseen {
    fn open(&self, name: &str, how: Open) -> io::Result<Box<dyn StorageFile>> {
        self.0.open(name, how)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }
    fn create_folder(&self, name: &str) -> io::Result<()> {
        self.0.create_folder(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn sync_folder(&self, name: &str) -> io::Result<()> {
        self.0.sync_folder(name)
    }
    fn boot(&self) -> Option<String> {
        self.0.boot()
    }
}

async fn sees_each_write(storage: Arc<dyn Storage>, directory: &TempDir) {
    let tail = Tail::new();
    let mut follower = tail.attach(&storage).unwrap();
    let mut text = String::new();
    for position in 1_u64..=20 {
        let before = follower.mark();
        writeln!(text, "{{\"pos\":{position},").unwrap();
        // Two lines a segment: begun, then appended to.
        fs::write(directory.path().join(layout::segment(at(position.div_ceil(2)))), &text).unwrap();
        while !follower.mark().has_sightings_since(before) {
            follower.changed().await;
        }
    }
}

#[tokio::test]
async fn the_system_tells_of_each_write() {
    let directory = directory();
    sees_each_write(Arc::new(FileSystem::new(directory.path())), &directory).await;
}

#[tokio::test]
async fn where_nobody_tells_each_write_is_seen_by_looking() {
    let directory = directory();
    sees_each_write(Arc::new(Unseen(FileSystem::new(directory.path()))), &directory).await;
}

#[test]
fn the_watching_thread_is_gone_with_the_last_follower() {
    let directory = directory();
    for storage in [
        Arc::new(FileSystem::new(directory.path())) as Arc<dyn Storage>,
        Arc::new(Unseen(FileSystem::new(directory.path()))),
    ] {
        let tail = Tail::new();
        let followers = [tail.attach(&storage).unwrap(), tail.attach(&storage).unwrap()];
        drop(followers);
        // The thread holds the tail as long as it runs.
        while Arc::strong_count(&tail) > 1 {
            std::thread::yield_now();
        }
    }
}
