//! Plans and decisions from a real journal: random runs, restored at every position, and journals that lack something.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbus::event::{DecisionId, PlanErrorKind, PlanId, PlanState, Scope, SessionCreated};
use agentbus::journal::{Durability, Entry, Journal, JournalReader, Position, ReadFrom};
use agentbus::service::decision::{Decision, DecisionService, NewDecision};
use agentbus::service::plan::{NewPlan, Plan, PlanError, PlanFilter, PlanService};
use agentbus::service::restore::{RestoreError, RestoreFault};
use agentbus::{DomainEvent, EventBus, EventBusExt, Filter, ReactiveEventBus, Subscription};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{decision, plan};

/// A bus with a journal.
struct World {
    directory: TempDir,
    bus: ReactiveEventBus,
    /// How many events were emitted: the place that the last has in the journal, or will have.
    emitted: Arc<AtomicU64>,
    _counting: Subscription,
}

impl World {
    /// One whose segments are short.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let builder = Journal::builder(directory.path()).durability(Durability::Os).segment_bytes(4_096);
        let bus = ReactiveEventBus::builder().journal(builder.open().unwrap()).build();
        let emitted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&emitted);
        let _counting = bus.on(Filter::all(), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { directory, bus, emitted, _counting }
    }

    /// The place that the last event has, or will have.
    fn place(&self) -> Option<Position> {
        Position::new(self.emitted.load(Ordering::Relaxed))
    }

    #[expect(clippy::unnecessary_wraps, reason = "services take a bus or none")]
    fn bus(&self) -> Option<Arc<dyn EventBus>> {
        Some(Arc::new(self.bus.clone()))
    }

    fn reader(&self) -> JournalReader {
        JournalReader::open(self.directory.path()).unwrap()
    }

    /// The place of the last event, now that all are recorded.
    async fn last(&self) -> Option<Position> {
        self.bus.flush().await.unwrap();
        self.reader().last().unwrap()
    }

    /// Something that is none of the service's business.
    fn chatter(&self) {
        self.bus.emit(DomainEvent::new(SessionCreated::new(false)).with_plan_id("chatter"));
    }

    fn segments(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.directory.path().join("segments")).unwrap();
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Changes the first line of which `holds` is part, so that it cannot be read.
    fn damage(&self, holds: &str) {
        for file in self.segments() {
            let text = fs::read_to_string(&file).unwrap();
            if let Some(line) = text.lines().find(|line| line.contains(holds)) {
                fs::write(&file, text.replace(line, &line.replace("{\"pos\"", "{\"POS\""))).unwrap();
                return;
            }
        }
        panic!("no line holds {holds}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What the journal has, and each of its places.
fn lines(reader: &JournalReader) -> (Vec<Entry>, Vec<Position>) {
    let entries: Vec<_> = reader.read(ReadFrom::Start, Filter::all()).unwrap().map(Result::unwrap).collect();
    let places = entries.iter().cloned().map(|entry| entry.into_event().unwrap().position).collect();
    (entries, places)
}

/// Of so many places in a row the first, the last and some between are asked of the journal itself; the others are
/// built from its entries, since each question reads it from the start.
fn is_asked(place: usize, of: usize) -> bool {
    place % 16 == 0 || place + 1 == of
}

/// All that can be seen of plans.
#[derive(Debug, Clone, PartialEq)]
struct Plans {
    list: Vec<Plan>,
    trees: Vec<Vec<Plan>>,
    scopes: Vec<Option<Scope>>,
}

impl Plans {
    fn of(plans: &PlanService) -> Self {
        let list = plans.list(&PlanFilter::all());
        let trees = list.iter().map(|plan| plans.tree(&plan.id).unwrap()).collect();
        let scopes = list.iter().map(|plan| plans.scope(&plan.id)).collect();
        Self { list, trees, scopes }
    }

    fn get(&self, id: &PlanId) -> Option<&Plan> {
        self.list.iter().find(|plan| plan.id == *id)
    }
}

/// The state in the middle of an operation: each plan as before it, as behind it, or on the way.
fn check_between(state: &Plans, before: &Plans, behind: &Plans) -> Result<(), TestCaseError> {
    for plan in &state.list {
        let (before, behind) = (before.get(&plan.id), behind.get(&plan.id).unwrap());
        if plan.revision == behind.revision {
            prop_assert_eq!(plan, behind);
        } else if before.is_some_and(|before| before.revision == plan.revision) {
            prop_assert_eq!(Some(plan), before);
        } else {
            // Its change of state is told, what it means is not.
            prop_assert_eq!(plan.revision + 1, behind.revision);
            let mut whole = plan.clone();
            (whole.revision, whole.changed_at) = (behind.revision, behind.changed_at);
            prop_assert_eq!(&whole, behind);
        }
    }
    Ok(())
}

async fn plans_run(ops: Vec<plan::Op>) -> Result<(), TestCaseError> {
    let world = World::new();
    let plans = PlanService::new(world.bus());
    let mut ids: Vec<PlanId> = Vec::new();
    let mut seen = vec![(None, Plans::of(&plans))];
    for op in [plan::Op::Create, plan::Op::SpawnChild(0), plan::Op::Create].into_iter().chain(ops) {
        if let Ok(plan) = plan::act(&plans, &ids, &op).await
            && !ids.contains(&plan.id)
        {
            ids.push(plan.id);
        }
        world.chatter();
        seen.push((world.place(), Plans::of(&plans)));
    }
    world.last().await;
    let reader = world.reader();
    let last = seen.last().unwrap().0;
    let (entries, places) = lines(&reader);
    prop_assert_eq!(places.last().copied(), last);
    for (place, at) in places.iter().copied().enumerate() {
        let state = if is_asked(place, places.len()) {
            PlanService::state_at(&reader, at).unwrap()
        } else {
            PlanService::from_entries(entries[..=place].to_vec(), None)
        };
        prop_assert!(state.restored().unwrap().is_whole());
        prop_assert_eq!(state.restored().unwrap().through, Some(at));
        let behind = seen.iter().position(|(place, _)| *place >= Some(at)).unwrap();
        if seen[behind].0 == Some(at) {
            prop_assert_eq!(&Plans::of(&state), &seen[behind].1);
        } else {
            check_between(&Plans::of(&state), &seen[behind - 1].1, &seen[behind].1)?;
        }
    }
    let back = PlanService::restore(&reader, world.bus()).unwrap();
    prop_assert_eq!(back.restored().unwrap().through, last);
    prop_assert_eq!(Plans::of(&back), Plans::of(&plans));
    back.spawn_child(&back.create(NewPlan::new("more")).unwrap().id, NewPlan::new("below")).unwrap();
    for id in &ids {
        drop(back.cancel(id, "enough"));
    }
    world.last().await;
    prop_assert_eq!(Plans::of(&PlanService::restore(&reader, None).unwrap()), Plans::of(&back));
    Ok(())
}

/// The decisions of each plan, by sequence and by depth.
type Decisions = Vec<[Vec<Decision>; 2]>;

fn decisions_of(decisions: &DecisionService) -> Decisions {
    let plans = decision::PLANS.iter().map(|plan| PlanId::from(*plan));
    plans.map(|plan| [decisions.list(&plan), decisions.tree(&plan)]).collect()
}

async fn decisions_run(ops: Vec<decision::Op>) -> Result<(), TestCaseError> {
    let world = World::new();
    let decisions = DecisionService::new(world.bus());
    let mut model = decision::World::default();
    let mut seen = vec![(None, decisions_of(&decisions))];
    for op in ops {
        let done = decision::act(&decisions, &model, &op);
        model.act(&op, done.ok().flatten());
        world.chatter();
        seen.push((world.place(), decisions_of(&decisions)));
    }
    world.last().await;
    let reader = world.reader();
    let (entries, places) = lines(&reader);
    for (place, at) in places.iter().copied().enumerate() {
        let state = if is_asked(place, places.len()) {
            DecisionService::state_at(&reader, at).unwrap()
        } else {
            DecisionService::from_entries(entries[..=place].to_vec(), None)
        };
        prop_assert!(state.restored().unwrap().is_whole());
        if let Some((_, then)) = seen.iter().find(|(place, _)| *place == Some(at)) {
            prop_assert_eq!(&decisions_of(&state), then);
        }
    }
    let back = DecisionService::restore(&reader, world.bus()).unwrap();
    prop_assert_eq!(decisions_of(&back), decisions_of(&decisions));
    for root in decision::PLANS.iter().filter_map(|plan| back.list(&(*plan).into()).first().cloned()) {
        back.approve(&root.id, "me").unwrap();
    }
    world.last().await;
    prop_assert_eq!(decisions_of(&DecisionService::restore(&reader, None).unwrap()), decisions_of(&back));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn plans_come_back_from_their_journal_as_they_were_at_every_position(
        ops in prop::collection::vec(plan::op(), 1..50),
    ) {
        runtime().block_on(plans_run(ops))?;
    }

    #[test]
    fn decisions_come_back_from_their_journal_as_they_were_at_every_position(
        ops in prop::collection::vec(decision::op(), 1..40),
    ) {
        runtime().block_on(decisions_run(ops))?;
    }
}

/// Two plans, one of which failed and is queued again.
async fn two_plans(world: &World) -> PlanService {
    let plans = PlanService::new(world.bus());
    for id in ["p", "q"] {
        plans.create(NewPlan::new(id).with_id(id)).unwrap();
    }
    let p = PlanId::from("p");
    plans.advance(&p).await.unwrap();
    plans.start(&p).unwrap();
    world.chatter();
    plans.fail(&p, "no luck", PlanErrorKind::Transient).unwrap();
    plans.retry(&p).unwrap();
    world.last().await;
    plans
}

#[tokio::test]
async fn a_line_that_cannot_be_read_breaks_the_plan_it_told_of_and_no_other() {
    let world = World::new();
    two_plans(&world).await;
    world.damage("\"attempt\":1");
    let plans = PlanService::restore(&world.reader(), None).unwrap();
    let restored = plans.restored().unwrap();
    assert_eq!(restored.unreadable.len(), 1);
    let [broken] = restored.broken.as_slice() else { panic!("not one is broken: {restored:?}") };
    assert_eq!(broken.plan_id, "p");
    assert!(matches!(broken.fault, RestoreFault::Hole { expected: 5, found: 6, .. }), "{:?}", broken.fault);
    assert!(matches!(plans.start(&"p".into()), Err(PlanError::Broken { .. })));
    assert_eq!(plans.cancel(&"q".into(), "enough").unwrap().state, PlanState::Cancelled);
    // Before the hole nothing is missing.
    let RestoreFault::Hole { position, .. } = broken.fault else { unreachable!() };
    let earlier = Position::new(position.get() - 2).unwrap();
    let before = PlanService::state_at(&world.reader(), earlier).unwrap();
    assert!(before.restored().unwrap().is_whole(), "{:?}", before.restored());
    assert_eq!(before.get(&"p".into()).unwrap().revision, 4);
}

#[tokio::test]
async fn a_foreign_line_that_cannot_be_read_is_told_and_breaks_nothing() {
    let world = World::new();
    let plans = two_plans(&world).await;
    world.damage("chatter");
    let back = PlanService::restore(&world.reader(), None).unwrap();
    assert_eq!(Plans::of(&back), Plans::of(&plans));
    let restored = back.restored().unwrap();
    assert!(restored.broken.is_empty() && !restored.is_whole());
    assert_eq!(restored.unreadable.len(), 1);
}

#[tokio::test]
async fn a_last_line_that_cannot_be_read_is_told_with_what_is_restored() {
    let world = World::new();
    two_plans(&world).await;
    world.damage("\"from\":\"errored\"");
    let back = PlanService::restore(&world.reader(), None).unwrap();
    assert_eq!(back.get(&"p".into()).unwrap().state, PlanState::Errored);
    assert_eq!(back.restored().unwrap().unreadable.len(), 1);
}

#[tokio::test]
async fn a_state_whose_events_were_removed_cannot_be_told() {
    let world = World::new();
    let plans = PlanService::new(world.bus());
    for _ in 0..40 {
        let plan = plans.create(NewPlan::new("n".repeat(400))).unwrap();
        plans.cancel(&plan.id, "enough").unwrap();
        // A segment is closed behind what was written at once.
        world.last().await;
    }
    let last = world.last().await.unwrap();
    let segments = world.segments();
    assert!(segments.len() > 2, "{segments:?}");
    let first: u64 = segments[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::remove_file(&segments[0]).unwrap();
    let gone = Position::new(first - 1).unwrap();
    let refused = PlanService::state_at(&world.reader(), gone).unwrap_err();
    assert!(matches!(refused, RestoreError::Removed { through, .. } if through == gone), "{refused}");
    let back = PlanService::restore(&world.reader(), None).unwrap();
    let restored = back.restored().unwrap();
    assert_eq!((restored.removed, restored.through), (Some(gone), Some(last)));
    assert!(restored.broken.len() <= 1 && back.list(&PlanFilter::all()).len() >= 30);
}

#[tokio::test]
async fn a_text_in_which_a_secret_stood_comes_back_masked() {
    let world = World::new();
    let plans = PlanService::new(world.bus());
    let secret = "cannot reach postgres://app:hunter2@db/main";
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    plans.cancel(&id, secret).unwrap();
    world.last().await;
    let back = PlanService::restore(&world.reader(), None).unwrap();
    let masked = "cannot reach postgres://app:[redacted]@db/main";
    assert_eq!(plans.get(&id).unwrap().reason.unwrap(), secret);
    assert_eq!(back.get(&id).unwrap().reason.unwrap(), masked);
}

#[tokio::test]
async fn a_state_behind_the_end_is_that_of_the_end_and_an_empty_journal_has_none() {
    let world = World::new();
    let empty = PlanService::restore(&world.reader(), None).unwrap();
    assert!(empty.restored().unwrap().is_whole() && empty.restored().unwrap().through.is_none());
    let plans = two_plans(&world).await;
    let state = PlanService::state_at(&world.reader(), Position::MAX).unwrap();
    assert_eq!(Plans::of(&state), Plans::of(&plans));
    assert_eq!(state.restored().unwrap().through, world.last().await);
}

#[tokio::test]
async fn decisions_and_plans_of_one_journal_do_not_hinder_each_other() {
    let world = World::new();
    let plans = two_plans(&world).await;
    let decisions = DecisionService::new(world.bus());
    let scope = plans.scope(&"p".into()).unwrap();
    let root = scope.enter(|| decisions.record(NewDecision::root("p", "what?", "that"))).unwrap();
    plans.cancel(&"p".into(), "enough").unwrap();
    decisions.approve(&root.id, "me").unwrap();
    world.last().await;
    let (reader, p) = (world.reader(), PlanId::from("p"));
    assert_eq!(Plans::of(&PlanService::restore(&reader, None).unwrap()), Plans::of(&plans));
    let back = DecisionService::restore(&reader, None).unwrap();
    assert_eq!(back.list(&p), decisions.list(&p));
    assert_eq!(back.get(&DecisionId::from(&root.id)).unwrap().approved_by.unwrap(), "me");
}
