//! [`Agent`]: the services that work on one task, and the actor among them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentbus::bus::EventBus;
use agentbus::event::{PlanId, SessionId, Text};
use agentbus::service::actor::{
    Actor, ActorBudget, ActorLimits, ActorOutcome, ActorRuntime, ActorTask, ConversationSink as _,
    LanguageModel, Message, SinkError, TokenPrices,
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
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::keeping::Keeping;
use super::kept::Come;
use super::metering::Meter;
use super::rules::Rules;
use super::said::Said;
use super::services::{Earlier, Services};
use super::sink::{Purse, SessionSink};
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
    pub(super) meter: Meter,
    pub(super) tools: ToolRuntime,
    pub(super) actors: ActorRuntime,
    /// What plans are held to.
    pub(super) rules: Arc<Rules>,
    /// Where the run saves how far it has come, if it does.
    pub(super) keeping: Option<Arc<Keeping>>,
    /// The session and the plan of the run that is gone on with, if one is.
    pub(super) earlier: Option<(SessionId, PlanId)>,
    pub(super) started: Instant,
    /// How long the run had taken before.
    pub(super) before: Duration,
    /// Guards what was said and taken, and how far that has led; held for single moves.
    pub(super) said: Mutex<Said>,
}

impl Agent {
    /// An agent that commits to `destination` and works with `services`.
    pub(super) fn new(
        task: Task,
        destination: &Path,
        services: Services,
        bus: Option<&Arc<dyn EventBus>>,
        cancelled: &CancellationToken,
    ) -> Self {
        let bus = || bus.cloned();
        let tools = tools(&task, bus());
        let Services { sessions, plans, decisions, budgets, meter, sandboxes, keeping, earlier } = services;
        let (mut said, mut before) = (Said::default(), Duration::ZERO);
        let earlier = earlier.map(|Earlier { kept, come }| {
            let Come { conversation, taken, elapsed_ms, progress } = come;
            said = Said { conversation, taken, progress, ..Said::default() };
            before = Duration::from_millis(elapsed_ms);
            (kept.session_id, kept.plan_id)
        });
        let rules = Arc::new(Rules::new(InvariantService::new(bus()), sandboxes.clone()));
        Self {
            bus: bus(),
            destination: destination.to_owned(),
            cancelled: cancelled.clone(),
            sessions,
            plans: plans.with_gate(Arc::<Rules>::clone(&rules)),
            decisions,
            sandboxes,
            resources: ResourceService::new(bus()),
            validations: ValidationPipeline::new(bus()),
            budgets,
            meter,
            actors: ActorRuntime::new(tools.clone(), bus()),
            tools,
            rules,
            keeping: keeping.map(Arc::new),
            earlier,
            started: Instant::now(),
            before,
            said: Mutex::new(said),
            task,
        }
    }

    /// The names of the tools that the actor may call.
    pub(super) fn tool_names(&self) -> String {
        self.tools.specs().into_iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
    }

    /// Says in the session what the actor is and what is wanted of it, before anything is done.
    pub(super) async fn open_conversation(&self) -> Result<(), SinkError> {
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
        Some(SessionSink { sessions: self.sessions.clone(), session, purse: None })
    }

    /// Who keeps what an actor spends, if the run saves how far it has come.
    pub(super) fn purse(&self) -> Option<Arc<Purse>> {
        let keeping = Arc::clone(self.keeping.as_ref()?);
        Some(Arc::new(Purse::new(keeping, self.budgets.clone(), self.meter.clone(), &self.cancelled)))
    }

    /// Lets the actor work in `sandbox` on what `prompt` asks, until it is done.
    pub(super) async fn act(&self, sandbox: &Sandbox, prompt: String) -> Result<(), Ending> {
        let conversation = self.said().conversation.clone();
        let purse = self.purse();
        let context = self.tool_context(sandbox, purse.as_deref());
        let mut task = ActorTask::new(prompt).with_context(context).with_conversation(conversation);
        if let Some(sink) = self.sink() {
            task = task.with_sink(Arc::new(SessionSink { purse: purse.clone(), ..sink }));
        }
        let actor = self.actor(&self.task.actor, &self.task.model, [sandbox.plan_id()]);
        let outcome = self.actors.run(&actor, task).await;
        self.remember(&outcome);
        if let Some(purse) = purse {
            purse.close()?;
        }
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

    /// The context in which an actor works in `sandbox`, and calls tools: for as long as what it spends is kept.
    pub(super) fn tool_context(&self, sandbox: &Sandbox, purse: Option<&Purse>) -> ToolContext {
        ToolContext::in_sandbox(sandbox.clone())
            .with_resources(self.resources.clone())
            .with_cancellation(purse.map_or(&self.cancelled, Purse::stop).clone())
    }

    /// An actor of the task, within its limits, paid by those plans.
    pub(super) fn actor<'a>(
        &self,
        name: &Text,
        model: &Arc<dyn LanguageModel>,
        paid_by: impl IntoIterator<Item = &'a PlanId>,
    ) -> Actor {
        let Task { limits, budget, .. } = &self.task;
        let prices = TokenPrices {
            input_per_million: budget.input_per_million,
            output_per_million: budget.output_per_million,
        };
        let tiers: BudgetTiers = paid_by.into_iter().cloned().map(BudgetTier::from).collect();
        Actor::new(name.as_str(), self.meter.on(model))
            .with_limits(ActorLimits {
                max_iterations: limits.iterations,
                max_tool_calls: limits.tool_calls.get(),
                timeout: limits.timeout(),
            })
            .with_budget(ActorBudget::new(self.budgets.clone(), tiers, prices))
    }

    fn remember(&self, outcome: &ActorOutcome) {
        self.count(outcome);
        let mut said = self.said();
        said.taken.questions += u64::from(outcome.report().iterations);
        said.conversation = outcome.report().conversation.clone();
        if let ActorOutcome::Completed { answer, .. } = outcome {
            said.answer = Some(answer.clone());
        }
    }

    /// Adds what a run of an actor took.
    pub(super) fn count(&self, outcome: &ActorOutcome) {
        let report = outcome.report();
        let mut said = self.said();
        let taken = &mut said.taken;
        taken.unrecorded += u64::from(report.unrecorded);
    }

    /// What the plans and decisions are at.
    pub(super) fn state(&self) -> State {
        State::of(&self.plans, &self.decisions)
    }

    /// What the run came to.
    pub(super) fn sums(&self, applied: Option<&Applied>) -> Sums {
        let said = self.said();
        // By its account, which is kept with each answer: what was taken is only known as of the last checkpoint.
        let spent = said.plan.clone().map(|plan| self.budgets.status(&plan.into()).spent);
        let (taken, metered) = (&said.taken, self.meter.read());
        Sums {
            spent: spent.unwrap_or_default(),
            limit: self.task.budget.plan,
            tokens: (metered.input_tokens, metered.output_tokens),
            unrecorded: taken.unrecorded,
            unmetered: metered.unmetered,
            diff: applied.and_then(|applied| applied.diff.clone()),
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
