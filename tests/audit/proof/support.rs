//! Audited journals, and keys that are always the same.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::audit::proof::{
    Change, ChangeKind, Expected, Found, Head, HeadOptions, HeadSigner, SecretKey, VerifyError, verify,
};
use agentbus::event::{Hash, SessionCreated};
use agentbus::journal::{Durability, Journal, JournalReader, Position, Storage};
use tempfile::TempDir;

use super::still::Still;

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) fn key() -> SecretKey {
    format!("agentbus-ed25519-secret:{}", "07".repeat(32)).parse().unwrap()
}

pub(crate) fn other_key() -> SecretKey {
    format!("agentbus-ed25519-secret:{}", "08".repeat(32)).parse().unwrap()
}

pub(crate) fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

pub(crate) fn event(number: usize) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{number}"))
}

/// A head for each so many lines, and none by time.
pub(crate) fn every(lines: u64) -> HeadOptions {
    HeadOptions::new().every(NonZeroU64::new(lines).unwrap()).interval(Duration::from_hours(10_000))
}

/// Appends so many events, one by one, while a paused clock stands still.
pub(crate) async fn append(journal: &Journal, count: usize) {
    let (journal, runtime) = (journal.clone(), tokio::runtime::Handle::current());
    let appending = tokio::task::spawn_blocking(move || {
        for number in 0..count {
            runtime.block_on(journal.append(event(number))).unwrap();
        }
    });
    appending.await.unwrap();
}

/// Opens a journal of short segments in that directory.
pub(crate) fn open(directory: &TempDir) -> Journal {
    Journal::builder(directory.path()).durability(Durability::Os).segment_bytes(500).open().unwrap()
}

/// Opens a journal, appends so many events, and signs what there is.
pub(crate) async fn session(directory: &TempDir, count: usize, options: HeadOptions) -> Head {
    let journal = open(directory);
    append(&journal, count).await;
    let signer = HeadSigner::start(&journal, key(), options).unwrap();
    let head = signer.close(LONG).await.unwrap();
    journal.close(LONG).await.unwrap();
    head
}

/// Five lines in segments of two, under heads 1 (to 3), 2 (to 5) and 3 (of none).
pub(crate) struct Audited {
    pub(crate) directory: TempDir,
    pub(crate) files: Still,
    pub(crate) newest: Head,
}

impl Audited {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        session(&directory, 5, every(3)).await;
        let newest = session(&directory, 0, every(3)).await;
        let files = Still::of(directory.path());
        let found = verified(&files, &Expected::new()).unwrap();
        assert!(found.is_proven(), "{found:?}");
        assert_eq!((newest.number(), found.heads, found.covered, found.uncovered), (3, 3, 5, 0));
        let lines = files.names("segments").iter().map(|name| files.lines(name).len()).collect::<Vec<_>>();
        assert_eq!(lines, [2, 2, 1]);
        Self { directory, files, newest }
    }

    /// The files of a journal that was signed and has no lines.
    pub(crate) async fn empty() -> Still {
        let directory = tempfile::tempdir().unwrap();
        session(&directory, 0, every(3)).await;
        Still::of(directory.path())
    }
}

pub(crate) fn reader(storage: impl Storage + 'static) -> Result<JournalReader, VerifyError> {
    Ok(JournalReader::on(Arc::new(storage))?)
}

pub(crate) fn verified(files: &Still, expected: &Expected) -> Result<Found, VerifyError> {
    verify(&reader(files.clone())?, &key().public(), expected)
}

/// The kinds of what is found to be changed, and at which positions.
pub(crate) fn changes(files: &Still) -> Vec<(ChangeKind, Option<(u64, u64)>)> {
    let found = verified(files, &Expected::new()).unwrap();
    let positions =
        |change: &Change| change.positions.as_ref().map(|all| (all.start().get(), all.end().get()));
    found.changes.iter().map(|change| (change.kind, positions(change))).collect()
}

/// Makes the chains of all lines anew, in segments and manifest: what somebody does who knows the format.
pub(crate) fn rehash(files: &Still) -> Still {
    let mut manifest: serde_json::Value = serde_json::from_slice(&files.files["journal.json"]).unwrap();
    let mut chain = Hash::of(manifest["id"].as_str().unwrap());
    let mut files = files.clone();
    for (place, name) in files.names("segments").into_iter().enumerate() {
        manifest["segments"][place]["chain"] = chain.to_string().into();
        let mut bytes = Vec::new();
        for line in files.lines(&name) {
            let covered = &line[..line.len() - 77];
            let leaf = Hash::of(covered);
            chain = Hash::of([chain.as_bytes().as_slice(), leaf.as_bytes().as_slice()].concat());
            bytes.extend_from_slice(covered);
            bytes.extend_from_slice(format!(",\"chain\":\"{chain}\"}}\n").as_bytes());
        }
        files = files.with(&name, bytes);
    }
    let manifest = serde_json::to_vec(&manifest).unwrap();
    files.with("journal.json", manifest)
}
