//! [`LoggingEventBus`]: events become log lines, and nothing else is needed.

use std::sync::Arc;

use async_trait::async_trait;

use super::core::Core;
use super::handler::EventHandler;
use super::reactive::{lanes, subscribe};
use super::route::Capacities;
use super::subscription::Subscription;
use super::{EventBus, FlushError, Receipt, flush};
use crate::event::{Category, DomainEvent, EventType, Severity};
use crate::filter::Filter;
use crate::redact::Redactor;
use crate::stream::EventStream;

/// The bus for serverless runs: one `tracing` event per emission, without a runtime.
///
/// Target `agentbus::<category>`, level by severity, the envelope as fields, the details as one field of JSON that is
/// redacted and made only where the level is enabled. Handlers run as they do on a
/// [`ReactiveEventBus`](super::ReactiveEventBus); a stream is at its end at once.
#[derive(Clone, Debug)]
pub struct LoggingEventBus {
    core: Arc<Core>,
    redactor: Redactor,
}

impl Default for LoggingEventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl LoggingEventBus {
    /// A bus that masks the secrets that the default redactor knows.
    pub fn new() -> Self {
        Self::with_redactor(Redactor::default())
    }

    /// A bus that masks the secrets that `redactor` knows.
    pub fn with_redactor(redactor: Redactor) -> Self {
        let none = lanes(std::num::NonZeroUsize::MIN);
        let capacities = Capacities { broad: none, narrow: none };
        Self { core: Arc::new(Core::new(capacities, redactor.clone(), None)), redactor }
    }
}

#[async_trait]
impl EventBus for LoggingEventBus {
    fn emit(&self, event: DomainEvent) -> Receipt {
        self.emit_arc(Arc::new(event))
    }

    fn emit_arc(&self, event: Arc<DomainEvent>) -> Receipt {
        let announce = |event: &DomainEvent| super::report::quietly(|| log(event, &self.redactor));
        self.core.emit(event, Some(announce))
    }

    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        subscribe(&self.core, filter, handler)
    }

    fn stream(&self, _filter: Filter) -> EventStream {
        EventStream::ended()
    }

    fn is_observed(&self, event_type: EventType) -> bool {
        self.core.is_observed(event_type) || is_enabled(event_type.category(), event_type.severity())
    }

    async fn flush(&self) -> Result<(), FlushError> {
        flush::flush(&self.core).await
    }
}

/// A `tracing` call site has its target and level for good, so there is one for each pair.
macro_rules! by_target_and_level {
    ($category:expr, $severity:expr, $do:ident!$with:tt, [$($name:ident = $target:literal),+ $(,)?]) => {
        match ($category, $severity) {
            $(
                (Category::$name, Severity::Info) => $do!($target, tracing::Level::INFO, $with),
                (Category::$name, Severity::Warn) => $do!($target, tracing::Level::WARN, $with),
                (Category::$name, Severity::Error) => $do!($target, tracing::Level::ERROR, $with),
            )+
        }
    };
    ($category:expr, $severity:expr, $do:ident!$with:tt) => {
        by_target_and_level!($category, $severity, $do!$with, [
            Plan = "agentbus::plan", Decision = "agentbus::decision", Invariant = "agentbus::invariant",
            Actor = "agentbus::actor", Tool = "agentbus::tool", Resource = "agentbus::resource",
            Sandbox = "agentbus::sandbox", Context = "agentbus::context", Validation = "agentbus::validation",
            Session = "agentbus::session", Cost = "agentbus::cost", Custom = "agentbus::custom",
        ])
    };
}

macro_rules! enabled_at {
    ($target:literal, $level:expr, ()) => {
        tracing::enabled!(target: $target, $level)
    };
}

macro_rules! log_at {
    ($target:literal, $level:expr, ($event:ident, $redactor:ident)) => {
        if tracing::enabled!(target: $target, $level) {
            let details = details($event, $redactor);
            tracing::event!(
                target: $target,
                $level,
                id = %$event.id(),
                seq = $event.seq().map(crate::event::Seq::get),
                origin = $event.origin().map(tracing::field::display),
                event_type = &*$redactor.redact_text($event.type_name()),
                timestamp = %$event.timestamp(),
                correlation_id = told($redactor, "correlation_id", $event.correlation_id()),
                causation_id = $event.causation_id().map(tracing::field::display),
                plan_id = $event.plan_id().map(|id| told($redactor, "plan_id", id)),
                root_plan_id = $event.root_plan_id().map(|id| told($redactor, "root_plan_id", id)),
                session_id = $event.session_id().map(|id| told($redactor, "session_id", id)),
                actor_name = $event.actor_name().map(|name| told($redactor, "actor_name", name)),
                project_name = $event.project_name().map(|name| told($redactor, "project_name", name)),
                user_identity = $event.user_identity().map(|name| told($redactor, "user_identity", name)),
                traceparent = $event.trace().map(tracing::field::display),
                attributes = attributes($event, $redactor),
                details,
            );
        }
    };
}

fn is_enabled(category: Category, severity: Severity) -> bool {
    by_target_and_level!(category, severity, enabled_at!())
}

fn log(event: &DomainEvent, redactor: &Redactor) {
    by_target_and_level!(event.category(), event.severity(), log_at!(event, redactor));
}

/// A name or an id of the envelope: both can be texts of others.
fn told(redactor: &Redactor, key: &str, name: &impl std::fmt::Display) -> String {
    redactor.redact_name(key, &name.to_string()).into_owned()
}

/// What the embedder attached, as JSON; none if that is nothing.
fn attributes(event: &DomainEvent, redactor: &Redactor) -> Option<String> {
    let attached: std::collections::BTreeMap<_, _> = event.attributes().collect();
    if attached.is_empty() {
        return None;
    }
    let json = serde_json::to_string(&attached).ok()?;
    Some(redactor.redact_part(event, "attributes", &json).into_owned())
}

fn details(event: &DomainEvent, redactor: &Redactor) -> String {
    match event.details_json() {
        Ok(json) => redactor.redact_part(event, "details", &json).into_owned(),
        Err(error) => format!("(no JSON form: {})", redactor.redact_text(&error.to_string())),
    }
}
