//! Plans led by many tasks at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use agentbus::event::{PlanId, PlanPhase, PlanState};
use agentbus::gate::{Gate, GateAnswer, GateQuestion};
use agentbus::journal::Entry;
use agentbus::service::plan::{Plan, PlanError, PlanFilter, PlanService};
use agentbus::{DomainEvent, EventBus, Filter, Payload};
use async_trait::async_trait;
use proptest::prelude::*;
use tokio_stream::StreamExt as _;

use super::{Asked, Clock, assert_in_time, at_once};
use crate::plan::{Model, Op, World, act, number, op, seen};
use crate::restore::lines;
use crate::restore::world::World as Journalled;
use crate::support::now;

/// Lets others go on while it is asked, and refuses every fifth time.
#[derive(Debug, Default)]
struct Ponders(AtomicU64);

#[async_trait]
impl Gate for Ponders {
    async fn ask(&self, _question: &GateQuestion) -> GateAnswer {
        tokio::task::yield_now().await;
        match self.0.fetch_add(1, Ordering::Relaxed) % 5 {
            4 => GateAnswer::refused(["not now"]),
            _ => GateAnswer::Allowed,
        }
    }
}

/// What was asked: of which plan, and between which of its revisions.
#[derive(Debug)]
struct Question {
    op: Op,
    of: Option<PlanId>,
    revisions: (u64, u64),
}

type Answer = Asked<Question, Result<Plan, PlanError>>;

/// One task: asks one thing after the other, of plans that any task created.
async fn lead(plans: PlanService, ids: Arc<Mutex<Vec<PlanId>>>, ops: Vec<Op>, clock: Clock) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (nth, op) in ops.into_iter().enumerate() {
        let pick = |at: usize| {
            let ids = ids.lock().unwrap();
            // Mostly one of the first, so that some get far; now and then one of the latest.
            let at = if nth % 4 == 3 { ids.len().saturating_sub(at + 1) } else { at };
            ids[at % ids.len()].clone()
        };
        let of = op.of().map(pick);
        let revision = || of.as_ref().map_or(0, |id| plans.get(id).unwrap().revision);
        let before = revision();
        let target: Vec<_> = of.iter().cloned().collect();
        let on_it = op.on(0);
        let asked = clock.time(op, act(&plans, &target, &on_it)).await;
        let revisions = (before, revision());
        if let (Ok(plan), Op::Create | Op::SpawnChild(_)) = (&asked.result, &asked.op) {
            ids.lock().unwrap().push(plan.id.clone());
        }
        let Asked { op, began, ended, result } = asked;
        answers.push(Asked { op: Question { op, of, revisions }, began, ended, result });
        tokio::task::yield_now().await;
    }
    answers
}

fn revision(event: &DomainEvent) -> u64 {
    match event.payload() {
        Payload::PlanCreated(told) => told.revision,
        Payload::PlanPhaseChanged(told) => told.revision,
        Payload::PlanStateChanged(told) => told.revision,
        Payload::PlanApplied(told) => told.revision,
        Payload::PlanCancelled(told) => told.revision,
        Payload::PlanErrored(told) => told.revision,
        other => panic!("{other:?}"),
    }
}

/// The details of an event, against the plan before and after the change that it is one of, and against how many
/// plans below were cancelled by it so far.
fn check_details(event: &DomainEvent, was: &Model, is: &Model, cancelled: u64) {
    match event.payload() {
        Payload::PlanPhaseChanged(told) => {
            assert_eq!((number(told.from), number(told.to)), (was.phase, is.phase));
            assert_eq!(
                (told.reversion_count, told.reversion),
                (is.reversions, is.reversions > was.reversions)
            );
        }
        Payload::PlanStateChanged(told) => {
            assert_eq!((number(told.phase), told.from, told.to), (was.phase, was.state, is.state));
        }
        Payload::PlanErrored(told) => {
            assert_eq!((number(told.phase), told.attempt), (was.phase, was.attempt));
        }
        Payload::PlanCancelled(told) => {
            assert_eq!((number(told.phase), told.state), (was.phase, was.state));
            assert_eq!(told.children_cancelled, cancelled);
        }
        Payload::PlanCreated(told) => assert_eq!((told.phase, told.revision), (PlanPhase::Action, 1)),
        _ => assert_eq!(is.state, PlanState::Applied),
    }
}

/// The model, and how each plan stood after each change of it.
#[derive(Default)]
struct Replay {
    world: World,
    stood: HashMap<PlanId, Vec<Model>>,
}

impl Replay {
    fn place(&self, id: &PlanId) -> usize {
        self.world.plans.iter().position(|plan| plan.id == *id).unwrap()
    }

    fn is_below(&self, mut plan: usize, above: usize) -> bool {
        while let Some(parent) = self.world.plans[plan].parent {
            if parent == above {
                return true;
            }
            plan = parent;
        }
        false
    }

