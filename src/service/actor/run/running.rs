//! [`Running`]: a run of an actor from its start to its one end.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::emitter::Emitter;
use crate::event::{
    ActorCompleted, ActorErrorKind, ActorErrored, ActorEscalated, CallId, EscalationReason, Scope,
};
use crate::redact::Redactor;
use crate::service::actor::model::{Conversation, Message, ModelError, Usage};
use crate::service::actor::{
    Actor, ActorFailure, ActorOutcome, ActorReport, ConversationSink, Escalation, FailurePolicy,
};
use crate::service::time::millis;

/// Why a loop ends.
pub(super) enum End {
    Answered(String),
    Limit(EscalationReason, String),
    Failed(ActorFailure),
}

impl End {
    pub(super) fn cancelled() -> Self {
        let message = "the actor was cancelled".to_owned();
        Self::Failed(ActorFailure { kind: ActorErrorKind::Cancelled, message, is_transient: false })
    }

    pub(super) fn model(error: &ModelError) -> Self {
        let (message, is_transient) = (error.to_string(), error.is_transient());
        Self::Failed(ActorFailure { kind: ActorErrorKind::Model, message, is_transient })
    }
}

/// A run from its start on. Dropped before its end, it tells that the actor was cancelled.
pub(super) struct Running {
    pub(super) emitter: Emitter,
    /// Caused by `actor.invoked`.
    pub(super) scope: Scope,
    pub(super) actor: Actor,
    pub(super) report: ActorReport,
    pub(super) started: Instant,
    pub(super) sink: Option<Arc<dyn ConversationSink>>,
    /// How long what the tools say of themselves is together, in bytes.
    pub(super) offered_bytes: usize,
    /// The ids of calls so far; a model may use one twice.
    pub(super) call_ids: HashSet<CallId>,
    pub(super) failures_in_a_row: u32,
    pub(super) is_over: bool,
}

impl Running {
    pub(super) fn end(&mut self, end: End) -> ActorOutcome {
        self.is_over = true;
        self.report.duration = self.started.elapsed();
        let report = self.report.clone();
        let (actor, iterations) = (self.actor.name.as_str(), report.iterations);
        let (Usage { input_tokens, output_tokens }, duration) = (report.usage, millis(report.duration));
        let cost = self.actor.budget.is_some().then_some(report.cost);
        match end {
            End::Answered(answer) => {
                self.emitter.emit_in(&self.scope, || {
                    let calls = report.tool_calls;
                    let mut details =
                        ActorCompleted::new(actor, iterations, calls, input_tokens, output_tokens, duration);
                    details.cost_usd = cost;
                    details
                });
                ActorOutcome::Completed { answer, report }
            }
            End::Limit(reason, limit) => {
                self.emitter.emit_in(&self.scope, || {
                    let mut details = ActorEscalated::new(actor, reason, limit.as_str(), iterations);
                    (details.input_tokens, details.output_tokens) = (Some(input_tokens), Some(output_tokens));
                    (details.cost_usd, details.duration_ms) = (cost, Some(duration));
                    details
                });
                ActorOutcome::Escalated { escalation: Escalation { reason, limit }, report }
            }
            End::Failed(failure) => {
                let is_cancelled = failure.kind == ActorErrorKind::Cancelled;
                self.emitter.emit_in(&self.scope, || {
                    let message = failure.message.as_str();
                    let mut details =
                        ActorErrored::new(actor, message, failure.kind, is_cancelled, iterations);
                    (details.input_tokens, details.output_tokens) = (Some(input_tokens), Some(output_tokens));
                    (details.cost_usd, details.duration_ms) = (cost, Some(duration));
                    details
                });
                if is_cancelled {
                    return ActorOutcome::Cancelled { report };
                }
                ActorOutcome::Errored { failure, report }
            }
        }
    }

    /// Adds what was said, and hands it to the sink.
    pub(super) async fn say(&mut self, message: Message) {
        if let Some(sink) = self.sink.clone() {
            let recorded = message.clone();
            let task = Scope::current().spawn(async move { sink.append(&recorded).await });
            let reason = match AbortOnDropHandle::new(task).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_panicked) => Some("the sink panicked".to_owned()),
            };
            if let Some(reason) = reason {
                // The record is not what the actor is for: it goes on, and the report says what is missing.
                self.report.unrecorded += 1;
                let reason = &*Redactor::new().redact_text(&reason);
                tracing::warn!(target: "agentbus::actor", actor = %self.actor.name, reason, "message_not_recorded");
            }
        }
        self.report.conversation.push(message);
    }

    /// Begins with what was said before, the instructions and the prompt.
    pub(super) async fn start(&mut self, conversation: Conversation, prompt: String) {
        self.report.conversation = conversation;
        if let Some(instructions) = self.actor.instructions.clone()
            && self.report.conversation.is_empty()
        {
            self.say(Message::System(instructions)).await;
        }
        self.say(Message::User(prompt)).await;
    }

    /// Whether the failures so far let it go on.
    pub(super) fn check_policy(&self) -> Result<(), End> {
        match self.actor.failure_policy {
            FailurePolicy::StopAfter(most) if self.failures_in_a_row >= most.get() => {
                let message = match self.failures_in_a_row {
                    1 => "a call of a tool failed".to_owned(),
                    calls => format!("{calls} calls of tools failed one after the other"),
                };
                Err(End::Failed(ActorFailure { kind: ActorErrorKind::Policy, message, is_transient: false }))
            }
            FailurePolicy::StopAfter(_) | FailurePolicy::GoOn => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _told = self.end(End::cancelled());
        }
    }
}
