//! Decisions taken by many tasks at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use agentbus::event::{
    CorrectionMode, DecisionCorrected, DecisionCreated, DecisionId, DecisionSuperseded, DecisionType, PlanId,
};
use agentbus::journal::Entry;
use agentbus::service::decision::{Decision, DecisionError, DecisionService, NewDecision};
use agentbus::{DomainEvent, EventBus, Payload};
use proptest::prelude::*;

use super::{Asked, Clock, assert_in_time, at_once};
use crate::decision::{Op, PLANS, World, expected, op, revision};
use crate::restore::lines;
use crate::restore::world::World as Journalled;

/// What was asked, of decisions by their ids, in words that nothing else has.
#[derive(Debug, Clone)]
enum Question {
    Root(usize),
    Orphan(usize),
    Under(usize, DecisionId),
    Approve(DecisionId, String),
    Correct(DecisionId, CorrectionMode),
    Supersede(DecisionId, Option<DecisionId>),
}

/// What tells of something accepted: of all events that do the one that no other has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mark {
    Created(DecisionId),
    Approved(String),
    Superseded(DecisionId),
}

type Answer = Asked<Question, Result<Mark, DecisionError>>;

impl Question {
    fn new(op: &Op, ids: &[DecisionId], word: String) -> Self {
        let pick = |number: usize| ids.get(number % ids.len().max(1)).cloned().unwrap_or("nobody".into());
        match *op {
            Op::Root(plan) => Self::Root(plan),
            Op::Orphan(plan) => Self::Orphan(plan),
            Op::Under(plan, parent) => Self::Under(plan, pick(parent)),
            Op::Approve(this) => Self::Approve(pick(this), word),
            Op::Correct(this, mode) => Self::Correct(pick(this), mode),
            Op::Supersede(this, by) => Self::Supersede(pick(this), by.map(pick)),
        }
    }

    fn ask(&self, decisions: &DecisionService) -> Result<Mark, DecisionError> {
        let created = |made: Decision| Mark::Created(made.id);
        let kind = DecisionType::ToolChoice;
        match self {
            Self::Root(plan) => decisions.record(NewDecision::root(PLANS[*plan], "?", "!")).map(created),
            Self::Orphan(plan) => {
                decisions.record(NewDecision::new(PLANS[*plan], kind, "?", "!")).map(created)
            }
            Self::Under(plan, parent) => decisions
                .record(NewDecision::new(PLANS[*plan], kind, "?", "!").with_parent(parent))
                .map(created),
            Self::Approve(this, by) => {
                decisions.approve(this, by.as_str()).map(|_| Mark::Approved(by.clone()))
            }
            Self::Correct(this, mode) => decisions.correct(this, *mode, "so").map(created),
            Self::Supersede(this, by) => {
                decisions.supersede(this, by.as_ref()).map(|_| Mark::Superseded(this.clone()))
            }
        }
    }

    /// The same for the model, which counts decisions in the order in which they came.
    fn op(&self, ids: &[DecisionId]) -> Op {
        // Somebody that is in no plan is the same to the model as one of another plan.
        let place = |id: &DecisionId| ids.iter().position(|other| other == id).unwrap_or(usize::MAX);
        match self {
            Self::Root(plan) => Op::Root(*plan),
            Self::Orphan(plan) => Op::Orphan(*plan),
            Self::Under(plan, parent) => Op::Under(*plan, place(parent)),
            Self::Approve(this, _) => Op::Approve(place(this)),
            Self::Correct(this, mode) => Op::Correct(place(this), *mode),
            Self::Supersede(this, by) => Op::Supersede(place(this), by.as_ref().map(place)),
        }
    }

    fn names_nobody(&self) -> bool {
        let names = |id: &DecisionId| *id == "nobody";
        match self {
            Self::Root(_) | Self::Orphan(_) => false,
            Self::Under(_, id) | Self::Approve(id, _) | Self::Correct(id, _) => names(id),
            Self::Supersede(id, by) => names(id) || by.as_ref().is_some_and(names),
        }
    }
}

/// One task: asks one thing after the other, of decisions that any task recorded.
async fn decide(
    decisions: DecisionService,
    ids: Arc<Mutex<Vec<DecisionId>>>,
    ops: Vec<Op>,
    (task, clock): (usize, Clock),
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (nth, op) in ops.iter().enumerate() {
        let question = Question::new(op, &ids.lock().unwrap(), format!("{task}-{nth}"));
        let answer = clock.time(question.clone(), async { question.ask(&decisions) }).await;
        if let Ok(Mark::Created(id)) = &answer.result {
            ids.lock().unwrap().push(id.clone());
        }
        answers.push(answer);
        tokio::task::yield_now().await;
    }
    answers
}

