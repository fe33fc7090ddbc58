//! A real disk that is full, real files that are gone, a real process that stands still: the journal goes on by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentbus::journal::{Durability, FileSystem, Health, Journal, JournalReader, Position};
use agentbus::{EventBus, ReactiveEventBus};
use tempfile::TempDir;

use crate::support::{DURABILITIES, LONG, event, files};

fn open(directory: &Path, durability: Durability) -> Journal {
    Journal::builder(directory).durability(durability).segment_bytes(16 << 10).open().unwrap()
}

fn numbers(directory: &Path) -> Vec<usize> {
    files(&FileSystem::new(directory)).numbers()
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory.join("segments")).unwrap();
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A file system of one mebibyte, as long as it lives; none where mounting is not allowed.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(directory.path());
        let is_mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_small_file_system_that_is_full_and_has_room_again() {
    for durability in DURABILITIES {
        let Some(disk) = SmallDisk::mount() else {
            println!("not allowed to mount a file system: `health` fills the one of tests alone");
            return;
        };
        let directory = disk.0.path().join("journal");
        let journal = open(&directory, durability);
        let ballast = disk.0.path().join("ballast");
        fs::write(&ballast, vec![0; 900 << 10]).unwrap();
        let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
        let mut emitted = 0;
        while journal.health().is_healthy() {
            bus.emit(event(emitted));
            emitted += 1;
            let _fails_once_it_is_full = bus.flush().await;
        }
        bus.emit(event(emitted));
        fs::remove_file(ballast).unwrap();
        journal.healthy().await.unwrap();
        bus.flush().await.unwrap();
        journal.close(LONG).await.unwrap();
        assert_eq!(numbers(&directory), (0..=emitted).collect::<Vec<_>>(), "{durability:?}");
        assert!(JournalReader::open(&directory).unwrap().verify().unwrap().is_intact());
    }
}

/// A process that has the lock and stands still.
struct Stopped(Child);

impl Stopped {
    fn holding(lock: &Path) -> Self {
        let mut flock = Command::new("flock");
        flock.arg(lock).args(["sh", "-c", "echo held; read line"]);
        let mut child = flock.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut String::new()).unwrap();
        let stopped = Self(child);
        stopped.signal("-STOP");
        stopped
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).arg(self.0.id().to_string()).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_process_that_has_the_lock_and_stands_still_is_told_of_and_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), Durability::Sync);
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    let mut stopped = Stopped::holding(&directory.path().join("lock"));
    bus.emit(event(0));
    let refused = bus.flush().await.unwrap_err();
    assert!(refused.to_string().contains("lock"), "{refused}");
    assert!(matches!(journal.health(), Health::Failing { .. }));
    bus.emit(event(1));
    // It ends at the end of its input.
    stopped.signal("-CONT");
    drop(stopped.0.stdin.take());
    journal.healthy().await.unwrap();
    bus.flush().await.unwrap();
    stopped.0.wait().unwrap();
    assert_eq!(numbers(directory.path()), [0, 1]);
}

#[tokio::test]
async fn segments_that_are_removed_under_a_writer_take_no_position_along() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), Durability::Sync);
    let other = open(directory.path(), Durability::Sync);
    journal.append(event(0)).await.unwrap();
    let last = other.append(event(1)).await.unwrap();
    fs::remove_dir_all(directory.path().join("segments")).unwrap();
    let next = journal.append(event(2)).await.unwrap();
    assert!(next > last, "{next} was used");
    assert!(other.append(event(3)).await.unwrap() > next);
    assert_eq!(numbers(directory.path()), [2, 3]);
}

#[tokio::test]
async fn a_newest_segment_that_was_emptied_takes_no_position_along() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(directory.path(), Durability::Sync);
    let last = journal.append_many((0..6).map(event).collect()).await.unwrap()[5];
    // As it is when its process was killed.
    let killed = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(directory.path().join(".")).arg(killed.path());
    assert!(copy.status().unwrap().success());
    fs::write(&segments(killed.path())[0], "").unwrap();
    assert!(open(killed.path(), Durability::Sync).append(event(6)).await.unwrap() > last);
}

#[tokio::test]
async fn segments_that_were_lost_are_told_by_opening() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(1).open().unwrap();
    journal.append_many((0..1).map(event).collect()).await.unwrap();
    for number in 1..4 {
        journal.append(event(number)).await.unwrap();
    }
    journal.close(LONG).await.unwrap();
    let opened = || open(directory.path(), Durability::Os).recovery().clone();
    assert!(opened().is_nothing());
    // Retention removes the oldest.
    fs::remove_file(&segments(directory.path())[0]).unwrap();
    assert_eq!(opened().lost_segments, 0);
    fs::remove_file(&segments(directory.path())[1]).unwrap();
    assert_eq!(opened().lost_segments, 1);
    for path in segments(directory.path()) {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(opened().lost_segments, 4, "with those that were gone before");
}

#[tokio::test]
async fn a_cursor_at_the_last_position_there_can_be_is_named() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path(), Durability::Os).close(LONG).await.unwrap();
    let position = Position::MAX.get();
    fs::write(directory.path().join("cursors/x.json"), format!("{{\"position\":{position}}}")).unwrap();
    let refused = Journal::open(directory.path()).unwrap_err().to_string();
    assert!(refused.contains("cursors/x.json"), "{refused}");
}

#[tokio::test]
async fn closing_while_the_disk_is_full_tries_no_more_often_than_before() {
    let storage = agentbus::testing::FaultyStorage::new();
    let builder = Journal::builder_on(std::sync::Arc::new(storage.clone()));
    let journal = builder.durability(Durability::Sync).open().unwrap();
    storage.read_only(true);
    let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
    bus.emit(event(0));
    bus.flush().await.unwrap_err();
    let before = storage.calls();
    journal.close(std::time::Duration::from_millis(500)).await.unwrap_err();
    // With pauses that begin at 20 ms there are a few attempts of a few calls each; without, thousands.
    assert!(storage.calls() - before < 400, "{} calls", storage.calls() - before);
}
