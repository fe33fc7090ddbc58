//! [`Agent`]: the services that work on one task, and the actor among them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use agentbus::bus::EventBus;
use agentbus::event::{MessageRole, PlanId, SessionId, Text, Usd};
use agentbus::service::actor::{
    Actor, ActorBudget, ActorLimits, ActorOutcome, ActorRuntime, ActorTask, Conversation, ConversationSink,
    LanguageModel, Message, SinkError, TokenPrices, Usage,
};
use agentbus::service::budget::{BudgetService, BudgetTier, BudgetTiers};
use agentbus::service::decision::DecisionService;
use agentbus::service::invariant::InvariantService;
use agentbus::service::plan::PlanService;
use agentbus::service::resource::ResourceService;
use agentbus::service::sandbox::{Sandbox, SandboxService};
use agentbus::service::session::SessionService;
use agentbus::service::tool::{Tool, ToolContext, ToolOptions, ToolRuntime, built_in};
use agentbus::service::validation::ValidationPipeline;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::rules::Rules;
use super::stages::Applied;
use crate::cli::state::State;
use crate::cli::summary::Sums;
use crate::cli::task::Task;

/// The services that work on one task.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) task: Task,
    pub(super) bus: Option<Arc<dyn EventBus>>,
    /// The project that the sandbox is made from and committed to.
    pub(super) destination: PathBuf,
    pub(super) cancelled: CancellationToken,
    pub(super) sessions: SessionService,
    pub(super) plans: PlanService,
    pub(super) decisions: DecisionService,
    pub(super) sandboxes: SandboxService,
    pub(super) resources: ResourceService,
    pub(super) validations: ValidationPipeline,
    pub(super) budgets: BudgetService,
    pub(super) tools: ToolRuntime,
    pub(super) actors: ActorRuntime,
    /// What plans are held to.
    pub(super) rules: Arc<Rules>,
    /// Guards what was said and taken; held for single moves.
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// Where it is recorded.
    session: Option<SessionId>,
    conversation: Conversation,
    usage: Usage,
    cost: Usd,
    /// How many messages the session did not take.
    unrecorded: u64,
    /// How many answers did not say what they took.
    unmetered: u64,
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
        let tools = tools(&task, bus());
        let sandboxes = SandboxService::new(workshop, bus());
        let rules = Arc::new(Rules::new(InvariantService::new(bus()), sandboxes.clone()));
        Self {
            bus: bus(),
            destination: destination.to_owned(),
            cancelled: cancelled.clone(),
            sessions: SessionService::new(bus()),
            plans: PlanService::new(bus()).with_gate(Arc::<Rules>::clone(&rules)),
            decisions: DecisionService::new(bus()),
            sandboxes,
            resources: ResourceService::new(bus()),
            validations: ValidationPipeline::new(bus()),
            budgets: BudgetService::with_threshold(task.budget.warn_at, bus()),
            actors: ActorRuntime::new(tools.clone(), bus()),
            tools,
            rules,
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
        self.said().session = Some(session.clone());
        let instructions = self.task.instructions.clone();
        let rules: Vec<_> = self.task.rules.iter().map(|rule| format!("- {}", rule.text)).collect();
        let rules = (!rules.is_empty()).then(|| format!("What must hold:\n{}", rules.join("\n")));
        for message in instructions.into_iter().chain(rules) {
            self.say(Message::System(message)).await?;
        }
        self.say(Message::User(self.task.goal.clone())).await
    }

    /// Says something to the actor, which it finds in its conversation.
    pub(super) async fn say(&self, message: Message) -> Result<(), SinkError> {
        if let Some(sink) = self.sink() {
            sink.append(&message).await?;
        }
        self.said().conversation.push(message);
        Ok(())
    }

    fn sink(&self) -> Option<SessionSink> {
        let session = self.said().session.clone()?;
        Some(SessionSink { sessions: self.sessions.clone(), session })
    }

    /// Lets the actor work in `sandbox` on what `prompt` asks, until it is done.
    pub(super) async fn act(&self, sandbox: &Sandbox, prompt: String) -> Result<(), Ending> {
        let conversation = self.said().conversation.clone();
        let mut task =
            ActorTask::new(prompt).with_context(self.tool_context(sandbox)).with_conversation(conversation);
        if let Some(sink) = self.sink() {
            task = task.with_sink(Arc::new(sink));
        }
        let actor = self.actor(&self.task.actor, Arc::clone(&self.task.model), [sandbox.plan_id()]);
        let outcome = self.actors.run(&actor, task).await;
        self.remember(&outcome);
        match outcome {
            ActorOutcome::Completed { .. } => Ok(()),
            ActorOutcome::Escalated { escalation, .. } => {
                Err(Ending::Escalated { reason: escalation.reason, limit: escalation.limit })
            }
            ActorOutcome::Errored { failure, .. } => {
                Err(Ending::Actor { error: failure.message, is_transient: failure.is_transient })
            }
            _ => Err(Ending::Cancelled),
        }
    }

    /// The context of calls of tools in `sandbox`.
    pub(super) fn tool_context(&self, sandbox: &Sandbox) -> ToolContext {
        ToolContext::in_sandbox(sandbox.clone())
            .with_resources(self.resources.clone())
            .with_cancellation(self.cancelled.clone())
    }

    /// An actor of the task, within its limits, paid by those plans.
    pub(super) fn actor<'a>(
        &self,
        name: &Text,
        model: Arc<dyn LanguageModel>,
        paid_by: impl IntoIterator<Item = &'a PlanId>,
    ) -> Actor {
        let Task { limits, budget, .. } = &self.task;
        let prices = TokenPrices {
            input_per_million: budget.input_per_million,
            output_per_million: budget.output_per_million,
        };
        let tiers: BudgetTiers = paid_by.into_iter().cloned().map(BudgetTier::from).collect();
        Actor::new(name.as_str(), model)
            .with_limits(ActorLimits {
                max_iterations: limits.iterations,
                max_tool_calls: limits.tool_calls.get(),
                timeout: limits.timeout(),
            })
            .with_budget(ActorBudget::new(self.budgets.clone(), tiers, prices))
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, outcome: &ActorOutcome) {
        self.count(outcome);
        let mut said = self.said();
        said.conversation = outcome.report().conversation.clone();
        if let ActorOutcome::Completed { answer, .. } = outcome {
            said.answer = Some(answer.clone());
        }
    }

    /// Adds what a run of an actor took.
    pub(super) fn count(&self, outcome: &ActorOutcome) {
        let report = outcome.report();
        let mut said = self.said();
        said.usage = said.usage.plus(report.usage);
        said.cost = said.cost.saturating_add(report.cost);
        said.unrecorded += u64::from(report.unrecorded);
        said.unmetered += u64::from(report.unmetered);
    }

    /// What the plans and decisions are at.
    pub(super) fn state(&self) -> State {
        State::of(&self.plans, &self.decisions)
    }

    /// What the run came to.
    pub(super) fn sums(&self, applied: Option<&Applied>) -> Sums {
        let said = self.said();
        Sums {
            spent: said.cost,
            limit: self.task.budget.plan,
            tokens: (said.usage.input_tokens, said.usage.output_tokens),
            unrecorded: said.unrecorded,
            unmetered: said.unmetered,
            diff: applied.map(|applied| applied.diff.clone()),
            words: said.answer.clone(),
        }
    }
}

/// The built-in tools and those of the task.
fn tools(task: &Task, bus: Option<Arc<dyn EventBus>>) -> ToolRuntime {
    let options = ToolOptions::default().with_timeout(task.limits.tool_timeout());
    let tools = ToolRuntime::with_options(options, bus);
    let of_task = task.tools.iter().map(|tool| Arc::clone(tool) as Arc<dyn Tool>);
    for tool in built_in().into_iter().chain(of_task) {
        tools.register(tool).expect("the task was read with tools that can stand beside each other");
    }
    tools
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
