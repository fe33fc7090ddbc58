//! Going on in a new segment, and letting go of old ones.
//!
//! A segment is begun only behind lines that are believed: those that are not are written to the new one again, synced,
//! so that none depends on a file that is no longer written to. How it comes to be, step by step, is in
//! [`segment`](super::segment). Old segments go as the retention says; that they cannot be removed keeps nobody from
//! writing.

use std::sync::Arc;

use super::segment::{self, Active};
use super::{Log, open_manifest};
use crate::event::Timestamp;
use crate::journal::health::Problem;
use crate::journal::layout::SEGMENTS;
use crate::journal::manifest::SegmentStart;
use crate::journal::position::Position;
use crate::journal::reader::JournalReader;
use crate::journal::retention;

impl Log {
    /// Seals the active segment and goes on in a new one.
    pub(super) fn rotate(&mut self) -> Result<(), Problem> {
        self.sync_active()?;
        self.begin_segment()?;
        self.collect_garbage();
        Ok(())
    }

    /// Removes what is kept long enough. Should that fail, the next rotation tries again.
    pub(super) fn collect_garbage(&mut self) {
        if self.settings.retention.keeps_all() {
            return;
        }
        let reader = JournalReader::of(Arc::clone(&self.storage));
        let now = Timestamp::now();
        match retention::collect(&reader, &mut self.manifest, &self.settings.retention, now) {
            Ok(collected) if collected.segments.is_empty() => {}
            Ok(collected) => crate::journal::report::collected(&collected),
            Err(source) => {
                self.manifest_in_doubt = true;
                crate::journal::report::not_collected(&Problem::io("collect garbage in", SEGMENTS)(source));
            }
        }
        // Where that fails, the next look at it finds another one in its place.
        if let Ok(file) = open_manifest(&*self.storage) {
            self.manifest_file = file;
        }
    }

    /// Goes on in a new segment behind the last line that is believed; lines that are not are written there again.
    pub(super) fn begin_segment(&mut self) -> Result<(), Problem> {
        let lines = std::mem::take(&mut self.retained);
        let begun = self.make_segment(&lines);
        self.retained = lines;
        self.active = begun?;
        self.end.at = self.retained.len() as u64;
        self.believe();
        Ok(())
    }

    /// Makes a segment of these lines, which come behind the last one that is believed.
    pub(super) fn make_segment(&mut self, lines: &[u8]) -> Result<Active, Problem> {
        let first = Position::new(self.believed.last + 1).ok_or(Problem::Full)?;
        segment::prepare(&*self.storage, first, lines)?;
        self.list_segment(first)?;
        Ok(Active { first, file: segment::place(&*self.storage, first)? })
    }

    /// Lists a new segment in the manifest; the chain before its first line is the one that is believed.
    fn list_segment(&mut self, first: Position) -> Result<(), Problem> {
        let mut manifest = self.manifest.clone();
        manifest.segments.retain(|start| start.first < first);
        manifest.segments.push(SegmentStart { first, chain: Some(self.believed.chain) });
        self.write_manifest(manifest)
    }
}
