//! Invariants that many tasks add, remove and enforce at once.

use std::collections::{BTreeMap, BTreeSet};

use agentbus::event::{EventType, InvariantId, InvariantReconciled, Scope};
use agentbus::service::invariant::{InvariantError, InvariantService, Reconciled, Subject};
use agentbus::testing::RecordingEventBus;
use proptest::prelude::*;

use super::{Asked, Clock, assert_in_time, at_once};
use crate::invariant::{Added, Kept, Op, REACHES, World, id, model, new, op, setting};
use crate::support::bus_of;

/// What came of something that was asked.
#[derive(Debug)]
enum Done {
    Added,
    Removed,
    /// What held, and which events it must have told besides.
    Reconciled(Reconciled, Vec<EventType>),
    /// The same, untold.
    Effective(Reconciled),
}

/// What was asked, and in which correlation.
type Answer = Asked<(Op, String), Result<Done, InvariantError>>;

/// What must be told of each invariant of a report, in order.
fn outcomes(report: &agentbus::service::invariant::Report) -> Vec<EventType> {
    use agentbus::service::invariant::Outcome;
    let told = report.results.iter().filter_map(|result| match result.outcome {
        Outcome::Stated => None,
        Outcome::Held => Some(EventType::InvariantEnforced),
        Outcome::Violated(_) => Some(EventType::InvariantViolated),
    });
    told.collect()
}

async fn ask(invariants: &InvariantService, op: &Op) -> Result<Done, InvariantError> {
    match op {
        Op::Add(added) => invariants.add(new(added)).map(|_| Done::Added),
        Op::Remove(number) => invariants.remove(&id(*number)).map(|_| Done::Removed),
        Op::Effective(number) => invariants.effective(setting(*number)).map(Done::Effective),
        Op::Reconcile(number) => {
            invariants.reconcile(setting(*number)).map(|found| Done::Reconciled(found, Vec::new()))
        }
        Op::Enforce(number) => {
            let report = invariants.enforce(setting(*number), &Subject::new()).await?;
            let told = outcomes(&report);
            Ok(Done::Reconciled(report.reconciled, told))
        }
    }
}

/// When something was there: what began before it must have missed it, what ends behind must not.
#[derive(Debug, Clone, Copy)]
struct Time {
    added: (u64, u64),
    removed: Option<(u64, u64)>,
}

impl Time {
    fn may_be_there(&self, began: u64, ended: u64) -> bool {
        self.added.0 < ended && self.removed.is_none_or(|removed| removed.1 > began)
    }

    fn must_be_there(&self, began: u64, ended: u64) -> bool {
        self.added.1 < began && self.removed.is_none_or(|removed| removed.0 > ended)
    }
}

/// What each invariant is, and when it was there.
type Times = BTreeMap<u8, (Added, Time)>;

fn times(answers: &[Answer]) -> Times {
    let mut times = Times::new();
    for answer in answers {
        if let (Op::Add(added), Ok(_)) = (&answer.op.0, &answer.result) {
            let time = Time { added: (answer.began, answer.ended), removed: None };
            let was = times.insert(added.id, (added.clone(), time));
            assert!(was.is_none(), "added twice: {added:?}");
        }
    }
    for answer in answers {
        if let (Op::Remove(number), Ok(_)) = (&answer.op.0, &answer.result) {
            let (_, time) = times.get_mut(number).expect("what was removed was added");
            assert!(time.removed.replace((answer.began, answer.ended)).is_none(), "removed twice: {number}");
        }
    }
    times
}

/// All that took part in a reconciliation.
fn taking_part(found: &Reconciled) -> BTreeSet<InvariantId> {
    let lost = found.overridden.iter().map(|lost| lost.invariant.id.clone());
    found.effective.iter().map(|one| one.id.clone()).chain(lost).collect()
}

/// A reconciliation is that of one moment while it was asked: of what was there by then, as the model has it.
fn check_reconciled(found: &Reconciled, number: u8, (began, ended): (u64, u64), times: &Times, all: &[u8]) {
    let there = taking_part(found);
    for (other, (added, time)) in times {
        if REACHES[usize::from(number)].contains(&added.reach) {
            let is_there = there.contains(&id(*other));
            assert!(!is_there || time.may_be_there(began, ended), "{other} was not there");
            assert!(is_there || !time.must_be_there(began, ended), "{other} was there");
        }
    }
    let world: World = all
        .iter()
        .filter(|number| there.contains(&id(**number)))
        .map(|number| Kept { added: times[number].0.clone(), is_active: true })
        .collect();
    let (holding, lost) = model(&world, number);
    let effective: Vec<_> = found.effective.iter().map(|one| one.id.clone()).collect();
    assert_eq!(effective, holding.iter().map(|added| id(added.id)).collect::<Vec<_>>());
    let overridden: Vec<_> =
        found.overridden.iter().map(|lost| (lost.invariant.id.clone(), lost.by.clone())).collect();
    assert_eq!(overridden, lost.into_iter().map(|(lost, by)| (id(lost), id(by))).collect::<Vec<_>>());
}

