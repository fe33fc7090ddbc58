//! [`RecordingEventBus`]: a bus that keeps what was emitted.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryRecorder;
use crate::bus::{EventBus, EventHandler, FlushError, ReactiveEventBus, Receipt, Subscription};
use crate::event::{Details, DomainEvent, EventType};
use crate::filter::Filter;
use crate::stream::{EventStream, Typed};

/// A [`ReactiveEventBus`] that keeps every event, for assertions. Cheap to clone; clones share what they keep.
#[derive(Clone, Debug)]
pub struct RecordingEventBus {
    bus: ReactiveEventBus,
    recorder: MemoryRecorder,
}

impl Default for RecordingEventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordingEventBus {
    /// A bus that has kept nothing yet.
    pub fn new() -> Self {
        let recorder = MemoryRecorder::new();
        Self { bus: ReactiveEventBus::builder().journal(recorder.clone()).build(), recorder }
    }

    /// What was emitted, in order.
    pub fn events(&self) -> Vec<Arc<DomainEvent>> {
        self.recorder.events()
    }

    /// What was emitted since the last call, in order.
    pub fn take(&self) -> Vec<Arc<DomainEvent>> {
        self.recorder.take()
    }

    /// The kinds of what was emitted, in order.
    pub fn types(&self) -> Vec<EventType> {
        self.events().iter().map(|event| event.event_type()).collect()
    }

    /// The events with details of `D`, in order.
    pub fn all<D: Details>(&self) -> Vec<Typed<D>> {
        self.events().into_iter().filter_map(|event| Typed::new(event).ok()).collect()
    }

    /// The one event with details of `D`.
    ///
    /// # Panics
    /// If there is none or more than one; the message shows everything that was emitted.
    #[track_caller]
    pub fn only<D: Details>(&self) -> Typed<D> {
        let mut all = self.all::<D>();
        assert!(all.len() == 1, "expected one {}, found {}\n{}", D::TYPE, all.len(), self.transcript());
        all.remove(0)
    }

    /// Asserts that exactly these kinds were emitted, in this order.
    ///
    /// # Panics
    /// If not; the message shows everything that was emitted.
    #[track_caller]
    pub fn assert_types(&self, expected: impl IntoIterator<Item = EventType>) {
        let expected: Vec<_> = expected.into_iter().collect();
        assert!(self.types() == expected, "expected {expected:?}\n{}", self.transcript());
    }

    /// Asserts that an event of that kind was emitted.
    ///
    /// # Panics
    /// If not; the message shows everything that was emitted.
    #[track_caller]
    pub fn assert_emitted(&self, expected: EventType) {
        assert!(self.types().contains(&expected), "expected a {expected}\n{}", self.transcript());
    }

    /// Asserts that nothing was emitted.
    ///
    /// # Panics
    /// If something was; the message shows it.
    #[track_caller]
    pub fn assert_nothing(&self) {
        assert!(self.events().is_empty(), "expected nothing\n{}", self.transcript());
    }

    /// Everything that was emitted, an event a line.
    pub fn transcript(&self) -> String {
        let events = self.events();
        let mut text = format!("emitted ({}):\n", events.len());
        for event in events {
            let details = event.details_json().unwrap_or_else(|error| error.to_string());
            writeln!(text, "  {:24} {details}", event.type_name()).expect("a String takes any text");
        }
        text
    }
}

#[async_trait]
impl EventBus for RecordingEventBus {
    fn emit(&self, event: DomainEvent) -> Receipt {
        self.bus.emit(event)
    }

    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        self.bus.emit_arc(event)
    }

    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        self.bus.subscribe(filter, handler)
    }

    fn stream(&self, filter: Filter) -> EventStream {
        self.bus.stream(filter)
    }

    fn is_observed(&self, event_type: EventType) -> bool {
        self.bus.is_observed(event_type)
    }

    async fn flush(&self) -> Result<(), FlushError> {
        self.bus.flush().await
    }
}
