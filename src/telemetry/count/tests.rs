use std::sync::Arc;

use super::*;
use crate::event::{
    ActorCompleted, ActorErrorKind, ActorErrored, ActorInvoked, BudgetTierKind, BudgetWarning, Fraction,
    Hash, Origin, PlanApplied, PlanCreated, PlanErrorKind, PlanErrored, PlanPhaseChanged, PlanStateChanged,
    ToolCompleted, ToolErrorKind, ToolErrored, ToolInvoked, ToolRetried, Usd, ValidationFailed,
    ValidationStarted,
};
use crate::stream::Lag;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_nanos(ms * 1_000_000)
}

fn counted(events: impl IntoIterator<Item = DomainEvent>) -> TelemetryInterval {
    let mut counting = Counting::begin(at(0));
    for event in events {
        counting.take(&Delivery::Event(Arc::new(event)));
    }
    counting.end(at(1_000)).unwrap()
}

fn row<'a>(interval: &'a TelemetryInterval, group: TelemetryGroup, name: &str) -> &'a TelemetryRow {
    let is_asked = |row: &&TelemetryRow| row.group == group && row.name.as_deref() == Some(name);
    interval.rows.iter().find(is_asked).unwrap()
}

#[test]
fn calls_of_tools_are_counted_by_name_and_timed_if_they_were_tried() {
    let of = |tool: &str| {
        [
            DomainEvent::new(ToolInvoked::new(tool, "c", Hash::of("x"), 1, true)),
            DomainEvent::new(ToolRetried::new(tool, "c", 2, 3, "busy", 5)),
            DomainEvent::new(ToolCompleted::new(tool, "c", 2, 40, 1, Hash::of("y"), false)),
        ]
    };
    let refused = ToolErrored::new("a", "c", "no", ToolErrorKind::Refused, 0, 0);
    let failed = ToolErrored::new("a", "c", "no", ToolErrorKind::Failed, 1, 7);
    let interval = counted(
        of("a").into_iter().chain(of("b")).chain([DomainEvent::new(refused), DomainEvent::new(failed)]),
    );
    let a = row(&interval, TelemetryGroup::Tool, "a");
    assert_eq!((a.began, a.count, a.failed, a.retried), (1, 3, 2, 1));
    assert_eq!((&a.times[..], a.sum_ms, a.max_ms), (&[(7, 1), (40, 1)][..], 47, 40));
    assert_eq!(row(&interval, TelemetryGroup::Tool, "b").count, 1);
    assert_eq!(row(&interval, TelemetryGroup::Kind, "tool.completed").times, [(40, 2)]);
    let errored = row(&interval, TelemetryGroup::Kind, "tool.errored");
    assert_eq!((errored.count, &errored.times[..]), (2, &[(7, 1)][..]), "what was refused has no time");
    assert_eq!((interval.from, interval.to, interval.digits), (at(0), at(1_000), 2));
    assert_eq!(interval.check(), Ok(6));
}

#[test]
fn actors_tell_tokens_and_cost_however_they_end() {
    let mut completed = ActorCompleted::new("agents/a", 2, 1, 100, 20, 900);
    completed.cost_usd = Some(Usd::from_micros(5));
    let mut errored = ActorErrored::new("agents/a", "gone", ActorErrorKind::Model, false, 1);
    (errored.input_tokens, errored.cost_usd) = (Some(7), Some(Usd::from_micros(2)));
    let interval = counted([
        DomainEvent::new(ActorInvoked::new("agents/a", "m", Vec::<Text>::new(), 25)),
        DomainEvent::new(completed),
        DomainEvent::new(errored),
    ]);
    let actor = row(&interval, TelemetryGroup::Actor, "agents/a");
    assert_eq!((actor.began, actor.count, actor.failed), (1, 2, 1));
    assert_eq!((actor.input_tokens, actor.output_tokens, actor.cost_usd), (107, 20, Usd::from_micros(7)));
    assert_eq!((actor.times.len(), actor.sum_ms), (1, 900), "what was not told has no time");
}

#[test]
fn stays_of_plans_are_timed_by_phase_until_they_end() {
    let told = |ms, event: DomainEvent| event.with_plan_id("p").with_timestamp(at(ms));
    let (action, execute) = (PlanPhase::Action, PlanPhase::Execute);
    let (errored, queued) = (PlanState::Errored, PlanState::Queued);
    let interval = counted([
        told(0, DomainEvent::new(PlanCreated::new(1, "mend", action, Vec::<Text>::new(), 3))),
        told(100, DomainEvent::new(PlanPhaseChanged::new(2, action, execute, false, 0))),
        told(150, DomainEvent::new(PlanErrored::new(3, execute, "no", PlanErrorKind::Transient, 1))),
        told(160, DomainEvent::new(PlanStateChanged::new(4, execute, errored, queued))),
        told(400, DomainEvent::new(PlanPhaseChanged::new(5, execute, PlanPhase::Apply, false, 0))),
        told(425, DomainEvent::new(PlanApplied::new(6, Vec::<Text>::new(), 0, 0, 0, 0, 425))),
    ]);
    let phase = |phase: PlanPhase| row(&interval, TelemetryGroup::Phase, phase.as_str());
    let told = |row: &TelemetryRow| (row.began, row.count, row.failed, row.retried, row.sum_ms);
    assert_eq!(told(phase(action)), (1, 1, 0, 0, 100));
    assert_eq!(told(phase(execute)), (1, 1, 1, 1, 300));
    assert_eq!(told(phase(PlanPhase::Apply)), (1, 1, 0, 0, 25));
}

