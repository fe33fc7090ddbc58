//! Closing a bus, within a deadline, and telling what was not done.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::core::Core;
use super::order::Phase;
use super::{FlushError, flush};

/// How a bus was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Handlers with a queue of their own that were still at work, or had events waiting, at the deadline.
    pub unfinished: Vec<String>,
    /// Events that waited for them and were given up.
    pub abandoned: u64,
    /// Whether a sync handler was still running at the deadline, on a thread of its own.
    pub sync_handler_hangs: bool,
    /// Why the recorder did not record everything, if it did not.
    pub not_recorded: Option<String>,
    /// Events emitted too late so far: nobody got them.
    pub late: u64,
}

impl CloseReport {
    /// Whether everything was done before the deadline.
    pub fn is_complete(&self) -> bool {
        self.unfinished.is_empty() && !self.sync_handler_hangs && self.not_recorded.is_none()
    }
}

pub(super) async fn close(core: &Arc<Core>, deadline: Duration) -> CloseReport {
    // A deadline beyond a year is none for practical purposes, and no clock can tell every one.
    let end = Instant::now() + deadline.min(Duration::from_hours(24 * 365));
    core.enter(Phase::Closing);
    let mut report = CloseReport::default();
    if timeout_at(end, handlers_are_quiet(core)).await.is_err() {
        give_up(core, &mut report).await;
    }
    core.enter(Phase::Closed);
    report.not_recorded = match timeout_at(end, record_all(core)).await {
        Ok(recorded) => recorded.err().map(|error| error.to_string()),
        Err(_elapsed) => Some("the recorder was not done at the deadline".to_owned()),
    };
    core.hang_up();
    report.late = core.stats.read(0, (0, 0)).late;
    report
}

/// Waits until handlers are done with everything, what they emit meanwhile included.
async fn handlers_are_quiet(core: &Core) {
    let mut through = core.turn();
    while let Some(turn) = through {
        flush::handled(core, turn).await;
        through = core.turn().filter(|last| *last != turn);
    }
}

async fn record_all(core: &Core) -> Result<(), FlushError> {
    match core.turn() {
        Some(through) => flush::recorded(core, through).await,
        None => Ok(()),
    }
}

/// Stops what is not done.
async fn give_up(core: &Core, report: &mut CloseReport) {
    report.sync_handler_hangs = core.has_flights();
    let through = core.turn();
    for member in core.members() {
        let Some(desk) = member.handler.desk() else {
            if let Some(through) = through
                && timeout(Duration::ZERO, member.handler.idle(through)).await.is_err()
            {
                report.unfinished.push(member.name());
            }
            continue;
        };
        let pending = desk.counts().pending;
        if pending > 0 || desk.is_at_work() {
            report.unfinished.push(member.name());
            report.abandoned += pending;
            desk.abort();
        }
    }
}
