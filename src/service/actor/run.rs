//! One run of an actor: its loop, and its one end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::model::{Conversation, Message, ModelError, Reply, ToolRequest, Usage};
use super::{
    Actor, ActorFailure, ActorOutcome, ActorReport, ActorRuntime, ActorTask, ConversationSink, Escalation,
    FailurePolicy,
};
use crate::emitter::Emitter;
use crate::event::{
    ActorCompleted, ActorErrorKind, ActorErrored, ActorEscalated, ActorInvoked, CallId, EscalationReason,
    Scope, Text, Usd,
};
use crate::service::budget::{BudgetError, Reservation};
use crate::service::time::millis;
use crate::service::tool::{ToolCall, ToolContext, ToolFailure, ToolResult, ToolSpec, panic_text};

/// Why a loop ends.
enum End {
    Answered(String),
    Limit(EscalationReason, String),
    Failed(ActorFailure),
}

impl End {
    fn cancelled() -> Self {
        let message = "the actor was cancelled".to_owned();
        Self::Failed(ActorFailure { kind: ActorErrorKind::Cancelled, message, is_transient: false })
    }

    fn model(error: &ModelError) -> Self {
        let (message, is_transient) = (error.to_string(), error.is_transient());
        Self::Failed(ActorFailure { kind: ActorErrorKind::Model, message, is_transient })
    }
}

/// A run from its start on. Dropped before its end, it tells that the actor was cancelled.
struct Running {
    emitter: Emitter,
    /// Caused by `actor.invoked`.
    scope: Scope,
    actor: Actor,
    report: ActorReport,
    started: Instant,
    sink: Option<Arc<dyn ConversationSink>>,
    /// The ids of calls so far; a model may use one twice.
    call_ids: HashSet<CallId>,
    failures_in_a_row: u32,
    is_over: bool,
}

impl Running {
    fn end(&mut self, end: End) -> ActorOutcome {
        self.is_over = true;
        self.report.duration = self.started.elapsed();
        let report = self.report.clone();
        let (actor, iterations) = (self.actor.name.as_str(), report.iterations);
        match end {
            End::Answered(answer) => {
                self.emitter.emit_in(&self.scope, || {
                    let Usage { input_tokens, output_tokens } = report.usage;
                    let duration = millis(report.duration);
                    let calls = report.tool_calls;
                    ActorCompleted::new(actor, iterations, calls, input_tokens, output_tokens, duration)
                });
                ActorOutcome::Completed { answer, report }
            }
            End::Limit(reason, limit) => {
                let details = || ActorEscalated::new(actor, reason, limit.as_str(), iterations);
                self.emitter.emit_in(&self.scope, details);
                ActorOutcome::Escalated { escalation: Escalation { reason, limit }, report }
            }
            End::Failed(failure) => {
                let is_cancelled = failure.kind == ActorErrorKind::Cancelled;
                self.emitter.emit_in(&self.scope, || {
                    ActorErrored::new(actor, failure.message.as_str(), failure.kind, is_cancelled, iterations)
                });
                if is_cancelled {
                    return ActorOutcome::Cancelled { report };
                }
                ActorOutcome::Errored { failure, report }
            }
        }
    }

    /// Adds what was said, and hands it to the sink.
    async fn say(&mut self, message: Message) {
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
                tracing::warn!(target: "agentbus::actor", actor = %self.actor.name, reason, "message_not_recorded");
            }
        }
        self.report.conversation.push(message);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _told = self.end(End::cancelled());
        }
    }
}

impl ActorRuntime {
    /// Runs the loop of `actor` for `task` to its end.
    ///
    /// # Cancel safety
    /// Dropped, the model and the tools are stopped, and `actor.errored` tells it.
    pub async fn run(&self, actor: &Actor, task: ActorTask) -> ActorOutcome {
        let tools = self.specs_for(actor);
        let stop = task.context.cancellation().child_token();
        let context = task.context.with_only(tools.iter().map(|spec| spec.name.clone()));
        let context = context.with_cancellation(stop.clone());
        let mut scope = Scope::current().with_actor_name(actor.name.as_str());
        if let Some(plan) = context.plan() {
            scope = scope.within_plan(plan);
        }
        let scope = self.emitter.open(&scope, || {
            let names: Vec<&str> = tools.iter().map(|spec| spec.name.as_str()).collect();
            let max = actor.limits.max_iterations.get();
            ActorInvoked::new(actor.name.as_str(), actor.model.name(), names, max)
        });
        let mut running = Running {
            emitter: self.emitter.clone(),
            scope: scope.clone(),
            actor: actor.clone(),
            report: ActorReport::default(),
            started: Instant::now(),
            sink: task.sink,
            call_ids: HashSet::new(),
            failures_in_a_row: 0,
            is_over: false,
        };
        let limit = actor.limits.timeout;
        let ended = scope.run(bounded(limit, &stop, async {
            running.start(task.conversation, task.prompt).await;
            loop {
                if let Err(end) = self.turn(&mut running, &context, &tools).await {
                    return end;
                }
            }
        }));
        let end = ended.await;
        running.end(end)
    }

