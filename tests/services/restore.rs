//! Plans and decisions from a real journal: random runs, restored at every position.

use agentbus::Filter;
use agentbus::event::{PlanId, Scope};
use agentbus::journal::{Entry, JournalReader, Position, ReadFrom};
use agentbus::service::decision::{Decision, DecisionService};
use agentbus::service::plan::{NewPlan, Plan, PlanFilter, PlanService};
use proptest::prelude::*;

use crate::{decision, plan};

mod lacking;
pub(crate) mod world;

use world::World;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// What the journal has, and each of its places.
pub(crate) fn lines(reader: &JournalReader) -> (Vec<Entry>, Vec<Position>) {
    let entries: Vec<_> = reader.read(ReadFrom::Start, Filter::all()).unwrap().map(Result::unwrap).collect();
    let places = entries.iter().cloned().map(|entry| entry.into_event().unwrap().position).collect();
    (entries, places)
}

/// Of so many places in a row the first, the last and some between are asked of the journal itself; the others are
/// built from its entries, since each question reads it from the start.
fn is_asked(place: usize, of: usize) -> bool {
    place.is_multiple_of(16) || place + 1 == of
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
    let world = World::in_memory();
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
    let world = World::in_memory();
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
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn plans_come_back_from_their_journal_as_they_were_at_every_position(
        ops in prop::collection::vec(plan::op(), 1..40),
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
