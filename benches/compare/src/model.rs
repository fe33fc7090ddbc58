//! The event that every side carries: `tool.completed` with short names, in one plan.

use std::sync::Arc;

use agentbus::event::{CallId, Hash, PlanId, Scope, ToolCompleted};
use agentbus::{DomainEvent, Emitter, EventBus, ReactiveEventBus};

/// How many events a channel holds for its slowest reader, on every side.
pub const CAPACITY: usize = 4_096;

/// Makes typical events, of one call in one plan.
#[derive(Clone, Debug)]
pub struct Source {
    plan: PlanId,
    call: CallId,
    scope: Scope,
}

impl Source {
    /// A source of its own plan.
    pub fn of_a_new_plan() -> Self {
        let plan = PlanId::generate();
        Self { call: CallId::generate(), scope: Scope::new().with_plan_id(plan.clone()), plan }
    }

    /// As many sources, each of its own plan.
    pub fn of_plans(plans: usize) -> Vec<Self> {
        (0..plans).map(|_| Self::of_a_new_plan()).collect()
    }

    /// The plan of its events.
    pub fn plan(&self) -> &PlanId {
        &self.plan
    }

    /// The details of the next event.
    pub fn details(&self) -> ToolCompleted {
        let output = Hash::from_bytes([7; 32]);
        ToolCompleted::new("edit_file", self.call.clone(), 1, 12, 2_048, output, false)
    }

    /// The next event.
    pub fn event(&self) -> DomainEvent {
        DomainEvent::new_in(&self.scope, self.details())
    }

    /// The next event, as it is shared.
    pub fn shared(&self) -> Arc<DomainEvent> {
        Arc::new(self.event())
    }

    /// Emits the next event as a service does: it is built if somebody observes its kind.
    #[inline]
    pub fn emit(&self, emitter: &Emitter) {
        emitter.emit_in(&self.scope, || self.details());
    }
}

/// A bus that holds [`CAPACITY`] events on each route, and what emits to it.
pub fn bus() -> (ReactiveEventBus, Emitter) {
    let bus = ReactiveEventBus::builder().capacity(CAPACITY).id_capacity(CAPACITY).build();
    let shared: Arc<dyn EventBus> = Arc::new(bus.clone());
    (bus, Emitter::new(Some(shared)))
}
