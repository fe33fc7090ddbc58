//! [`Counting`]: counts what a bus tells.

use super::budgets::Budgets;
use super::interval::{DIGITS, MAX_NAMES, MAX_SLOTS, TelemetryGroup, TelemetryInterval, TelemetryRow};
use super::stays::Stays;
use super::table::Table;
use super::tally::Tally;
use crate::event::{Details, DomainEvent, Payload, PlanPhase, PlanState, Text, Timestamp};
use crate::stream::Delivery;

/// Under which name runs of validations are counted.
const RUN: &str = "run";

/// What was counted since the last interval, and what is under way.
#[derive(Debug)]
pub(super) struct Counting {
    since: Timestamp,
    table: Table,
    budgets: Budgets,
    stays: Stays,
    events: u64,
    missed: u64,
}

impl Counting {
    pub(super) fn begin(since: Timestamp) -> Self {
        Self {
            since,
            table: Table::new(MAX_NAMES),
            budgets: Budgets::default(),
            stays: Stays::default(),
            events: 0,
            missed: 0,
        }
    }

    /// How many events were counted since the last interval, and how many missed.
    pub(super) fn so_far(&self) -> (u64, u64) {
        (self.events, self.missed)
    }

    /// Counts a delivery.
    pub(super) fn take(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Event(event) if is_own(event) || event.is_replayed() => {}
            Delivery::Event(event) => self.event(event),
            Delivery::Lagged(lag) => self.missed = self.missed.saturating_add(lag.missed),
        }
    }

    /// The interval from the last one to `to`; `None` if nothing happened in it.
    pub(super) fn end(&mut self, to: Timestamp) -> Option<TelemetryInterval> {
        // The clock may have been put back.
        let from = std::mem::replace(&mut self.since, to).min(to);
        if self.table.is_empty() && self.missed == 0 {
            return None;
        }
        let table = std::mem::replace(&mut self.table, Table::new(MAX_NAMES));
        let (budgets, other_budgets) = std::mem::take(&mut self.budgets).into_parts();
        let (digits, rows) = rows(&table);
        self.events = 0;
        Some(TelemetryInterval {
            from,
            to,
            digits,
            missed: std::mem::take(&mut self.missed),
            forgotten: self.stays.take_forgotten(),
            rows,
            budgets,
            other_budgets,
        })
    }

    fn event(&mut self, event: &DomainEvent) {
        self.events += 1;
        let kind = self.named(TelemetryGroup::Kind, &Text::from(event.type_name()));
        kind.count += 1;
        if let Some(ms) = duration_ms(event.payload()) {
            kind.times.record(ms);
        }
        match event.payload() {
            Payload::ToolInvoked(_)
            | Payload::ToolCompleted(_)
            | Payload::ToolErrored(_)
            | Payload::ToolRetried(_) => self.tool(event.payload()),
            Payload::ActorInvoked(_)
            | Payload::ActorCompleted(_)
            | Payload::ActorErrored(_)
            | Payload::ActorEscalated(_) => self.actor(event.payload()),
            Payload::ValidationStarted(_) | Payload::ValidationPassed(_) | Payload::ValidationFailed(_) => {
                self.validation(event.payload());
            }
            Payload::BudgetWarning(told) => self.budgets.warned(told),
            Payload::BudgetExceeded(told) => self.budgets.exceeded(told),
            _ => self.plan(event),
        }
    }

    fn tool(&mut self, payload: &Payload) {
        match payload {
            Payload::ToolInvoked(tool) => self.named(TelemetryGroup::Tool, &tool.tool).began += 1,
            Payload::ToolRetried(tool) => self.named(TelemetryGroup::Tool, &tool.tool).retried += 1,
            Payload::ToolCompleted(tool) => {
                let row = self.named(TelemetryGroup::Tool, &tool.tool);
                row.count += 1;
                row.times.record(tool.duration_ms);
            }
            Payload::ToolErrored(tool) => {
                let row = self.named(TelemetryGroup::Tool, &tool.tool);
                row.count += 1;
                row.failed += 1;
                // One that was refused took no time, which says nothing of the tool.
                if tool.attempts > 0 {
                    row.times.record(tool.duration_ms);
                }
            }
            _ => {}
        }
    }

    fn actor(&mut self, payload: &Payload) {
        match payload {
            Payload::ActorInvoked(actor) => self.named(TelemetryGroup::Actor, &actor.actor).began += 1,
            Payload::ActorCompleted(actor) => {
                let row = ended(self.named(TelemetryGroup::Actor, &actor.actor), Some(actor.duration_ms));
                row.pay(Some(actor.input_tokens), Some(actor.output_tokens), actor.cost_usd);
            }
            Payload::ActorEscalated(actor) => {
                let row = ended(self.named(TelemetryGroup::Actor, &actor.actor), actor.duration_ms);
                row.pay(actor.input_tokens, actor.output_tokens, actor.cost_usd);
            }
            Payload::ActorErrored(actor) => {
                let row = ended(self.named(TelemetryGroup::Actor, &actor.actor), actor.duration_ms);
                row.failed += 1;
                row.pay(actor.input_tokens, actor.output_tokens, actor.cost_usd);
            }
            _ => {}
        }
    }

    fn validation(&mut self, payload: &Payload) {
        let run = self.named(TelemetryGroup::Validation, &Text::from(RUN));
        match payload {
            Payload::ValidationStarted(started) => {
                run.began += 1;
                run.retried += u64::from(started.attempt > 1);
            }
            Payload::ValidationPassed(passed) => {
                ended(run, Some(passed.duration_ms));
            }
            Payload::ValidationFailed(failed) => {
                ended(run, Some(failed.duration_ms)).failed += 1;
                for name in failed.failed.iter().chain(failed.errored.iter()) {
                    ended(self.named(TelemetryGroup::Check, name), None).failed += 1;
                }
                let more = failed.failed.more().saturating_add(failed.errored.more());
                if more > 0 {
                    let others = self.table.row(TelemetryGroup::Check, None);
                    others.count = others.count.saturating_add(more);
                    others.failed = others.failed.saturating_add(more);
                }
            }
            _ => {}
        }
    }

    fn plan(&mut self, event: &DomainEvent) {
        match event.payload() {
            Payload::PlanCreated(plan) => self.enter(event, plan.phase),
            Payload::PlanPhaseChanged(plan) => {
                self.leave(event, plan.from);
                self.enter(event, plan.to);
            }
            Payload::PlanApplied(_) => self.leave(event, PlanPhase::Apply),
            Payload::PlanCancelled(plan) => self.leave(event, plan.phase),
            Payload::PlanErrored(plan) => self.phase(plan.phase).failed += 1,
            Payload::PlanStateChanged(plan)
                if plan.from == PlanState::Errored && plan.to == PlanState::Queued =>
            {
                self.phase(plan.phase).retried += 1;
            }
            _ => {}
        }
    }

    fn enter(&mut self, event: &DomainEvent, phase: PlanPhase) {
        self.phase(phase).began += 1;
        if let Some(plan) = event.plan_id() {
            self.stays.enter(plan, phase, event.timestamp());
        }
    }

    fn leave(&mut self, event: &DomainEvent, phase: PlanPhase) {
        let plan = event.plan_id();
        let stayed = plan.and_then(|plan| self.stays.leave(plan, phase, event.timestamp()));
        ended(self.phase(phase), stayed);
    }

    fn named(&mut self, group: TelemetryGroup, name: &Text) -> &mut Tally {
        self.table.row(group, Some(name))
    }

    fn phase(&mut self, phase: PlanPhase) -> &mut Tally {
        self.named(TelemetryGroup::Phase, &Text::from(phase.as_str()))
    }
}

