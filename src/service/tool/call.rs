//! One call of a tool from its start to its one end.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::profile::{ApprovalDecision, ApprovalQuestion};
use super::spec::{ToolCall, ToolContext, ToolError, ToolOutput};
use super::{Registered, ToolFailure, ToolResult, ToolRuntime};
use crate::emitter::Emitter;
use crate::event::{
    CallId, Hash, Scope, ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked, ToolRetried,
};
use crate::service::backoff::delay_after;
use crate::service::blocking::blocking;
use crate::service::time::millis;

/// How long an attempt that was ended may take to be gone.
const END_AT_MOST: Duration = Duration::from_secs(1);

/// No wait between two attempts is longer.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// Why a call ends without a result.
struct Fault {
    kind: ToolErrorKind,
    message: String,
}

impl Fault {
    fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    fn refused(message: impl Into<String>) -> Self {
        Self::new(ToolErrorKind::Refused, message)
    }

    fn cancelled() -> Self {
        Self::new(ToolErrorKind::Cancelled, "the call was cancelled")
    }
}

/// Why an attempt gave no result.
enum Attempt {
    Ended(Fault),
    Transient(String),
}

/// What a tool is called in events where the model gave no name: an event could not be read back with none.
const UNNAMED: &str = "(unnamed)";

/// What is known of a call that runs. Dropped before its end, it tells that the call was cancelled.
struct Running {
    emitter: Emitter,
    tool: String,
    call_id: CallId,
    /// What the call's events are told in; from `tool.invoked` on, caused by it.
    scope: Scope,
    started: Instant,
    attempts: u32,
    is_over: bool,
}

impl Running {
    fn errored(&mut self, fault: Fault) -> ToolFailure {
        self.is_over = true;
        let Fault { kind, message } = fault;
        self.emitter.emit_in(&self.scope, || {
            let duration = millis(self.started.elapsed());
            let (tool, call) = (&self.tool, &self.call_id);
            ToolErrored::new(tool, call, message.as_str(), kind, self.attempts, duration)
        });
        let (tool, call_id) = (self.tool.clone(), self.call_id.clone());
        ToolFailure { tool, call_id, kind, message, attempts: self.attempts }
    }

    fn completed(&mut self, output: ToolOutput, limit: usize) -> ToolResult {
        self.is_over = true;
        let mut text = output.text;
        let (bytes, hash) = match output.whole {
            Some(whole) => (whole.bytes, whole.hash),
            None => (text.len() as u64, Hash::of(&text)),
        };
        let truncated = output.truncated || text.len() > limit;
        text.truncate(text.floor_char_boundary(limit));
        let duration = self.started.elapsed();
        self.emitter.emit_in(&self.scope, || {
            let (tool, call, duration) = (&self.tool, &self.call_id, millis(duration));
            ToolCompleted::new(tool, call, self.attempts, duration, bytes, hash, truncated)
        });
        let call_id = self.call_id.clone();
        ToolResult { call_id, output: text, truncated, bytes, hash, attempts: self.attempts, duration }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            let _told = self.errored(Fault::cancelled());
        }
    }
}

impl ToolRuntime {
    /// Calls a tool.
    ///
    /// The caller's scope is that of the call; the plan of `context`, if it has one, comes before the scope's. What
    /// the tool emits is caused by `tool.invoked`.
    ///
    /// # Errors
    /// [`ToolFailure`], whose kind says whether it was refused, failed, timed out, panicked or was cancelled.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled: the tool is stopped and `tool.errored` tells it.
    pub async fn call(&self, call: ToolCall, context: &ToolContext) -> Result<ToolResult, ToolFailure> {
        let scope = Scope::current();
        let scope = match context.plan() {
            Some(plan) => scope.within_plan(plan),
            None => scope,
        };
        let mut running = Running {
            emitter: self.inner.emitter.clone(),
            tool: if call.tool.is_empty() { UNNAMED.to_owned() } else { call.tool.clone() },
            call_id: call.id.clone(),
            scope,
            started: Instant::now(),
            attempts: 0,
            is_over: false,
        };
        match self.conduct(&call, context, &mut running).await {
            Ok(output) => Ok(running.completed(output, self.inner.options.output_limit)),
            Err(fault) => Err(running.errored(fault)),
        }
    }

