//! What the journal itself has to say, to the log. Never content.

use super::health::Problem;
use super::log::Recovery;
use super::position::Position;
use super::retention::Collected;
use crate::bus::report::quietly;

/// It cannot write.
pub(super) fn failing(directory: &str, reason: &str) {
    quietly(|| tracing::error!(target: "agentbus::journal", directory, reason, "journal_failing"));
}

/// It writes again.
pub(super) fn healthy(directory: &str) {
    quietly(|| tracing::info!(target: "agentbus::journal", directory, "journal_healthy"));
}

/// An unfinished write was cut from the end of a segment.
pub(super) fn torn(segment: &str, bytes: u64, kept: &str) {
    quietly(|| tracing::warn!(target: "agentbus::journal", segment, bytes, kept, "journal_torn_write_cut"));
}

/// Opening found what a crash or somebody else left.
pub(super) fn recovered(recovery: &Recovery) {
    let &Recovery { torn_bytes, damaged_lines, machine_restarted, manifest_rebuilt, lost_segments, .. } =
        recovery;
    quietly(|| {
        tracing::warn!(
            target: "agentbus::journal",
            torn_bytes, damaged_lines, machine_restarted, manifest_rebuilt, lost_segments,
            "journal_recovered",
        );
    });
}

/// Lines cannot be read or do not follow from those before.
pub(super) fn damaged(segment: &str, at: u64, lines: u64) {
    quietly(|| tracing::error!(target: "agentbus::journal", segment, at, lines, "journal_damaged"));
}

/// A segment was removed or cut by somebody else.
pub(super) fn lost(segment: &str) {
    quietly(|| tracing::error!(target: "agentbus::journal", segment, "journal_segment_lost"));
}

/// A sealed segment could not be synced.
pub(super) fn unsynced(problem: &Problem) {
    let reason = problem.reason();
    quietly(|| tracing::error!(target: "agentbus::journal", reason, "journal_segment_not_synced"));
}

/// Lines that were written again elsewhere stand in the old segment as well; readers leave them out.
pub(super) fn not_cut(problem: &Problem) {
    let reason = problem.reason();
    quietly(|| tracing::warn!(target: "agentbus::journal", reason, "journal_segment_not_cut"));
}

/// What was queued when the last handle was dropped could not all be written.
pub(super) fn remainder(directory: &str, events: u64) {
    quietly(|| tracing::error!(target: "agentbus::journal", directory, events, "journal_closed_unwritten"));
}

/// Retention removed segments.
pub(super) fn collected(collected: &Collected) {
    let (segments, bytes) = (collected.segments.len(), collected.bytes());
    let through = collected.through().map(Position::get);
    quietly(
        || tracing::info!(target: "agentbus::journal", segments, bytes, through, "journal_garbage_collected"),
    );
}

/// Retention could not remove a segment.
pub(super) fn not_collected(problem: &Problem) {
    let reason = problem.reason();
    quietly(|| tracing::warn!(target: "agentbus::journal", reason, "journal_garbage_not_collected"));
}