/// Counts one that ended, after so long if that is known.
fn ended(row: &mut Tally, after_ms: Option<u64>) -> &mut Tally {
    row.count += 1;
    if let Some(ms) = after_ms {
        row.times.record(ms);
    }
    row
}

/// Whether an event is one of telemetry's own, whoever counted.
fn is_own(event: &DomainEvent) -> bool {
    event.type_name() == TelemetryInterval::TYPE.as_str()
}

/// The rows of a table, with as many digits as there is room for.
fn rows(table: &Table) -> (u8, Vec<TelemetryRow>) {
    let with = |digits| -> Vec<_> {
        table.rows().map(|(group, name, tally)| tally.row(group, name.cloned(), digits)).collect()
    };
    let slots = |rows: &[TelemetryRow]| rows.iter().map(|row| row.times.len()).sum::<usize>();
    let (mut digits, mut rows) = (DIGITS, with(DIGITS));
    while digits > 0 && slots(&rows) > MAX_SLOTS {
        digits -= 1;
        rows = with(digits);
    }
    (digits, rows)
}

/// How long it took, where the details say so.
fn duration_ms(payload: &Payload) -> Option<u64> {
    match payload {
        Payload::PlanApplied(details) => Some(details.duration_ms),
        Payload::InvariantEnforced(details) => Some(details.duration_ms),
        Payload::ActorCompleted(details) => Some(details.duration_ms),
        Payload::ActorErrored(details) => details.duration_ms,
        Payload::ActorEscalated(details) => details.duration_ms,
        Payload::ToolCompleted(details) => Some(details.duration_ms),
        // One that was refused before it was tried has no time.
        Payload::ToolErrored(details) => (details.attempts > 0).then_some(details.duration_ms),
        Payload::ResourceIndexed(details) => Some(details.duration_ms),
        Payload::SandboxCreated(details) => Some(details.duration_ms),
        Payload::SandboxCommitted(details) => Some(details.duration_ms),
        Payload::ContextBuilt(details) => Some(details.duration_ms),
        Payload::ContextQueryExecuted(details) => Some(details.duration_ms),
        Payload::ValidationPassed(details) => Some(details.duration_ms),
        Payload::ValidationFailed(details) => Some(details.duration_ms),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