    /// Asks the model once and runs what it asks for.
    async fn turn(&self, run: &mut Running, context: &ToolContext, tools: &[ToolSpec]) -> Result<(), End> {
        let limits = run.actor.limits;
        if context.cancellation().is_cancelled() {
            return Err(End::cancelled());
        }
        if run.report.iterations >= limits.max_iterations.get() {
            let limit = counted(limits.max_iterations.get(), "iteration", "iterations");
            return Err(End::Limit(EscalationReason::MaxIterations, limit));
        }
        let reservation = run.reserve()?;
        run.report.iterations += 1;
        let reply = tokio::select! {
            biased;
            () = context.cancellation().cancelled() => return Err(End::cancelled()),
            reply = ask(&run.actor, &run.report.conversation, tools) => reply,
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                // What it cost is paid all the same. If that is too much, the budget tells it; the loop ends anyway.
                let _ends_anyway = run.pay(reservation, error.usage());
                return Err(End::model(&error));
            }
        };
        run.pay(reservation, reply.usage)?;
        let Reply { text, tool_calls, .. } = reply;
        if text.is_empty() && tool_calls.is_empty() {
            let message = "it has neither a text nor a call of a tool";
            return Err(End::model(&ModelError::malformed(message)));
        }
        run.say(Message::Assistant { text: text.clone(), tool_calls: tool_calls.clone() }).await;
        if tool_calls.is_empty() {
            return Err(End::Answered(text));
        }
        let asked = u32::try_from(tool_calls.len()).unwrap_or(u32::MAX);
        if run.report.tool_calls.saturating_add(asked) > limits.max_tool_calls {
            let limit = counted(limits.max_tool_calls, "call of a tool", "calls of tools");
            return Err(End::Limit(EscalationReason::MaxToolCalls, limit));
        }
        self.call_tools(run, context, tools, tool_calls).await
    }

    /// Runs the calls of one reply: neighbours that change nothing together, any other alone, in their order.
    async fn call_tools(
        &self,
        run: &mut Running,
        context: &ToolContext,
        tools: &[ToolSpec],
        calls: Vec<ToolRequest>,
    ) -> Result<(), End> {
        let changes_nothing =
            |call: &ToolRequest| tools.iter().any(|spec| spec.name == call.name && spec.read_only);
        for batch in calls.chunk_by(|one, next| changes_nothing(one) && changes_nothing(next)) {
            let under_way: Vec<_> = batch
                .iter()
                .map(|request| {
                    run.report.tool_calls += 1;
                    let (runtime, context) = (self.tools.clone(), context.clone());
                    let call = tool_call(request, &mut run.call_ids);
                    let task = Scope::current().spawn(async move { runtime.call(call, &context).await });
                    AbortOnDropHandle::new(task)
                })
                .collect();
            for (request, task) in batch.iter().zip(under_way) {
                let (text, is_error) = match task.await {
                    Ok(Ok(result)) => (shown(result), false),
                    Ok(Err(failure)) => (told(&failure), true),
                    Err(_shutting_down) => return Err(End::cancelled()),
                };
                run.failures_in_a_row = if is_error { run.failures_in_a_row.saturating_add(1) } else { 0 };
                run.say(Message::Tool { id: request.id.clone(), content: text, is_error }).await;
            }
            run.check_policy()?;
        }
        Ok(())
    }

    /// What the actor may call, as the tools say of themselves.
    fn specs_for(&self, actor: &Actor) -> Vec<ToolSpec> {
        let mut specs = self.tools.specs();
        if let Some(names) = &actor.tools {
            specs.retain(|spec| names.contains(&spec.name));
        }
        specs
    }
}

