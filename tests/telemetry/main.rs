//! Telemetry: what a bus tells, counted in intervals, and the report on the intervals of a journal.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as it does, by a panic")]

mod hostile;
mod intervals;
mod report;
mod support;