#[test]
fn a_stay_goes_on_over_intervals() {
    let mut counting = Counting::begin(at(0));
    let tell = |counting: &mut Counting, ms, event: DomainEvent| {
        let event = event.with_plan_id("p").with_timestamp(at(ms));
        counting.take(&Delivery::Event(Arc::new(event)));
    };
    let created = PlanCreated::new(1, "mend", PlanPhase::Action, Vec::<Text>::new(), 3);
    tell(&mut counting, 10, DomainEvent::new(created));
    assert!(counting.end(at(1_000)).is_some());
    let changed = PlanPhaseChanged::new(2, PlanPhase::Action, PlanPhase::Strategize, false, 0);
    tell(&mut counting, 2_010, DomainEvent::new(changed));
    let interval = counting.end(at(3_000)).unwrap();
    assert_eq!(row(&interval, TelemetryGroup::Phase, "action").max_ms, 2_000);
    assert_eq!(interval.from, at(1_000));
}

#[test]
fn validations_that_say_no_are_counted_by_name() {
    let failed = ValidationFailed::new("r", ["style"], ["spelling"], 3, 50);
    let interval = counted([
        DomainEvent::new(ValidationStarted::new("r", 2, 0, 1)),
        DomainEvent::new(failed),
        DomainEvent::new(ValidationStarted::new("r", 2, 0, 2)),
    ]);
    let run = row(&interval, TelemetryGroup::Validation, "run");
    assert_eq!((run.began, run.count, run.failed, run.retried, run.max_ms), (2, 1, 1, 1, 50));
    for name in ["style", "spelling"] {
        assert_eq!(row(&interval, TelemetryGroup::Check, name).failed, 1, "{name}");
    }
}

#[test]
fn of_budgets_the_last_told_counts() {
    let usd = Usd::from_micros;
    let warning = |spent, threshold| {
        let threshold = Fraction::from_millionths(threshold);
        DomainEvent::new(BudgetWarning::new(BudgetTierKind::Plan, "p", usd(spent), usd(10), threshold))
    };
    let interval = counted([warning(8, 800_000), warning(9, 900_000)]);
    let [budget] = &interval.budgets[..] else { panic!("{:?}", interval.budgets) };
    assert_eq!((budget.spent_usd, budget.limit_usd, budget.warnings), (usd(9), usd(10), 2));
}

#[test]
fn what_was_missed_is_told_and_its_own_and_replayed_events_are_not_counted() {
    let mut counting = Counting::begin(at(0));
    let lag = Lag { missed: 3, origin: Origin::from_bytes([7; 16]), after: None, before: None, exact: true };
    counting.take(&Delivery::Lagged(lag));
    let interval = counting.end(at(1_000)).unwrap();
    assert_eq!((interval.missed, interval.rows.len()), (3, 0));
    counting.take(&Delivery::Event(Arc::new(DomainEvent::new(interval))));
    let completed = ToolCompleted::new("a", "c", 1, 1, 1, Hash::of("y"), false);
    counting.take(&Delivery::Event(Arc::new(DomainEvent::new(completed).with_replayed(true))));
    assert_eq!(counting.end(at(2_000)), None);
}

#[test]
fn the_worst_interval_fits_a_line_and_is_believed() {
    let mut counting = Counting::begin(at(0));
    let tell = |counting: &mut Counting, event| counting.take(&Delivery::Event(Arc::new(event)));
    for name in 0..2 * MAX_NAMES {
        // Each character is two bytes in JSON.
        let name = format!("{name}{}", "\"".repeat(250));
        for bit in 0..40_u32 {
            for ms in (0..25).map(|part| (1_u64 << bit) + (part << bit) / 25) {
                let told = ToolCompleted::new(name.as_str(), "c", 1, ms, 1, Hash::of("y"), false);
                tell(&mut counting, DomainEvent::new(told));
            }
        }
        let failed = ValidationFailed::new("r", [name.as_str()], Vec::<Text>::new(), 3, 50);
        tell(&mut counting, DomainEvent::new(failed));
        tell(&mut counting, DomainEvent::new(ActorCompleted::new(name.as_str(), 2, 1, 100, 20, u64::MAX)));
    }
    let interval = counting.end(at(1_000)).unwrap();
    assert!(interval.digits < 2, "{}", interval.digits);
    assert!(interval.check().is_ok());
    let bytes = serde_json::to_string(&interval).unwrap().len();
    assert!(bytes < crate::journal::MAX_LINE_BYTES / 2, "{bytes}");
    let others = interval.rows.iter().find(|row| row.group == TelemetryGroup::Tool && row.name.is_none());
    let all: u64 =
        interval.rows.iter().filter(|row| row.group == TelemetryGroup::Tool).map(|row| row.count).sum();
    assert_eq!((all, others.unwrap().count), (2 * 128 * 1_000, 128 * 1_000));
}