impl Running {
    async fn start(&mut self, conversation: Conversation, prompt: String) {
        self.report.conversation = conversation;
        if let Some(instructions) = self.actor.instructions.clone()
            && self.report.conversation.is_empty()
        {
            self.say(Message::System(instructions)).await;
        }
        self.say(Message::User(prompt)).await;
    }

    fn check_policy(&self) -> Result<(), End> {
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

    fn reserve(&self) -> Result<Option<Reservation>, End> {
        let Some(budget) = &self.actor.budget else {
            return Ok(None);
        };
        let estimate = budget.estimate(&self.report.conversation);
        let reserved = budget.service.reserve(budget.tiers.clone(), estimate);
        reserved.map(Some).map_err(|error| End::Limit(EscalationReason::Budget, limit_of(&error)))
    }

    /// Counts what an answer took, and pays for it.
    fn pay(&mut self, reservation: Option<Reservation>, usage: Usage) -> Result<(), End> {
        self.report.usage = self.report.usage.plus(usage);
        let (Some(reservation), Some(budget)) = (reservation, &self.actor.budget) else {
            return Ok(());
        };
        let cost = budget.prices.cost(usage);
        self.report.cost = self.report.cost.saturating_add(cost);
        let settled = reservation.settle(cost);
        settled.map_err(|error| End::Limit(EscalationReason::Budget, limit_of(&error.reason)))
    }
}

/// How long what is under way may take to stop: longer than a call of a tool waits for what it ended.
const STOP_AT_MOST: Duration = Duration::from_secs(3);

/// Runs `work` until it ends, is cancelled or is out of time. What is under way then is told so by `stop`, and waited
/// for a moment, so that its own events come before the actor's last one.
async fn bounded(limit: Duration, stop: &CancellationToken, work: impl Future<Output = End>) -> End {
    tokio::pin!(work);
    let end = tokio::select! {
        biased;
        () = stop.cancelled() => End::cancelled(),
        end = &mut work => return end,
        () = tokio::time::sleep(limit) => {
            End::Limit(EscalationReason::Timeout, format!("{} s", limit.as_secs_f64()))
        }
    };
    stop.cancel();
    // How the work ends now does not count any more.
    drop(tokio::time::timeout(STOP_AT_MOST, work).await);
    end
}

/// Asks the model in a task of its own, so that its panic is an error.
async fn ask(actor: &Actor, conversation: &Conversation, tools: &[ToolSpec]) -> Result<Reply, ModelError> {
    let (model, conversation, tools) = (Arc::clone(&actor.model), conversation.clone(), tools.to_vec());
    let task = Scope::current().spawn(async move { model.respond(&conversation, &tools).await });
    AbortOnDropHandle::new(task).await.unwrap_or_else(|failed| {
        let panic = failed.try_into_panic().ok();
        let text = panic.as_deref().map_or("the runtime shuts down", panic_text);
        Err(ModelError::Failed { message: format!("it panicked: {text}") })
    })
}

/// The call that a request asks for. Its id is the model's, if that is one and was not used before.
fn tool_call(request: &ToolRequest, used: &mut HashSet<CallId>) -> ToolCall {
    let call = ToolCall::new(request.name.as_str(), request.input());
    match request.id.parse::<CallId>() {
        Ok(id) if used.insert(id.clone()) => call.with_id(id),
        _ => call,
    }
}

fn shown(result: ToolResult) -> String {
    if result.truncated {
        return format!("{}\n[the output was cut; it has {} bytes]", result.output, result.bytes);
    }
    result.output
}

fn told(failure: &ToolFailure) -> String {
    format!("error ({}): {}", failure.kind, failure.message)
}

/// A number with what it counts.
fn counted(number: u32, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// What a budget allows, with its unit.
fn limit_of(error: &BudgetError) -> String {
    match error {
        BudgetError::Exceeded { tier, limit, .. } => format!("{limit} USD for {tier}"),
        other => Text::from(other.to_string()).to_string(),
    }
}

impl Default for ActorReport {
    fn default() -> Self {
        Self {
            iterations: 0,
            tool_calls: 0,
            usage: Usage::default(),
            cost: Usd::ZERO,
            duration: Duration::ZERO,
            conversation: Conversation::new(),
            unrecorded: 0,
        }
    }
}