    /// Does what was accepted; `told` must tell exactly that.
    fn step(&mut self, answer: &Answer, told: &[&DomainEvent]) {
        let Question { op, of, .. } = &answer.op;
        let before = self.world.plans.clone();
        self.world.told.clear();
        let op = op.on(of.as_ref().map_or(0, |id| self.place(id)));
        let made = answer.result.as_ref().ok().map(|plan| plan.id.clone());
        assert!(self.world.act(&op, made), "{op:?} was done, and could not be: {answer:?}");
        let kinds: Vec<_> =
            told.iter().map(|event| (event.plan_id().unwrap().clone(), event.event_type())).collect();
        assert_eq!(kinds, self.world.told, "{answer:?}");
        for (nth, event) in told.iter().enumerate() {
            let place = self.place(event.plan_id().unwrap());
            let is = &self.world.plans[place];
            let below = |other: &&&DomainEvent| {
                let other = self.place(other.plan_id().unwrap());
                matches!(told[nth].payload(), Payload::PlanCancelled(_)) && self.is_below(other, place)
            };
            let cancelled =
                told[..nth].iter().filter(|other| matches!(other.payload(), Payload::PlanCancelled(_)));
            check_details(event, before.get(place).unwrap_or(is), is, cancelled.filter(below).count() as u64);
        }
        for plan in &self.world.plans {
            let stood = self.stood.entry(plan.id.clone()).or_default();
            if stood.last() != Some(plan) {
                stood.push(plan.clone());
            }
        }
    }

    /// What was refused must have been so by a state in which the plan stood meanwhile.
    fn check_refusal(&self, question: &Question, error: &PlanError) {
        let of = question.of.as_ref().expect("a root is never refused");
        let (before, behind) = question.revisions;
        let allows = |plan: &&Model| {
            let alone = Model { parent: None, ..(*plan).clone() };
            let mut world = World { plans: vec![alone], told: Vec::new() };
            world.act(&question.op.on(0), Some("another".into()))
        };
        let meanwhile = || self.stood[of].iter().filter(|plan| (before..=behind).contains(&plan.revision));
        let is_right = match error {
            PlanError::Gate { .. } => meanwhile().any(|plan| allows(&plan)),
            PlanError::Changed { expected, actual, .. } => {
                let asked_about = meanwhile().find(|plan| plan.revision == *expected);
                let changed = meanwhile().any(|plan| plan.revision == *actual) && actual > expected;
                changed && asked_about.is_some_and(|plan| allows(&plan))
            }
            PlanError::Refused { .. } | PlanError::TooManyReversions { .. } => {
                meanwhile().any(|plan| !allows(&plan))
            }
            _ => false,
        };
        assert!(is_right, "{question:?} was refused: {error}");
    }
}

/// What was accepted, in the order of its events: each with the place of the last of them.
fn in_order<'a>(answers: &'a [Answer], events: &[&DomainEvent]) -> Vec<(usize, &'a Answer)> {
    let places: HashMap<_, _> = (0..)
        .zip(events)
        .map(|(place, event)| ((event.plan_id().unwrap().clone(), revision(event)), place))
        .collect();
    let accepted = answers.iter().filter_map(|answer| {
        let plan = answer.result.as_ref().ok()?;
        Some((places[&(plan.id.clone(), plan.revision)], answer))
    });
    let mut accepted: Vec<_> = accepted.collect();
    accepted.sort_by_key(|(place, _)| *place);
    accepted
}

fn run(tasks: Vec<Vec<Op>>) {
    let journalled = Journalled::in_memory();
    let stream = journalled.bus.stream(Filter::all());
    let plans = PlanService::new(journalled.bus()).with_gate(Arc::new(Ponders::default()));
    let (ids, clock) = (Arc::new(Mutex::new(Vec::new())), Clock::default());
    let begin = |ops| lead(plans.clone(), Arc::clone(&ids), ops, clock.clone());
    let first = begin(vec![Op::Create, Op::SpawnChild(0), Op::SpawnChild(1)]);
    let mut answers = at_once([first]).remove(0);
    answers.extend(at_once(tasks.into_iter().map(begin)).into_iter().flatten());

    at_once([journalled.bus.clone()].map(|bus| async move { bus.flush().await.unwrap() }));
    let (entries, _places) = lines(&journalled.reader());
    let told: Vec<_> = entries.iter().cloned().map(|entry| entry.into_event().unwrap().event).collect();
    let streamed = stream.take(told.len()).map(|delivery| delivery.event().unwrap().id());
    let streamed = now(streamed.collect::<Vec<_>>());
    assert_eq!(streamed, told.iter().map(|event| event.id()).collect::<Vec<_>>());

    let told: Vec<_> = told.iter().map(|event| &**event).collect();
    let order = in_order(&answers, &told);
    assert_in_time(order.iter().map(|(_, answer)| *answer));
    let (mut replay, mut from) = (Replay::default(), 0);
    for (last, answer) in &order {
        replay.step(answer, &told[from..=*last]);
        from = last + 1;
        assert_eq!(restored(&entries[..from]), replay.world.plans);
    }
    assert_eq!(from, told.len(), "something was told that nobody did");
    assert_eq!(models(&plans), replay.world.plans);
    for answer in &answers {
        if let Err(error) = &answer.result {
            replay.check_refusal(&answer.op, error);
        }
    }
}

fn models(plans: &PlanService) -> Vec<Model> {
    let list = plans.list(&PlanFilter::all());
    let ids: Vec<_> = list.iter().map(|plan| plan.id.clone()).collect();
    list.iter().map(|plan| seen(plan, &ids)).collect()
}

fn restored(entries: &[Entry]) -> Vec<Model> {
    let plans = PlanService::from_entries(entries.to_vec(), None);
    assert!(plans.restored().unwrap().is_whole());
    models(&plans)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_many_tasks_do_to_plans_at_once_is_what_their_table_says_one_after_the_other(
        tasks in prop::collection::vec(prop::collection::vec(op(), 20..40), 8),
    ) {
        run(tasks);
    }
}
