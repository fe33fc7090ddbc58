//! One run of an actor: its loop, and its one end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::model::{Conversation, Message, ModelError, Reply};
use super::{Actor, ActorOutcome, ActorReport, ActorRuntime, ActorTask};
use crate::event::{ActorInvoked, EscalationReason, Scope};
use crate::service::tool::{ToolContext, ToolSpec, panic_text};

mod calling;
mod paying;
mod running;

use calling::call_tools;
use running::{End, Running};

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
            offered_bytes: tools.iter().map(ToolSpec::bytes).sum(),
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
        call_tools(&self.tools, run, context, tools, tool_calls).await
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

/// A number with what it counts.
fn counted(number: u32, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
