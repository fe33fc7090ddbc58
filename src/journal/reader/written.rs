//! A journal made line by line, for tests that damage it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::JournalReader;
use crate::event::{DomainEvent, Hash, SessionCreated};
use crate::journal::manifest::{Manifest, SegmentStart};
use crate::journal::position::Position;
use crate::journal::storage::FileSystem;
use crate::journal::{chain, layout, line};

pub(super) fn at(position: u64) -> Position {
    Position::new(position).unwrap()
}

/// A journal in a directory of its own.
pub(super) struct Written {
    pub(super) directory: TempDir,
    pub(super) manifest: Manifest,
    pub(super) next: u64,
    pub(super) chain: Hash,
}

impl Written {
    /// One with segments of so many lines each, at positions from 1. A segment without lines takes a position, since
    /// two cannot begin at the same.
    pub(super) fn new(segments: &[usize]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for folder in layout::FOLDERS {
            fs::create_dir(directory.path().join(folder)).unwrap();
        }
        let manifest = Manifest { segments: Vec::new(), ..Manifest::new() };
        let chain = chain::genesis(manifest.id);
        let mut written = Self { directory, manifest, next: 1, chain };
        for lines in segments {
            written.begin_segment();
            written.append(*lines);
        }
        written
    }

    pub(super) fn reader(&self) -> JournalReader {
        JournalReader::open(self.directory.path()).unwrap()
    }

    /// Begins a segment at the next position.
    pub(super) fn begin_segment(&mut self) {
        if self.manifest.segments.last().is_some_and(|last| last.first.get() == self.next) {
            self.next += 1;
        }
        self.manifest.segments.push(SegmentStart { first: at(self.next), chain: Some(self.chain) });
        fs::write(self.file(), "").unwrap();
        self.write_manifest();
    }

    pub(super) fn write_manifest(&self) {
        self.manifest.write(&FileSystem::new(self.directory.path())).unwrap();
    }

    /// The file of that segment.
    pub(super) fn file_of(&self, place: usize) -> PathBuf {
        self.directory.path().join(layout::segment(self.manifest.segments[place].first))
    }

    /// The file of the last segment.
    pub(super) fn file(&self) -> PathBuf {
        self.file_of(self.manifest.segments.len() - 1)
    }

    /// Appends so many lines.
    pub(super) fn append(&mut self, lines: usize) {
        let mut bytes = fs::read(self.file()).unwrap();
        for _ in 0..lines {
            bytes.extend(self.line());
        }
        fs::write(self.file(), bytes).unwrap();
    }

    /// The next line, for whoever puts it somewhere.
    pub(super) fn line(&mut self) -> Vec<u8> {
        let event = DomainEvent::new(SessionCreated::new(false)).with_session_id(format!("s-{}", self.next));
        let json = serde_json::to_string(&event).unwrap();
        self.line_of(&json.as_bytes()[1..json.len() - 1])
    }

    /// The next line, with that between position and chain.
    pub(super) fn line_of(&mut self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.chain = line::write(&mut bytes, at(self.next), body, &self.chain);
        self.next += 1;
        bytes
    }

    /// Appends the next line, with that between position and chain.
    pub(super) fn append_of(&mut self, body: &[u8]) {
        let bytes = [fs::read(self.file()).unwrap(), self.line_of(body)].concat();
        fs::write(self.file(), bytes).unwrap();
    }
}
