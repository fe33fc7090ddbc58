//! A journal made line by line, to be damaged.

use tempfile::TempDir;

use super::*;
use crate::event::Hash;
use crate::journal::layout;
use crate::journal::line;
use crate::journal::manifest::SegmentStart;

/// A journal in a directory of its own.
pub(super) struct Written {
    pub(super) directory: TempDir,
    pub(super) manifest: Manifest,
    next: u64,
    chain: Hash,
}

impl Written {
    /// One with segments of so many lines each, at positions from 1 without gaps.
    pub(super) fn new(segments: &[usize]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for folder in layout::FOLDERS {
            fs::create_dir(directory.path().join(folder)).unwrap();
        }
        let manifest = Manifest { segments: Vec::new(), ..Manifest::new() };
        let chain = crate::journal::chain::genesis(manifest.id);
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
        let last = self.manifest.segments.last();
        if last.is_some_and(|last| last.first.get() == self.next) {
            // Two segments cannot begin at one position: an empty one leaves a gap.
            self.next += 1;
        }
        self.manifest.segments.push(SegmentStart { first: at(self.next), chain: Some(self.chain) });
        fs::write(self.file(), "").unwrap();
        self.manifest.write(&FileSystem::new(self.directory.path())).unwrap();
    }

    /// The file of the last segment.
    pub(super) fn file(&self) -> std::path::PathBuf {
        self.directory.path().join(layout::segment(self.manifest.segments.last().unwrap().first))
    }

    /// Appends so many lines.
    pub(super) fn append(&mut self, lines: usize) {
        for _ in 0..lines {
            let json = serde_json::to_string(&DomainEvent::new(SessionCreated::new(false))).unwrap();
            let mut bytes = fs::read(self.file()).unwrap();
            self.chain =
                line::write(&mut bytes, at(self.next), json[1..json.len() - 1].as_bytes(), &self.chain);
            fs::write(self.file(), bytes).unwrap();
            self.next += 1;
        }
    }
}
