//! Journals in directories of their own, and their indexes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentbus::audit::{AuditIndex, AuditPage, AuditQuery};
use agentbus::event::{SessionCreated, Timestamp};
use agentbus::journal::{Durability, Journal, JournalReader, ReadFrom, Recorded};
use agentbus::{DomainEvent, Filter};
use tempfile::TempDir;

pub(crate) struct Home {
    temp: TempDir,
}

impl Home {
    /// A journal of these events.
    pub(crate) fn with(events: impl IntoIterator<Item = DomainEvent>) -> Self {
        let home = Self { temp: TempDir::new().unwrap() };
        home.append(events);
        home
    }

    /// A journal of so many events, of sessions from 1.
    pub(crate) fn of(count: usize) -> Self {
        Self::with((1..=count).map(told))
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn append(&self, events: impl IntoIterator<Item = DomainEvent>) {
        self.append_in_segments(10 << 20, events);
    }

    /// Appends with at most so many bytes a segment.
    pub(crate) fn append_in_segments(&self, bytes: u64, events: impl IntoIterator<Item = DomainEvent>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let builder = Journal::builder(self.path()).durability(Durability::Os).segment_bytes(bytes);
        runtime.block_on(async {
            let journal = builder.open().unwrap();
            for event in events {
                journal.append(event).await.unwrap();
            }
            journal.close(Duration::from_mins(1)).await.unwrap();
        });
    }

    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        let reader = JournalReader::open(self.path()).unwrap();
        let reading = reader.read(ReadFrom::Start, Filter::all()).unwrap();
        reading.events().map(Result::unwrap).collect()
    }

    /// The index, up to date.
    pub(crate) fn index(&self) -> AuditIndex {
        let mut index = AuditIndex::open(self.path()).unwrap();
        index.index().unwrap();
        index
    }

    /// The files of the index, sorted.
    pub(crate) fn index_files(&self) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(self.path().join("audit")).unwrap();
        let mut files: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Asserts that the index holds what the journal holds, once, in order.
    #[track_caller]
    pub(crate) fn assert_indexed(&self, index: &mut AuditIndex) {
        assert_eq!(everything(index, &AuditQuery::new()), self.recorded());
    }
}

/// An event of that session.
pub(crate) fn told(session: usize) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(session.to_string())
}

/// A moment so many seconds after 1970.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_unix_nanos(second * 1_000_000_000)
}

/// All pages of a query.
#[track_caller]
pub(crate) fn everything(index: &mut AuditIndex, query: &AuditQuery) -> Vec<Recorded> {
    let (mut query, mut all) = (query.clone(), Vec::new());
    loop {
        let AuditPage { events, next, .. } = index.query(&query).unwrap();
        all.extend(events);
        match next {
            Some(next) => query = query.after(next),
            None => return all,
        }
    }
}

/// The positions of what a query gives.
#[track_caller]
pub(crate) fn positions(index: &mut AuditIndex, query: &AuditQuery) -> Vec<u64> {
    everything(index, query).iter().map(|recorded| recorded.position.get()).collect()
}
