//! One line of words for each kind of event, made from its details.

use agentbus::event::{
    ActorCompleted, ActorErrored, ActorEscalated, ActorInvoked, BudgetExceeded, BudgetWarning,
    CheckpointCreated, CheckpointRestored, DecisionApproved, DecisionCorrected, DecisionCreated,
    DecisionSuperseded, PlanApplied, PlanCancelled, PlanCreated, PlanErrored, PlanPhaseChanged,
    PlanStateChanged, ResourceAccessed, ResourceIndexed, ResourceModified, SandboxCommitted, SandboxCreated,
    SandboxRolledBack, SessionCreated, SessionMessageSent, Text, ToolCompleted, ToolErrored, ToolInvoked,
    ToolRetried, ValidationFailed, ValidationPassed, ValidationStarted,
};
use agentbus::telemetry::{TelemetryGroup, TelemetryInterval};
use agentbus::{DomainEvent, Payload};

use super::amounts::{bytes, counted, millis};

/// What `event` says, in words; not escaped, and as long as its details make it.
pub(super) fn words(event: &DomainEvent) -> String {
    match event.payload() {
        Payload::PlanCreated(plan) => plan_created(plan),
        Payload::PlanPhaseChanged(plan) => phase_changed(plan),
        Payload::PlanStateChanged(plan) => state_changed(plan),
        Payload::PlanApplied(plan) => applied(plan),
        Payload::PlanCancelled(plan) => cancelled(plan),
        Payload::PlanErrored(plan) => plan_errored(plan),
        Payload::DecisionCreated(decision) => decided(decision),
        Payload::DecisionApproved(decision) => approved(decision),
        Payload::DecisionCorrected(decision) => corrected(decision),
        Payload::DecisionSuperseded(decision) => superseded(decision),
        Payload::ActorInvoked(actor) => actor_invoked(actor),
        Payload::ActorCompleted(actor) => actor_completed(actor),
        Payload::ActorErrored(actor) => actor_errored(actor),
        Payload::ActorEscalated(actor) => actor_escalated(actor),
        Payload::ToolInvoked(tool) => tool_invoked(tool),
        Payload::ToolCompleted(tool) => tool_completed(tool),
        Payload::ToolErrored(tool) => tool_errored(tool),
        Payload::ToolRetried(tool) => tool_retried(tool),
        Payload::ResourceAccessed(resource) => accessed(resource),
        Payload::ResourceModified(resource) => modified(resource),
        Payload::ResourceIndexed(resource) => indexed(resource),
        Payload::SandboxCreated(sandbox) => sandbox_created(sandbox),
        Payload::SandboxCommitted(sandbox) => committed(sandbox),
        Payload::SandboxRolledBack(sandbox) => rolled_back(sandbox),
        Payload::CheckpointCreated(checkpoint) => checkpoint_created(checkpoint),
        Payload::CheckpointRestored(checkpoint) => restored(checkpoint),
        Payload::ValidationStarted(run) => validation_started(run),
        Payload::ValidationPassed(run) => validation_passed(run),
        Payload::ValidationFailed(run) => validation_failed(run),
        Payload::SessionCreated(session) => session_created(session),
        Payload::SessionMessageSent(message) => message_sent(message),
        Payload::BudgetWarning(budget) => budget_warning(budget),
        Payload::BudgetExceeded(budget) => budget_exceeded(budget),
        _ => event.details().map_or_else(
            || event.details_json().unwrap_or_else(|_no_json| "details without a JSON form".to_owned()),
            measured,
        ),
    }
}

fn measured(interval: &TelemetryInterval) -> String {
    let kinds = interval.rows.iter().filter(|row| row.group == TelemetryGroup::Kind);
    let (rows, events) =
        kinds.fold((0_u64, 0_u64), |(rows, events), row| (rows + 1, events.saturating_add(row.count)));
    let span = interval.to.since(interval.from).as_millis();
    let span = millis(u64::try_from(span).unwrap_or(u64::MAX));
    format!("{} of {} within {span}", counted(events, "event"), counted(rows, "kind"))
}

