//! [`Agent`]: the services that work on one task, and the actor among them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use agentbus::bus::EventBus;
use agentbus::event::{MessageRole, PlanId, SessionId, Usd};
use agentbus::service::actor::{
    Actor, ActorBudget, ActorLimits, ActorOutcome, ActorRuntime, ActorTask, Conversation, ConversationSink,
    Message, SinkError, TokenPrices, Usage,
};
use agentbus::service::budget::{BudgetService, BudgetTier};
use agentbus::service::decision::DecisionService;
use agentbus::service::plan::PlanService;
use agentbus::service::sandbox::{Sandbox, SandboxService};
use agentbus::service::session::SessionService;
use agentbus::service::tool::{ToolContext, ToolOptions, ToolRuntime, built_in};
use agentbus::service::validation::ValidationPipeline;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::stages::Applied;
use crate::cli::summary::Sums;
use crate::cli::task::Task;

/// The services that work on one task.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) task: Task,
    /// The project that the sandbox is made from and committed to.
    pub(super) destination: PathBuf,
    pub(super) cancelled: CancellationToken,
    pub(super) sessions: SessionService,
    pub(super) plans: PlanService,
    pub(super) decisions: DecisionService,
    pub(super) sandboxes: SandboxService,
    pub(super) validations: ValidationPipeline,
    pub(super) budgets: BudgetService,
    tools: ToolRuntime,
    actors: ActorRuntime,
    /// Guards what the actor said and took; held for single moves.
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    conversation: Conversation,
    usage: Usage,
    cost: Usd,
    answer: Option<String>,
}

impl Agent {
    /// An agent that commits to `destination` and works in `workshop`.
    pub(super) fn new(
        task: Task,
        destination: &Path,
        workshop: &Path,
        bus: Option<&Arc<dyn EventBus>>,
        cancelled: &CancellationToken,
    ) -> Self {
        let bus = || bus.cloned();
        let options = ToolOptions::default().with_timeout(task.limits.tool_timeout());
        let tools = ToolRuntime::with_options(options, bus());
        for tool in built_in() {
            tools.register(tool).expect("the built-in tools have names of their own");
        }
        Self {
            destination: destination.to_owned(),
            cancelled: cancelled.clone(),
            sessions: SessionService::new(bus()),
            plans: PlanService::new(bus()),
            decisions: DecisionService::new(bus()),
            sandboxes: SandboxService::new(workshop, bus()),
            validations: ValidationPipeline::new(bus()),
            budgets: BudgetService::with_threshold(task.budget.warn_at, bus()),
            actors: ActorRuntime::new(tools.clone(), bus()),
            tools,
            said: Mutex::default(),
            task,
        }
    }

    /// The names of the tools that the actor may call.
    pub(super) fn tool_names(&self) -> String {
        self.tools.specs().into_iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
    }

    /// Says in the session what the actor is and what is wanted of it, before anything is done.
    pub(super) async fn open_conversation(&self, session: &SessionId) -> Result<(), SinkError> {
        let instructions = self.task.instructions.clone().map(Message::System);
        let sink = self.sink(session);
        for message in instructions.into_iter().chain([Message::User(self.task.goal.clone())]) {
            sink.append(&message).await?;
            self.said().conversation.push(message);
        }
        Ok(())
    }

    fn sink(&self, session: &SessionId) -> SessionSink {
        SessionSink { sessions: self.sessions.clone(), session: session.clone() }
    }

    /// Lets the actor work in `sandbox` on what `prompt` asks, until it is done.
    pub(super) async fn act(
        &self,
        session: &SessionId,
        sandbox: &Sandbox,
        prompt: String,
    ) -> Result<(), Ending> {
        let context = ToolContext::in_sandbox(sandbox.clone()).with_cancellation(self.cancelled.clone());
        let task = ActorTask::new(prompt)
            .with_context(context)
            .with_conversation(self.said().conversation.clone())
            .with_sink(Arc::new(self.sink(session)));
        let outcome = self.actors.run(&self.actor(sandbox.plan_id()), task).await;
        self.remember(&outcome);
        match outcome {
            ActorOutcome::Completed { .. } => Ok(()),
            ActorOutcome::Escalated { escalation, .. } => {
                Err(Ending::Escalated { reason: escalation.reason, limit: escalation.limit })
            }
            ActorOutcome::Errored { failure, .. } => Err(Ending::Actor { error: failure.message }),
            _ => Err(Ending::Cancelled),
        }
    }

    fn actor(&self, plan: &PlanId) -> Actor {
        let Task { limits, budget, .. } = &self.task;
        let prices = TokenPrices {
            input_per_million: budget.input_per_million,
            output_per_million: budget.output_per_million,
        };
        let tier = BudgetTier::from(plan.clone());
        Actor::new(self.task.actor.as_str(), self.task.model.clone())
            .with_limits(ActorLimits {
                max_iterations: limits.iterations,
                max_tool_calls: limits.tool_calls.get(),
                timeout: limits.timeout(),
            })
            .with_budget(ActorBudget::new(self.budgets.clone(), tier, prices))
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, outcome: &ActorOutcome) {
        let report = outcome.report();
        let mut said = self.said();
        said.conversation = report.conversation.clone();
        said.usage = said.usage.plus(report.usage);
        said.cost = said.cost.saturating_add(report.cost);
        if let ActorOutcome::Completed { answer, .. } = outcome {
            said.answer = Some(answer.clone());
        }
    }

    /// What the run came to.
    pub(super) fn sums(&self, applied: Option<&Applied>) -> Sums {
        let said = self.said();
        Sums {
            spent: said.cost,
            limit: self.task.budget.plan,
            tokens: (said.usage.input_tokens, said.usage.output_tokens),
            diff: applied.map(|applied| applied.diff.clone()),
            words: said.answer.clone(),
        }
    }
}

/// Keeps what is said in a session.
#[derive(Debug)]
struct SessionSink {
    sessions: SessionService,
    session: SessionId,
}

#[async_trait]
impl ConversationSink for SessionSink {
    async fn append(&self, message: &Message) -> Result<(), SinkError> {
        let (role, content, call) = match message {
            Message::System(text) => (MessageRole::System, text.clone(), None),
            Message::User(text) => (MessageRole::User, text.clone(), None),
            Message::Assistant { text, tool_calls } => {
                let asked: Vec<_> = tool_calls.iter().map(|call| format!("[calls {}]", call.name)).collect();
                let words = [text.as_str()].into_iter().chain(asked.iter().map(String::as_str));
                (MessageRole::Assistant, words.collect::<Vec<_>>().join("\n"), None)
            }
            // An id that cannot be one is left out: the message counts more than what it answers.
            Message::Tool { id, content, .. } => (MessageRole::Tool, content.clone(), id.parse().ok()),
        };
        let appended = self.sessions.append(&self.session, role, content, call);
        appended.map(|_message| ()).map_err(|error| SinkError::new(error.to_string()))
    }
}