    async fn conduct(
        &self,
        call: &ToolCall,
        context: &ToolContext,
        running: &mut Running,
    ) -> Result<ToolOutput, Fault> {
        let registered = self.find(&call.tool, context).map_err(Fault::refused)?;
        let (schema, input) = (Arc::clone(&registered), call.input.clone());
        // A check is bounded, and still too long for a thread on which others wait.
        let fits = blocking(move |_stop| schema.input.check(&input)).await;
        fits.map_err(|misfit| Fault::new(ToolErrorKind::Schema, misfit.to_string()))?;
        self.allow(call, &registered, context, &running.scope).await?;
        running.scope = self.inner.emitter.open(&running.scope, || {
            let input = call.input.to_string();
            let (hash, bytes) = (Hash::of(&input), input.len() as u64);
            ToolInvoked::new(&call.tool, &call.id, hash, bytes, registered.spec.read_only)
        });
        let max_attempts = self.inner.options.max_retries.saturating_add(1);
        loop {
            running.attempts += 1;
            let error = match self.attempt(&registered, call, context, &running.scope).await {
                Ok(output) => return Ok(output),
                Err(Attempt::Ended(fault)) => return Err(fault),
                Err(Attempt::Transient(error)) => error,
            };
            if running.attempts >= max_attempts {
                return Err(Fault::new(ToolErrorKind::Failed, error));
            }
            let delay = delay_after(running.attempts, self.inner.options.backoff, LONGEST_DELAY);
            self.inner.emitter.emit_in(&running.scope, || {
                let (next, delay) = (running.attempts + 1, millis(delay));
                ToolRetried::new(&call.tool, &call.id, next, max_attempts, error.as_str(), delay)
            });
            unless_cancelled(context, tokio::time::sleep(delay)).await?;
        }
    }

    /// Whether the safety profile lets such a call be, of a tool that may be called.
    async fn allow(
        &self,
        call: &ToolCall,
        registered: &Registered,
        context: &ToolContext,
        scope: &Scope,
    ) -> Result<(), Fault> {
        if context.cancellation().is_cancelled() {
            return Err(Fault::cancelled());
        }
        self.check_plan(scope.plan_id(), &registered.spec).map_err(Fault::refused)?;
        if let Some(approval) = &self.inner.options.profile.approval {
            let (approval, plan) = (Arc::clone(approval), scope.plan_id().cloned());
            let question = ApprovalQuestion { call: call.clone(), spec: registered.spec.clone(), plan };
            let asked = scope.clone().spawn(async move { approval.decide(&question).await });
            match unless_cancelled(context, AbortOnDropHandle::new(asked)).await? {
                Ok(ApprovalDecision::Approved) => {}
                Ok(ApprovalDecision::Refused { reason }) => return Err(Fault::refused(reason)),
                Err(_panicked) => return Err(Fault::refused("the approval of the call panicked")),
            }
        }
        self.count_call(scope.plan_id(), &registered.spec).map_err(Fault::refused)
    }

    async fn attempt(
        &self,
        registered: &Registered,
        call: &ToolCall,
        context: &ToolContext,
        scope: &Scope,
    ) -> Result<ToolOutput, Attempt> {
        let token = context.cancellation().child_token();
        let _cancelled_at_the_end = token.clone().drop_guard();
        let (tool, inside, input) =
            (Arc::clone(&registered.tool), context.clone().with_cancellation(token), call.input.clone());
        let task = scope.clone().spawn(async move { tool.call(&inside, input).await });
        let mut task = AbortOnDropHandle::new(task);
        let limit = registered.spec.timeout.unwrap_or(self.inner.options.timeout);
        let fault = tokio::select! {
            biased;
            ended = &mut task => return match ended {
                Ok(Ok(output)) => Ok(output),
                Ok(Err(ToolError::Transient { message })) => Err(Attempt::Transient(message)),
                Ok(Err(ToolError::Refused { message })) => Err(Attempt::Ended(Fault::refused(message))),
                Ok(Err(error)) => Err(Attempt::Ended(Fault::new(ToolErrorKind::Failed, error.to_string()))),
                Err(failed) => Err(Attempt::Ended(panicked(failed))),
            },
            () = context.cancellation().cancelled() => Fault::cancelled(),
            () = tokio::time::sleep(limit) => {
                let message = format!("it took longer than {} s", limit.as_secs_f64());
                Fault::new(ToolErrorKind::Timeout, message)
            }
        };
        task.abort();
        // So that what it holds is free again; one that does not yield is left to itself.
        drop(tokio::time::timeout(END_AT_MOST, task).await);
        Err(Attempt::Ended(fault))
    }
}

async fn unless_cancelled<T>(context: &ToolContext, future: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::select! {
        biased;
        () = context.cancellation().cancelled() => Err(Fault::cancelled()),
        done = future => Ok(done),
    }
}

fn panicked(failed: tokio::task::JoinError) -> Fault {
    match failed.try_into_panic() {
        Ok(panic) => {
            let message = format!("it panicked: {}", panic_text(&*panic));
            Fault::new(ToolErrorKind::Panicked, message)
        }
        // Nobody else has the handle, so only a runtime that shuts down ends the task.
        Err(_shutting_down) => Fault::cancelled(),
    }
}

/// What a panic says.
pub(in crate::service) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}
