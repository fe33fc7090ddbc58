//! Invariants: which of them hold, told a second time pair by pair, and many tasks at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use agentbus::event::{EventType, InvariantEnforced, InvariantId, InvariantReconciled, InvariantViolated};
use agentbus::service::invariant::{
    InvariantCheck, InvariantCheckError, InvariantContext, InvariantError, InvariantService, NewInvariant,
    Outcome, Reach, Report, Setting, Subject, Verdict,
};
use agentbus::testing::RecordingEventBus;
use async_trait::async_trait;
use proptest::prelude::*;
use tokio::sync::Barrier;

use crate::support::bus_of;

/// How an invariant is checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Check {
    Holds,
    SaysNo,
    Errors,
}

#[async_trait]
impl InvariantCheck for Check {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        match self {
            Self::Holds => Ok(Verdict::Held),
            Self::SaysNo => Ok(Verdict::Violated("no".to_owned())),
            Self::Errors => Err(InvariantCheckError::new("cannot")),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Added {
    pub(crate) id: u8,
    pub(crate) reach: u8,
    pub(crate) key: Option<u8>,
    pub(crate) is_non_overridable: bool,
    pub(crate) check: Option<Check>,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Add(Added),
    Remove(u8),
    Effective(u8),
    Reconcile(u8),
    Enforce(u8),
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let check = prop::option::of(prop::sample::select(&[Check::Holds, Check::SaysNo, Check::Errors]));
    let added = (0..60_u8, 0..7_u8, prop::option::of(0..3_u8), prop::bool::weighted(0.3), check);
    let added = added.prop_map(|(id, reach, key, is_non_overridable, check)| {
        Op::Add(Added { id, reach, key, is_non_overridable, check })
    });
    prop_oneof![
        8 => added,
        3 => (0..60_u8).prop_map(Op::Remove),
        1 => (0..3_u8).prop_map(Op::Effective),
        2 => (0..3_u8).prop_map(Op::Reconcile),
        4 => (0..3_u8).prop_map(Op::Enforce),
    ]
}

fn reach(number: u8) -> Reach {
    match number {
        0 => Reach::Plan("p0".into()),
        1 => Reach::Plan("p1".into()),
        2 => Reach::Action("apply".into()),
        3 => Reach::Action("execute".into()),
        4 => Reach::Project("greeter".into()),
        5 => Reach::Project("parser".into()),
        _ => Reach::Global,
    }
}

pub(crate) fn setting(number: u8) -> Setting {
    match number {
        0 => Setting::new("p0").with_action("apply").with_project_names(["greeter", "parser"]),
        1 => Setting::new("p1").with_project_names(["parser"]),
        _ => Setting::new("p2").with_action("execute"),
    }
}

/// Which reaches reach which setting.
pub(crate) const REACHES: [&[u8]; 3] = [&[0, 2, 4, 5, 6], &[1, 5, 6], &[3, 6]];

#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) added: Added,
    pub(crate) is_active: bool,
}

/// What is known of all invariants, in the order in which they came.
pub(crate) type World = Vec<Kept>;

pub(crate) fn id(number: u8) -> InvariantId {
    format!("i{number}").as_str().into()
}

/// The least is the strongest.
fn strength(added: &Added) -> u8 {
    match added.reach {
        _ if added.is_non_overridable => 0,
        reach => reach / 2 + 1,
    }
}

/// Those that hold in a setting, and those that lost and to whom; both the strongest first.
pub(crate) fn model(world: &World, setting: u8) -> (Vec<&Added>, Vec<(u8, u8)>) {
    let reaches = REACHES[usize::from(setting)];
    let there = world.iter().filter(|kept| kept.is_active && reaches.contains(&kept.added.reach));
    let there: Vec<&Added> = there.map(|kept| &kept.added).collect();
    let beats = |one: usize, other: usize| {
        let (strong, weak) = (there[one], there[other]);
        let same_key = strong.key.is_some() && strong.key == weak.key;
        same_key && (strength(strong), one) < (strength(weak), other)
    };
    let beaten = |at: usize| (0..there.len()).any(|other| beats(other, at));
    let mut order: Vec<usize> = (0..there.len()).collect();
    order.sort_by_key(|at| (strength(there[*at]), *at));
    let holding = order.iter().filter(|at| !beaten(**at)).map(|at| there[*at]).collect();
    let lost = order.iter().filter(|at| beaten(**at)).map(|at| {
        let winner = (0..there.len()).find(|other| beats(*other, *at) && !beaten(*other)).unwrap();
        (there[*at].id, there[winner].id)
    });
    (holding, lost.collect())
}

/// What must be told of a reconciliation, and then of each that holds, if it is enforced.
fn expected(world: &World, number: u8, is_enforced: bool) -> Vec<String> {
    let (holding, lost) = model(world, number);
    let keys: BTreeSet<_> = lost
        .iter()
        .map(|(lost, _)| world.iter().find(|kept| kept.added.id == *lost).unwrap().added.key)
        .collect();
    let ids: Vec<_> = holding.iter().take(64).map(|added| id(added.id)).collect();
    let mut told = vec![format!("{} {} {} {ids:?}", holding.len(), lost.len(), keys.len())];
    let outcomes = holding.iter().filter_map(|added| match added.check? {
        Check::Holds => Some(format!("enforced {}", id(added.id))),
        Check::SaysNo => Some(format!("violated {}: no", id(added.id))),
        Check::Errors => Some(format!("violated {}: its check could not say: cannot", id(added.id))),
    });
    told.extend(outcomes.filter(|_| is_enforced));
    told
}

fn told(bus: &RecordingEventBus) -> Vec<String> {
    let say = |event: &agentbus::DomainEvent| match event.event_type() {
        EventType::InvariantReconciled => {
            let told = event.details::<InvariantReconciled>().unwrap();
            let ids = told.invariant_ids.items();
            format!("{} {} {} {ids:?}", told.effective, told.overridden, told.conflicts)
        }
        EventType::InvariantEnforced => {
            format!("enforced {}", event.details::<InvariantEnforced>().unwrap().invariant_id)
        }
        _ => {
            let told = event.details::<InvariantViolated>().unwrap();
            format!("violated {}: {}", told.invariant_id, told.reason)
        }
    };
    bus.events().iter().map(|event| say(event)).collect()
}

/// It, as the service takes it.
pub(crate) fn new(added: &Added) -> NewInvariant {
    let mut new = NewInvariant::new("it must hold", reach(added.reach)).with_id(id(added.id));
    if let Some(key) = added.key {
        new = new.with_key(format!("k{key}"));
    }
    if added.is_non_overridable {
        new = new.non_overridable();
    }
    if let Some(check) = added.check {
        new = new.with_check(Arc::new(check));
    }
    new
}

/// Adds to both, or is refused by both.
fn add(invariants: &InvariantService, world: &mut World, added: &Added) {
    let is_claimed = |kept: &Kept| {
        kept.is_active && kept.added.is_non_overridable && kept.added.key == added.key && added.key.is_some()
    };
    match invariants.add(new(added)) {
        Err(InvariantError::NotGlobal { .. }) => assert!(added.is_non_overridable && added.reach != 6),
        Err(InvariantError::Exists { .. }) => assert!(world.iter().any(|kept| kept.added.id == added.id)),
        Err(InvariantError::KeyTaken { .. }) => {
            assert!(added.is_non_overridable && world.iter().any(is_claimed));
        }
        Err(other) => panic!("{other}"),
        Ok(_) => {
            assert!(!added.is_non_overridable || (added.reach == 6 && !world.iter().any(is_claimed)));
            assert!(world.iter().all(|kept| kept.added.id != added.id));
            world.push(Kept { added: added.clone(), is_active: true });
        }
    }
}

/// Does `op` to both; what must be told of it.
pub(crate) async fn act(invariants: &InvariantService, world: &mut World, op: &Op) -> Vec<String> {
    match op {
        Op::Add(added) => add(invariants, world, added),
        Op::Remove(number) => {
            let kept = world.iter_mut().find(|kept| kept.added.id == *number && kept.is_active);
            assert_eq!(invariants.remove(&id(*number)).is_ok(), kept.is_some());
            if let Some(kept) = kept {
                kept.is_active = false;
            }
        }
        Op::Effective(number) => {
            let (holding, lost) = model(world, *number);
            let found = invariants.effective(setting(*number)).unwrap();
            let ids = |ids: &mut dyn Iterator<Item = u8>| ids.map(id).collect::<Vec<_>>();
            let effective: Vec<_> = found.effective.iter().map(|one| one.id.clone()).collect();
            assert_eq!(effective, ids(&mut holding.iter().map(|added| added.id)));
            let overridden: Vec<_> = found.overridden.iter().map(|one| one.invariant.id.clone()).collect();
            assert_eq!(overridden, ids(&mut lost.iter().map(|(lost, _)| *lost)));
            let winners: Vec<_> = found.overridden.iter().map(|one| one.by.clone()).collect();
            assert_eq!(winners, ids(&mut lost.iter().map(|(_, winner)| *winner)));
        }
        Op::Reconcile(number) => {
            invariants.reconcile(setting(*number)).unwrap();
            return expected(world, *number, false);
        }
        Op::Enforce(number) => {
            let report = invariants.enforce(setting(*number), &Subject::new()).await.unwrap();
            let (holding, _lost) = model(world, *number);
            let is_kept = |added: &&Added| added.check.is_none_or(|check| check == Check::Holds);
            assert_eq!(report.is_kept(), holding.iter().all(is_kept));
            return expected(world, *number, true);
        }
    }
    Vec::new()
}

/// Gives a service that was read from a snapshot its checks back.
pub(crate) fn give_checks(invariants: &InvariantService, world: &World) {
    for kept in world.iter().filter(|kept| kept.is_active) {
        if let Some(check) = kept.added.check {
            invariants.give_check(&id(kept.added.id), Arc::new(check)).unwrap();
        }
    }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// Does `ops` one after the other; each must tell what it must, and nothing else.
pub(crate) async fn act_all(
    invariants: &InvariantService,
    bus: &RecordingEventBus,
    world: &mut World,
    ops: &[Op],
) {
    for op in ops {
        bus.take();
        let expected = act(invariants, world, op).await;
        assert_eq!(told(bus), expected, "{op:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_stronger_holds_and_exactly_that_is_told(ops in prop::collection::vec(op(), 1..80)) {
        let bus = RecordingEventBus::new();
        let invariants = InvariantService::new(Some(bus_of(&bus)));
        run(act_all(&invariants, &bus, &mut World::new(), &ops));
    }
}

const TASKS: usize = 32;
const ROUNDS: usize = 20;

/// One task: adds a rule to its plan and one for all, enforces, removes both and enforces again.
async fn keep(invariants: InvariantService, task: usize) -> Vec<Report> {
    let mut reports = Vec::new();
    for round in 0..ROUNDS {
        let (mine, all) = (format!("mine-{task}-{round}"), format!("all-{task}-{round}"));
        let check = || Arc::new(if round % 2 == 0 { Check::Holds } else { Check::SaysNo });
        let plan = Reach::Plan(format!("p{task}").into());
        let (mine, all) = (InvariantId::from(mine), InvariantId::from(all));
        let rule = NewInvariant::new("mine", plan).with_id(&mine).with_key("k").with_check(check());
        invariants.add(rule).unwrap();
        invariants.add(NewInvariant::new("all", Reach::Global).with_id(&all).with_key("k")).unwrap();
        for is_there in [true, false] {
            let setting = Setting::new(format!("p{task}"));
            let report = invariants.enforce(&setting, &Subject::new()).await.unwrap();
            // Its own rule beats those for all that come and go meanwhile, of which one holds when it is gone.
            let first = report.reconciled.effective.first().map(|found| found.id.clone());
            assert_eq!(first.as_ref() == Some(&mine), is_there);
            assert!(report.reconciled.effective.len() <= 1);
            assert_eq!(report.is_kept(), !is_there || round % 2 == 0);
            reports.push(report);
            if is_there {
                invariants.remove(&mine).unwrap();
                invariants.remove(&all).unwrap();
            }
        }
    }
    reports
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_tasks_add_remove_and_enforce_at_once() {
    let bus = RecordingEventBus::new();
    let invariants = InvariantService::new(Some(bus_of(&bus)));
    let start = Arc::new(Barrier::new(TASKS));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (invariants, start) = (invariants.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                keep(invariants, task).await
            })
        })
        .collect();
    let mut reports = Vec::new();
    for task in tasks {
        reports.push(task.await.unwrap());
    }
    assert!(invariants.list().iter().all(|invariant| !invariant.is_active));
    assert_eq!(invariants.list().len(), 2 * TASKS * ROUNDS);
    // Of each plan: each reconciliation, and behind it what it caused, as the reports have it.
    for reports in reports {
        let of_plan = bus.events().into_iter().filter(|event| event.plan_id() == Some(&reports[0].plan_id));
        let mut told = of_plan.collect::<Vec<_>>().into_iter();
        for report in reports {
            let reconciled = told.next().unwrap();
            let ids = reconciled.details::<InvariantReconciled>().unwrap().invariant_ids.to_vec();
            let effective: Vec<_> =
                report.reconciled.effective.iter().map(|found| found.id.clone()).collect();
            assert_eq!(ids, effective);
            for result in &report.results {
                let expected = match result.outcome {
                    Outcome::Stated => continue,
                    Outcome::Held => EventType::InvariantEnforced,
                    Outcome::Violated(_) => EventType::InvariantViolated,
                };
                let event = told.next().unwrap();
                assert_eq!((event.event_type(), event.causation_id()), (expected, Some(reconciled.id())));
            }
        }
        assert_eq!(told.next(), None);
    }
}