fn plan_created(plan: &PlanCreated) -> String {
    format!("\"{}\" on {}", plan.name, names(&plan.project_names, plan.project_names.more()))
}

fn phase_changed(plan: &PlanPhaseChanged) -> String {
    let back = if plan.reversion { "back " } else { "" };
    because(format!("{back}from {} to {}", plan.from, plan.to), plan.reason.as_deref())
}

fn state_changed(plan: &PlanStateChanged) -> String {
    because(format!("{}: {} to {}", plan.phase, plan.from, plan.to), plan.reason.as_deref())
}

fn applied(plan: &PlanApplied) -> String {
    format!(
        "{}, +{} -{} lines, {} passed, {}",
        counted(plan.files_changed, "file"),
        plan.lines_added,
        plan.lines_removed,
        counted(plan.validations_passed, "validation"),
        millis(plan.duration_ms)
    )
}

fn cancelled(plan: &PlanCancelled) -> String {
    format!("in {}, {}: {}", plan.phase, plan.state, plan.reason)
}

fn plan_errored(plan: &PlanErrored) -> String {
    format!("{}, attempt {}, {}: {}", plan.phase, plan.attempt, plan.error_kind, plan.error)
}

fn decided(decision: &DecisionCreated) -> String {
    format!("{} {}: {} -> {}", decision.sequence, decision.decision_type, decision.question, decision.choice)
}

fn approved(decision: &DecisionApproved) -> String {
    format!("by {}", decision.approved_by)
}

fn corrected(decision: &DecisionCorrected) -> String {
    format!("{}, {} superseded: {}", decision.mode, decision.superseded_count, decision.guidance)
}

fn superseded(decision: &DecisionSuperseded) -> String {
    match (&decision.superseded_by, decision.cascade) {
        (_, true) => "with the one above it".to_owned(),
        (Some(by), false) => format!("by {by}"),
        (None, false) => "by none".to_owned(),
    }
}

fn actor_invoked(actor: &ActorInvoked) -> String {
    format!(
        "model {}, {}, at most {} iterations",
        actor.model,
        counted_list(&actor.tools, actor.tools.more(), "tool"),
        actor.max_iterations
    )
}

fn actor_completed(actor: &ActorCompleted) -> String {
    format!(
        "{}, {}, {} tokens in, {} out, {}",
        counted(actor.iterations, "iteration"),
        counted(actor.tool_calls, "tool call"),
        actor.input_tokens,
        actor.output_tokens,
        millis(actor.duration_ms)
    )
}

fn actor_errored(actor: &ActorErrored) -> String {
    format!("{} after {}: {}", actor.error_kind, counted(actor.iterations, "iteration"), actor.error)
}

fn actor_escalated(actor: &ActorEscalated) -> String {
    format!("{} ({}) after {}", actor.reason, actor.limit, counted(actor.iterations, "iteration"))
}

fn tool_invoked(tool: &ToolInvoked) -> String {
    let access = if tool.read_only { "reads" } else { "may write" };
    format!("{} {}, {access}, {} of input", tool.tool, tool.call_id, bytes(tool.input_bytes))
}

fn tool_completed(tool: &ToolCompleted) -> String {
    let cut = if tool.truncated { ", cut" } else { "" };
    format!(
        "{} {}, {} of output{cut}, {}{}",
        tool.tool,
        tool.call_id,
        bytes(tool.output_bytes),
        millis(tool.duration_ms),
        after(tool.attempts)
    )
}

fn tool_errored(tool: &ToolErrored) -> String {
    format!("{} {}, {}{}: {}", tool.tool, tool.call_id, tool.error_kind, after(tool.attempts), tool.error)
}

