//! What happened, counted and timed: [`Telemetry`] watches a bus and tells it in intervals, [`TelemetryReport`] puts
//! the intervals of a journal together.
//!
//! A [`Telemetry`] counts what its bus tells: events by kind, tools, actors, validations and plans by phase, with how
//! long each took, tokens and cost. After every interval, and at its close, it emits one [`TelemetryInterval`] on the
//! same bus, so that the journal keeps it. How long things took is in it as a histogram (HDR, two significant digits),
//! so that the percentiles over many intervals are right, and no averages of percentiles.
//!
//! It promises that
//!
//! - nobody who emits waits for it: it takes a stream, in a task of its own;
//! - what it missed for being slow is counted in the interval ([`TelemetryInterval::missed`]);
//! - it counts neither its own events nor those told again from a journal, and tells nothing of an interval in which
//!   nothing happened;
//! - its memory and its events are bounded, whatever names it hears: a group has so many rows
//!   ([`MAX_NAMES`]), and what is called otherwise is counted in one row without a name.
//!
//! What goes wrong: dropped, or where the bus is closed before it, the last interval is not told; close it first, then
//! the bus. Times are whole milliseconds; those above [`MAX_MILLIS`] count as that in percentiles, though the longest
//! is kept as it was. Where more times differ than an event may hold, they are told with fewer digits
//! ([`TelemetryInterval::digits`]). One bus has one: two count everything twice. A journal may hold what nobody
//! measured: an interval that could not have come from here is refused whole, by its position, and the others count.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use agentbus::event::{Hash, ToolCompleted};
//! use agentbus::journal::{Journal, JournalReader};
//! use agentbus::telemetry::{Telemetry, TelemetryReport};
//! use agentbus::{DomainEvent, EventBus, ReactiveEventBus};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let journal = Journal::open(directory.path())?;
//! let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
//! let telemetry = Telemetry::builder().interval(Duration::from_mins(1)).start(Arc::new(bus.clone()));
//!
//! bus.emit(DomainEvent::new(ToolCompleted::new("read_file", "call-1", 1, 12, 5, Hash::of("x"), false)));
//! telemetry.close(Duration::from_secs(5)).await;
//! bus.flush().await?;
//!
//! let report = TelemetryReport::read(&JournalReader::open(directory.path())?, None)?;
//! let tool = report.rows.iter().find(|row| row.is("tool", "read_file")).expect("it was called");
//! assert_eq!((tool.count, tool.times.p99_ms), (1, 12));
//! # Ok(())
//! # }
//! ```

mod budgets;
mod check;
mod count;
mod interval;
mod report;
mod stays;
mod subscriber;
mod table;
mod tally;
mod times;

pub use check::IntervalFault;
pub use interval::{
    MAX_BUDGETS, MAX_MILLIS, MAX_NAMES, MAX_SLOTS, TelemetryBudget, TelemetryGroup, TelemetryInterval,
    TelemetryRow,
};
pub use report::{MAX_REPORT_NAMES, RefusedInterval, ReportRow, TelemetryReport, TelemetryTimes};
pub use subscriber::{DEFAULT_INTERVAL, MIN_INTERVAL, Telemetry, TelemetryBuilder, TelemetrySummary};