/// What was told: each reconciliation once, with what it found, and what it caused behind it.
fn check_told(bus: &RecordingEventBus, answers: &[Answer], times: &Times) {
    let mut told: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for event in bus.events() {
        told.entry(event.correlation_id().to_string()).or_default().push(event);
    }
    for answer in answers {
        let told = told.remove(&answer.op.1).unwrap_or_default();
        let Ok(Done::Reconciled(found, outcomes)) = &answer.result else {
            assert!(told.is_empty(), "{answer:?}: {told:?}");
            continue;
        };
        let reconciled = told[0].details::<InvariantReconciled>().unwrap();
        let ids: Vec<_> = found.effective.iter().map(|one| one.id.clone()).collect();
        assert_eq!(reconciled.invariant_ids.items(), &ids[..ids.len().min(64)]);
        let counts = [found.effective.len(), found.overridden.len(), found.conflicts.len()];
        let counts = counts.map(|count| count as u64);
        assert_eq!([reconciled.effective, reconciled.overridden, reconciled.conflicts], counts);
        let caused: Vec<_> = told[1..].iter().map(|event| event.event_type()).collect();
        assert_eq!(&caused, outcomes);
        assert!(told[1..].iter().all(|event| event.causation_id() == Some(told[0].id())));
    }
    assert!(told.is_empty(), "nobody asked for it: {told:?}");
    let place: BTreeMap<_, _> = (0..)
        .zip(bus.events().iter().filter(|event| event.event_type() == EventType::InvariantReconciled))
        .map(|(place, event)| (event.correlation_id().to_string(), place))
        .collect();
    let mut order: Vec<_> = answers.iter().filter(|answer| place.contains_key(&answer.op.1)).collect();
    order.sort_by_key(|answer| place[&answer.op.1]);
    assert_in_time(order.iter().copied());
    for (number, (added, _)) in times {
        check_presence(&id(*number), added, &order);
    }
}

/// Who was added once and removed once is there from one reconciliation to another, and nowhere else.
fn check_presence(invariant: &InvariantId, added: &Added, order: &[&Answer]) {
    let there = order.iter().filter_map(|answer| match (&answer.op.0, &answer.result) {
        (Op::Reconcile(number) | Op::Enforce(number), Ok(Done::Reconciled(found, _))) => {
            let is_reached = REACHES[usize::from(*number)].contains(&added.reach);
            is_reached.then(|| taking_part(found).contains(invariant))
        }
        _ => None,
    });
    let mut there: Vec<_> = there.collect();
    there.dedup();
    assert!(there.iter().filter(|is_there| **is_there).count() <= 1, "{invariant} came back: {there:?}");
}

/// Something was refused for a reason that stood while it was asked.
fn check_refusal(answer: &Answer, times: &Times) {
    let (began, ended) = (answer.began, answer.ended);
    let is_right = match (&answer.op.0, answer.result.as_ref().unwrap_err()) {
        (Op::Add(added), InvariantError::NotGlobal { .. }) => added.is_non_overridable && added.reach != 6,
        (Op::Add(added), InvariantError::Exists { .. }) => times[&added.id].1.added.0 < ended,
        (Op::Add(_), InvariantError::KeyTaken { holder, .. }) => {
            let holder = times.values().find(|(added, _)| id(added.id) == *holder);
            holder.is_some_and(|(added, time)| added.is_non_overridable && time.may_be_there(began, ended))
        }
        (Op::Remove(number), InvariantError::Unknown { .. }) => {
            times.get(number).is_none_or(|(_, time)| time.added.1 > began)
        }
        (Op::Remove(number), InvariantError::Removed { .. }) => {
            times[number].1.removed.is_some_and(|removed| removed.0 < ended)
        }
        _ => false,
    };
    assert!(is_right, "{answer:?}");
}

async fn keep(invariants: InvariantService, ops: Vec<Op>, (task, clock): (usize, Clock)) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (nth, op) in ops.into_iter().enumerate() {
        let (asked, correlation) = (op.clone(), format!("{task}-{nth}"));
        let scope = Scope::new().with_correlation_id(correlation.as_str());
        answers.push(clock.time((op, correlation), scope.run(ask(&invariants, &asked))).await);
        tokio::task::yield_now().await;
    }
    answers
}

fn run(tasks: Vec<Vec<Op>>) {
    let bus = RecordingEventBus::new();
    let invariants = InvariantService::new(Some(bus_of(&bus)));
    let clock = Clock::default();
    let begin = |(task, ops)| keep(invariants.clone(), ops, (task, clock.clone()));
    let answers: Vec<_> = at_once(tasks.into_iter().enumerate().map(begin)).into_iter().flatten().collect();
    let times = times(&answers);
    // The order in which they came, which decides among equals.
    let all: Vec<u8> = invariants
        .list()
        .iter()
        .map(|one| *times.keys().find(|number| id(**number) == one.id).unwrap())
        .collect();
    assert_eq!(all.len(), times.len());
    for (one, number) in invariants.list().iter().zip(&all) {
        assert_eq!(one.is_active, times[number].1.removed.is_none());
    }
    for answer in &answers {
        let time = (answer.began, answer.ended);
        match (&answer.op.0, &answer.result) {
            (
                Op::Effective(number) | Op::Reconcile(number) | Op::Enforce(number),
                Ok(Done::Effective(found) | Done::Reconciled(found, _)),
            ) => check_reconciled(found, *number, time, &times, &all),
            (_, Ok(_)) => {}
            (_, Err(_)) => check_refusal(answer, &times),
        }
    }
    check_told(&bus, &answers, &times);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_many_tasks_find_to_hold_is_what_held_at_a_moment_while_they_asked(
        tasks in prop::collection::vec(prop::collection::vec(op(), 10..30), 8),
    ) {
        run(tasks);
    }
}
