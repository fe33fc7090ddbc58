//! `abxbus`: a bus that calls async handlers itself, one event after the other. Its events are values of its own, with
//! the fields of ours.

use std::hint::black_box;
use std::sync::Arc;

use abxbus::event;
use abxbus::event_bus::{EventBus, EventBusOptions};
use agentbus::DomainEvent;
use agentbus::event::CallId;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Account, Publish, Rival, Wiring};
use crate::model::{CAPACITY, Source};

event! {
    struct ToolCompletedEvent {
        tool: String,
        call_id: String,
        attempts: u32,
        duration_ms: u64,
        output_bytes: u64,
        output_hash: String,
        truncated: bool,
        plan_id: String,
        event_result_type: Value,
    }
}

pub(crate) struct AbxBus {
    bus: Arc<EventBus>,
}

/// A publisher, with the names of the call and the plan as text.
pub(crate) struct Publisher {
    bus: Arc<EventBus>,
    call: String,
    hash: String,
}

impl Publisher {
    fn publish(&self, plan: String) {
        self.bus.emit(ToolCompletedEvent {
            tool: "edit_file".to_owned(),
            call_id: self.call.clone(),
            attempts: 1,
            duration_ms: 12,
            output_bytes: 2_048,
            output_hash: self.hash.clone(),
            truncated: false,
            plan_id: plan,
            ..Default::default()
        });
    }
}

impl Publish for Publisher {
    fn fresh(&mut self, source: &Source) {
        self.publish(source.plan().to_string());
    }

    /// It cannot emit an event twice: it is built anew.
    fn prebuilt(&mut self, event: &Arc<DomainEvent>) {
        self.publish(event.plan_id().map(ToString::to_string).unwrap_or_default());
    }
}

impl Rival for AbxBus {
    const NAME: &'static str = "abxbus";
    type Publisher = Publisher;

    fn open(wiring: Wiring<'_>) -> Self {
        let bus = EventBus::new_with_options(
            None,
            EventBusOptions {
                max_history_size: Some(CAPACITY),
                max_history_drop: true,
                event_handler_detect_file_paths: false,
                ..EventBusOptions::default()
            },
        );
        for seat in wiring.seats {
            let seat = Arc::new(seat);
            bus.on(ToolCompletedEvent, move |event: ToolCompletedEvent| {
                let seat = Arc::clone(&seat);
                async move {
                    black_box(event);
                    seat.had(1);
                    Ok(json!(null))
                }
            });
        }
        Self { bus }
    }

    fn publishers(&mut self, count: usize) -> Vec<Publisher> {
        let call = CallId::generate().to_string();
        let publisher =
            || Publisher { bus: Arc::clone(&self.bus), call: call.clone(), hash: "07".repeat(32) };
        (0..count).map(|_| publisher()).collect()
    }

    fn close(self, _: &Handle) -> Account {
        self.bus.destroy();
        Account::None
    }
}
