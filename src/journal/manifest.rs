//! [`Manifest`]: what `journal.json` says.

use std::io;

use serde::{Deserialize, Serialize};

use super::chain;
use super::layout::MANIFEST;
use super::position::Position;
use super::storage::{Storage, durably_replace, read_whole};
use crate::event::{EventId, Hash, Timestamp};

/// The format that this build writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// More than any manifest has: some 600,000 segments.
const MAX_BYTES: usize = 64 << 20;

/// What is known of a journal besides its lines. Written whole, by whoever holds the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) id: EventId,
    pub(crate) created: Timestamp,
    /// Positions up to this one may have been used; 0 if none.
    pub(crate) reserved: u64,
    /// The boot of the machine under which lines may not be synced; absent once all are, after a clean close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// Ascending by `first`.
    pub(crate) segments: Vec<SegmentStart>,
}

/// Where a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentStart {
    /// The least position it may hold: its file's name.
    pub(crate) first: Position,
    /// The chain before its first line; absent where `journal.json` was lost: then that line is taken on trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chain: Option<Hash>,
}

/// Why `journal.json` could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file could not be read.
    #[error("cannot read journal.json")]
    Read(#[source] io::Error),
    /// It is no manifest.
    #[error(
        "journal.json is damaged (line {line}, column {column}); put a copy of it back, or move it away: a writer \
         then makes a new one from the segments"
    )]
    Damaged {
        /// The line of the fault, from 1; 0 if what it says does not fit together.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
    },
    /// It is of a later format.
    #[error("journal.json has format {found}; this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
}

impl Manifest {
    /// That of a journal without lines.
    pub(crate) fn new() -> Self {
        let (created, id) = crate::event::source::stamp();
        let start = SegmentStart { first: Position::FIRST, chain: Some(chain::genesis(id)) };
        Self { format: FORMAT, id, created, reserved: 0, boot: None, segments: vec![start] }
    }

    /// Reads that of a journal; `None` if it has none.
    pub(crate) fn read(storage: &dyn Storage) -> Result<Option<Self>, ManifestError> {
        match read_whole(storage, MANIFEST, MAX_BYTES) {
            Ok(bytes) => Self::parse(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ManifestError::Read(error)),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        /// Read first: what else a later format has is its own business.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let damaged =
            |error: &serde_json::Error| ManifestError::Damaged { line: error.line(), column: error.column() };
        let header: Header = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if header.format != FORMAT {
            return Err(ManifestError::Format { found: header.format });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        let ascends = manifest.segments.is_sorted_by(|one, other| one.first < other.first);
        let fits = manifest.reserved <= Position::MAX.get();
        if ascends && fits { Ok(manifest) } else { Err(ManifestError::Damaged { line: 0, column: 0 }) }
    }

    /// Writes it, whole or not at all. The caller holds the lock.
    pub(crate) fn write(&self, storage: &dyn Storage) -> io::Result<()> {
        let mut text = serde_json::to_vec(self).map_err(io::Error::other)?;
        text.push(b'\n');
        durably_replace(storage, MANIFEST, &text)
    }

    /// The chain before the first line of a segment, if it is told.
    pub(crate) fn chain_at(&self, first: Position) -> Option<Hash> {
        let place = self.segments.binary_search_by_key(&first, |start| start.first).ok()?;
        self.segments.get(place).and_then(|start| start.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_what_it_wrote() {
        let manifest = Manifest { boot: Some("b".into()), ..Manifest::new() };
        let text = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        assert_eq!(manifest.chain_at(Position::FIRST), Some(chain::genesis(manifest.id)));
    }

    #[test]
    fn a_manifest_that_is_none_is_refused_by_its_place_and_a_later_one_by_its_format() {
        for text in ["", "{", "[]", r#"{"format":1}"#, r#"{"format":"1"}"#] {
            assert!(matches!(Manifest::parse(text.as_bytes()), Err(ManifestError::Damaged { .. })), "{text}");
        }
        let later = Manifest::parse(br#"{"format":2,"shards":[]}"#);
        assert!(matches!(later, Err(ManifestError::Format { found: 2 })));
        let mut backward = Manifest::new();
        backward.segments.push(backward.segments[0]);
        let text = serde_json::to_vec(&backward).unwrap();
        assert!(matches!(Manifest::parse(&text), Err(ManifestError::Damaged { line: 0, .. })));
    }
}