/// What an event marks, unless another event of the same change does.
fn mark(event: &DomainEvent) -> Option<Mark> {
    Some(match event.payload() {
        Payload::DecisionCreated(told) => Mark::Created(told.decision_id.clone()),
        Payload::DecisionApproved(told) => Mark::Approved(told.approved_by.to_string()),
        Payload::DecisionSuperseded(told) if !told.cascade => Mark::Superseded(told.decision_id.clone()),
        _ => return None,
    })
}

/// What stands in the details of the events of one change, all of one plan.
fn check_details(told: &[&DomainEvent], fallen: usize) {
    let created = told.iter().find_map(|event| event.details::<DecisionCreated>());
    let fallen_by = |event: &&&DomainEvent| event.details::<DecisionSuperseded>().is_some();
    for (nth, event) in told.iter().filter(fallen_by).enumerate() {
        let fell = event.details::<DecisionSuperseded>().unwrap();
        assert_eq!(fell.cascade, nth > 0);
        if let Some(created) = created {
            assert_eq!(fell.superseded_by.as_ref(), Some(&created.decision_id));
        }
    }
    if let Some(corrected) = told.last().and_then(|event| event.details::<DecisionCorrected>()) {
        assert_eq!(corrected.superseded_count, fallen as u64);
        assert_eq!(corrected.corrected_by_id, created.unwrap().decision_id);
    }
    // What follows from a decision of the same change is caused by it.
    let opening = created.map(|_| told[0].id());
    assert!(told.iter().skip(1).all(|event| opening.is_none() || event.causation_id() == opening));
    assert!(told.iter().all(|event| event.correlation_id() == told[0].correlation_id()));
}

/// All that was accepted, done again by the model in the order of the events. What it comes to.
fn replay(answers: &[Answer], entries: &[Entry], told: &[&DomainEvent]) -> (World, Vec<DecisionId>) {
    let places: HashMap<_, _> =
        (0..).zip(told).filter_map(|(place, event)| Some((mark(event)?, place))).collect();
    let accepted = answers.iter().filter_map(|answer| Some((places[answer.result.as_ref().ok()?], answer)));
    let mut order: Vec<(usize, &Answer)> = accepted.collect();
    order.sort_by_key(|(place, _)| *place);
    assert_in_time(order.iter().map(|(_, answer)| *answer));

    let (mut world, mut ids, mut from) = (World::default(), Vec::new(), 0);
    let mut revisions: HashMap<PlanId, u64> = HashMap::new();
    for (_, answer) in order {
        let op = answer.op.op(&ids);
        let made = match &answer.result {
            Ok(Mark::Created(id)) => Some(id.clone()),
            _ => None,
        };
        ids.extend(made.clone());
        let fallen = world.act(&op, made).unwrap_or_else(|| panic!("it could not be done: {answer:?}"));
        let kinds = expected(&op, fallen.len());
        let step = &told[from..from + kinds.len()];
        assert_eq!(step.iter().map(|event| event.event_type()).collect::<Vec<_>>(), kinds, "{answer:?}");
        check_details(step, fallen.len());
        for event in step {
            let count = revisions.entry(event.plan_id().unwrap().clone()).or_default();
            *count += 1;
            assert_eq!(revision(event), *count);
        }
        from += kinds.len();
        let restored = DecisionService::from_entries(entries[..from].to_vec(), None);
        assert!(restored.restored().unwrap().is_whole());
        world.check(&PLANS.map(|plan| restored.list(&plan.into())));
    }
    assert_eq!(from, told.len(), "something was told that nobody did");
    (world, ids)
}

fn run(tasks: Vec<Vec<Op>>) {
    let journalled = Journalled::in_memory();
    let decisions = DecisionService::new(journalled.bus());
    let (ids, clock) = (Arc::default(), Clock::default());
    let begin = |(task, ops)| decide(decisions.clone(), Arc::clone(&ids), ops, (task, clock.clone()));
    let answers: Vec<_> = at_once(tasks.into_iter().enumerate().map(begin)).into_iter().flatten().collect();
    at_once([journalled.bus.clone()].map(|bus| async move { bus.flush().await.unwrap() }));
    let (entries, _places) = lines(&journalled.reader());
    let told: Vec<_> = entries.iter().cloned().map(|entry| entry.into_event().unwrap().event).collect();
    let told: Vec<_> = told.iter().map(|event| &**event).collect();
    let (world, ids) = replay(&answers, &entries, &told);
    world.check(&PLANS.map(|plan| decisions.list(&plan.into())));
    // What is refused once is refused for ever: a root stays, and what is superseded stays so.
    for answer in answers.iter().filter(|answer| answer.result.is_err() && !answer.op.names_nobody()) {
        let done = world.clone().act(&answer.op.op(&ids), Some("another".into()));
        assert_eq!(done, None, "it was refused, and could be done: {answer:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_many_tasks_decide_at_once_is_what_their_rules_say_one_after_the_other(
        tasks in prop::collection::vec(prop::collection::vec(op(), 10..30), 8),
    ) {
        run(tasks);
    }
}
