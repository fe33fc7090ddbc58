//! Events to be counted, and journals of intervals.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{Hash, ToolCompleted};
use agentbus::journal::{Durability, Journal};
use agentbus::telemetry::{Telemetry, TelemetryInterval, TelemetryReport, TelemetryRow};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventBus};
use tempfile::TempDir;

/// A call of a tool that took so long.
pub(crate) fn called(tool: &str, ms: u64) -> DomainEvent {
    DomainEvent::new(ToolCompleted::new(tool, "call", 1, ms, 1, Hash::of("x"), false))
}

/// The row of a tool.
#[track_caller]
pub(crate) fn tool<'a>(interval: &'a TelemetryInterval, name: &str) -> &'a TelemetryRow {
    let is_asked = |row: &&TelemetryRow| row.group.as_str() == "tool" && row.name.as_deref() == Some(name);
    interval.rows.iter().find(is_asked).unwrap()
}

/// What telemetry tells of these events.
pub(crate) async fn told(events: impl IntoIterator<Item = DomainEvent>) -> Option<DomainEvent> {
    let bus = RecordingEventBus::new();
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    for event in events {
        bus.emit(event);
        // So that it misses none.
        tokio::task::yield_now().await;
    }
    telemetry.close(Duration::from_mins(1)).await;
    bus.all::<TelemetryInterval>().pop().map(|told| told.event().as_ref().clone())
}

/// A journal.
pub(crate) struct Home {
    journal: Journal,
    /// Removed after the journal is closed.
    _temp: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let temp = TempDir::new().unwrap();
        let journal = Journal::builder(temp.path()).durability(Durability::Os).open().unwrap();
        Self { journal, _temp: temp }
    }

    pub(crate) async fn append(&self, event: DomainEvent) {
        self.journal.append(event).await.unwrap();
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn report(&self) -> TelemetryReport {
        TelemetryReport::read(self.journal.as_ref(), None).unwrap()
    }
}
