//! [`Plan`]: which segments go.

use std::io;

use super::{CollectReason, Collected, CollectedSegment, KeptFor, MissingSegment, Retention};
use crate::bus::report::quietly;
use crate::event::Timestamp;
use crate::journal::consumer::{Cursor, Unusable, cursors};
use crate::journal::layout::segment;
use crate::journal::manifest::{Manifest, SegmentStart};
use crate::journal::position::Position;
use crate::journal::reader::{JournalReader, newest};
use crate::journal::storage::{Open, Storage};

/// What goes, as of one moment.
pub(super) struct Plan {
    /// The segments that go, oldest first: the first ones of the manifest. None for one whose file is gone already.
    pub(super) going: Vec<Option<CollectedSegment>>,
    kept_for: Vec<KeptFor>,
    /// Segments that were gone though an older one was there.
    missing: Vec<MissingSegment>,
}

/// A segment that could go.
struct Sealed {
    first: Position,
    /// The first position of the segment behind it.
    next: Position,
    /// None if its file is gone.
    bytes: Option<u64>,
}

impl Plan {
    pub(super) fn new(
        reader: &JournalReader,
        manifest: &Manifest,
        retention: &Retention,
        now: Timestamp,
    ) -> io::Result<Self> {
        let storage = &**reader.storage();
        let lengths = lengths(storage, &manifest.segments)?;
        let mut bytes: u64 = lengths.iter().flatten().sum();
        let pairs = manifest.segments.iter().zip(manifest.segments.iter().skip(1));
        let sealed: Vec<_> = pairs
            .zip(lengths)
            .map(|((segment, next), bytes)| Sealed { first: segment.first, next: next.first, bytes })
            .collect();
        let mut plan = Self { going: Vec::new(), kept_for: Vec::new(), missing: Vec::new() };
        for (number, segment) in sealed.iter().enumerate() {
            let Some(len) = segment.bytes else {
                // With older ones gone too, somebody who removed them was interrupted.
                if plan.going.iter().any(Option::is_some) {
                    plan.missing.push(segment.missing());
                }
                plan.going.push(None);
                continue;
            };
            let rest = sealed.get(number..).unwrap_or_default();
            let Some(reason) = too_much(reader, retention, rest, bytes, now)? else { break };
            plan.kept_for = kept_for(storage, segment, retention, now)?;
            if !plan.kept_for.is_empty() {
                break;
            }
            bytes -= len;
            plan.going.push(Some(segment.collected(reason)));
        }
        Ok(plan)
    }

    pub(super) fn into_collected(self) -> Collected {
        for kept in self.kept_for.iter().filter(|kept| kept.position.is_err()) {
            let consumer = kept.consumer.as_str();
            quietly(
                || tracing::warn!(target: "agentbus::journal", consumer, "journal_kept_for_corrupt_cursor"),
            );
        }
        for missing in &self.missing {
            let file = missing.file.as_str();
            quietly(|| tracing::error!(target: "agentbus::journal", file, "journal_segment_missing"));
        }
        let missing = self.missing;
        Collected { missing, segments: self.going.into_iter().flatten().collect(), kept_for: self.kept_for }
    }
}

impl Sealed {
    fn missing(&self) -> MissingSegment {
        let through = self.next.previous().unwrap_or(self.first);
        MissingSegment { file: segment(self.first), through }
    }

    fn collected(&self, reason: CollectReason) -> CollectedSegment {
        let through = self.next.previous().unwrap_or(self.first);
        CollectedSegment { file: segment(self.first), through, bytes: self.bytes.unwrap_or_default(), reason }
    }
}

/// The length of each segment's file; none where it is gone.
fn lengths(storage: &dyn Storage, segments: &[SegmentStart]) -> io::Result<Vec<Option<u64>>> {
    let length = |start: &SegmentStart| match storage.open(&segment(start.first), Open::Read) {
        Ok(file) => file.len().map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    segments.iter().map(length).collect()
}

/// Why the first of these segments should go, if it should.
fn too_much(
    reader: &JournalReader,
    retention: &Retention,
    rest: &[Sealed],
    bytes: u64,
    now: Timestamp,
) -> io::Result<Option<CollectReason>> {
    if retention.max_bytes.is_some_and(|max| bytes > max) {
        return Ok(Some(CollectReason::Bytes));
    }
    let Some(max_age) = retention.max_age else { return Ok(None) };
    // A segment without a readable line is at least as old as the next one that has some.
    for segment in rest {
        let newest = newest(reader.storage(), segment.first, segment.next, now).map_err(io::Error::other)?;
        if let Some(newest) = newest {
            return Ok((now.since(newest) > max_age).then_some(CollectReason::Age));
        }
    }
    Ok(None)
}

/// The consumers that need something of that segment.
fn kept_for(
    storage: &dyn Storage,
    segment: &Sealed,
    retention: &Retention,
    now: Timestamp,
) -> io::Result<Vec<KeptFor>> {
    let mut kept_for = Vec::new();
    for (consumer, cursor) in cursors(storage)? {
        let position = match cursor {
            Ok(cursor) if needs(&cursor, segment, retention, now) => Ok(cursor.position),
            Ok(_) => continue,
            Err(Unusable::Fault(fault)) => Err(fault),
            Err(Unusable::Unread(error)) => return Err(error),
        };
        kept_for.push(KeptFor { consumer, position });
    }
    Ok(kept_for)
}

fn needs(cursor: &Cursor, segment: &Sealed, retention: &Retention, now: Timestamp) -> bool {
    // A time as far ahead as it may be behind is what a clock that was set back left.
    let silence = now.since(cursor.updated).max(cursor.updated.since(now));
    let is_stale = retention.stale_after.is_some_and(|longest| silence > longest);
    !is_stale && cursor.position < segment.next.previous()
}