fn tool_retried(tool: &ToolRetried) -> String {
    format!(
        "{} {}, attempt {} of {} in {}: {}",
        tool.tool,
        tool.call_id,
        tool.attempt,
        tool.max_attempts,
        millis(tool.delay_ms),
        tool.error
    )
}

fn accessed(resource: &ResourceAccessed) -> String {
    format!("{} {}, {}", resource.operation, resource.resource, bytes(resource.bytes))
}

fn modified(resource: &ResourceModified) -> String {
    format!("{} {} by the {}", resource.path, resource.change, resource.source)
}

fn indexed(resource: &ResourceIndexed) -> String {
    format!(
        "{}: {}, {} added, {} changed, {} removed",
        resource.resource,
        counted(resource.files, "file"),
        resource.added,
        resource.changed,
        resource.removed
    )
}

fn sandbox_created(sandbox: &SandboxCreated) -> String {
    let size = bytes(sandbox.bytes);
    format!(
        "{}, {}, {size}, {}",
        sandbox.strategy,
        counted(sandbox.files, "file"),
        millis(sandbox.duration_ms)
    )
}

fn committed(sandbox: &SandboxCommitted) -> String {
    format!(
        "{} added, {} changed, {} removed, +{} -{} lines",
        sandbox.files_added,
        sandbox.files_changed,
        sandbox.files_removed,
        sandbox.lines_added,
        sandbox.lines_removed
    )
}

fn rolled_back(sandbox: &SandboxRolledBack) -> String {
    format!("{} put back: {}", counted(sandbox.files_reverted, "file"), sandbox.reason)
}

fn checkpoint_created(checkpoint: &CheckpointCreated) -> String {
    let files = counted(checkpoint.files, "changed file");
    format!("{}, {files}, {} stored", checkpoint.reason, bytes(checkpoint.new_bytes))
}

fn restored(checkpoint: &CheckpointRestored) -> String {
    format!("{} put back, {} removed", counted(checkpoint.files_restored, "file"), checkpoint.files_removed)
}

fn validation_started(run: &ValidationStarted) -> String {
    format!("run {}: {} required, {} informational", run.attempt, run.required, run.informational)
}

fn validation_passed(run: &ValidationPassed) -> String {
    let informational = run.informational_failed;
    format!("{} passed, {informational} informational failed, {}", run.passed, millis(run.duration_ms))
}

fn validation_failed(run: &ValidationFailed) -> String {
    let mut words = format!("{} passed", run.passed);
    for (how, which, more) in
        [("failed", &run.failed, run.failed.more()), ("could not say", &run.errored, run.errored.more())]
    {
        if !which.is_empty() {
            words = format!("{words}, {how}: {}", names(which, more));
        }
    }
    format!("{words}, {}", millis(run.duration_ms))
}

fn session_created(session: &SessionCreated) -> String {
    session.title.as_deref().unwrap_or("untitled").to_owned()
}

fn message_sent(message: &SessionMessageSent) -> String {
    format!("{} {}, {}, {} tokens", message.sequence, message.role, bytes(message.bytes), message.tokens)
}

fn budget_warning(budget: &BudgetWarning) -> String {
    let share = budget.threshold;
    format!("{}: {} of {} USD, beyond {share} of it", budget.tier, budget.spent_usd, budget.limit_usd)
}

fn budget_exceeded(budget: &BudgetExceeded) -> String {
    let what = format!(
        "{}: {} USD more does not fit, {} of {} is spent",
        budget.tier, budget.requested_usd, budget.spent_usd, budget.limit_usd
    );
    match budget.reserved_usd {
        Some(reserved) => format!("{what} and {reserved} reserved"),
        None => what,
    }
}

fn because(what: String, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}

fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" after {attempts} attempts") } else { String::new() }
}

fn names(names: &[Text], more: u64) -> String {
    let mut list = names.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list = format!("{list} and {more} more");
    }
    list
}

fn counted_list<T>(items: &[T], more: u64, noun: &str) -> String {
    counted(more.saturating_add(items.len() as u64), noun)
}
