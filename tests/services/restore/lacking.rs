//! Journals that lack something, and what is told of that.

use std::fs;

use agentbus::event::{DecisionId, PlanErrorKind, PlanId, PlanState};
use agentbus::journal::Position;
use agentbus::redact::without_tags;
use agentbus::service::decision::{DecisionService, NewDecision};
use agentbus::service::plan::{NewPlan, PlanError, PlanFilter, PlanService};
use agentbus::service::restore::{RestoreError, RestoreFault};

use super::Plans;
use super::world::{Directory, World};

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
    let (directory, world) = Directory::world();
    two_plans(&world).await;
    directory.damage("\"attempt\":1");
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
    let (directory, world) = Directory::world();
    let plans = two_plans(&world).await;
    directory.damage("chatter");
    let back = PlanService::restore(&world.reader(), None).unwrap();
    assert_eq!(Plans::of(&back), Plans::of(&plans));
    let restored = back.restored().unwrap();
    assert!(restored.broken.is_empty() && !restored.is_whole());
    assert_eq!(restored.unreadable.len(), 1);
}

#[tokio::test]
async fn a_last_line_that_cannot_be_read_is_told_with_what_is_restored() {
    let (directory, world) = Directory::world();
    two_plans(&world).await;
    directory.damage("\"from\":\"errored\"");
    let back = PlanService::restore(&world.reader(), None).unwrap();
    assert_eq!(back.get(&"p".into()).unwrap().state, PlanState::Errored);
    assert_eq!(back.restored().unwrap().unreadable.len(), 1);
}

#[tokio::test]
async fn a_state_whose_events_were_removed_cannot_be_told() {
    let (directory, world) = Directory::world();
    let plans = PlanService::new(world.bus());
    for _ in 0..40 {
        let plan = plans.create(NewPlan::new("n".repeat(400))).unwrap();
        plans.cancel(&plan.id, "enough").unwrap();
        // A segment is closed behind what was written at once.
        world.last().await;
    }
    let last = world.last().await.unwrap();
    let segments = directory.segments();
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
    let world = World::in_memory();
    let plans = PlanService::new(world.bus());
    let secret = "cannot reach postgres://app:hunter2@db/main";
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    plans.cancel(&id, secret).unwrap();
    world.last().await;
    let back = PlanService::restore(&world.reader(), None).unwrap();
    let masked = "cannot reach postgres://app:[redacted]@db/main";
    assert_eq!(plans.get(&id).unwrap().reason.unwrap(), secret);
    assert_eq!(without_tags(&back.get(&id).unwrap().reason.unwrap()), masked);
}

#[tokio::test]
async fn a_state_behind_the_end_is_that_of_the_end_and_an_empty_journal_has_none() {
    let world = World::in_memory();
    let empty = PlanService::restore(&world.reader(), None).unwrap();
    assert!(empty.restored().unwrap().is_whole() && empty.restored().unwrap().through.is_none());
    let plans = two_plans(&world).await;
    let state = PlanService::state_at(&world.reader(), Position::MAX).unwrap();
    assert_eq!(Plans::of(&state), Plans::of(&plans));
    assert_eq!(state.restored().unwrap().through, world.last().await);
}

#[tokio::test]
async fn decisions_and_plans_of_one_journal_do_not_hinder_each_other() {
    let world = World::in_memory();
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
