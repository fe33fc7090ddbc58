//! Plans that many tasks spawn and cancel in one tree at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use agentbus::Payload;
use agentbus::event::{PlanId, PlanState};
use agentbus::service::plan::{NewPlan, PlanError, PlanFilter, PlanService};
use agentbus::testing::RecordingEventBus;
use tokio::sync::Barrier;

use super::service;

const SPAWNERS: usize = 6;
const CANCELLERS: usize = 2;
const TREES: usize = 100;

/// Spawns below whatever there is, until all is cancelled. How many it spawned.
fn spawn_all_over(plans: &PlanService, root: &PlanId, seed: usize) -> usize {
    let mut spawned = 0;
    for nth in 0..40 {
        let tree = plans.tree(root).unwrap();
        let parent = &tree[(seed + nth * 7) % tree.len()];
        match plans.spawn_child(&parent.id, NewPlan::new("child")) {
            Ok(child) => {
                assert_eq!((&child.root_id, child.parent_id.as_ref()), (root, Some(&parent.id)));
                spawned += 1;
            }
            Err(PlanError::Refused { state: PlanState::Cancelled, .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    spawned
}

/// Cancels some that there are, and at last all.
fn cancel_all_over(plans: &PlanService, root: &PlanId, seed: usize) -> usize {
    for nth in 0..10 {
        let tree = plans.tree(root).unwrap();
        let at = (seed + nth * 5) % tree.len();
        if at > 0 {
            drop(plans.cancel(&tree[at].id, "enough"));
        }
    }
    drop(plans.cancel(root, "enough of all"));
    0
}

/// At every event: nothing is spawned below a plan that is cancelled, and none is cancelled before those below it.
fn check_order(bus: &RecordingEventBus) -> usize {
    let (mut open_below, mut parents) = (HashMap::<PlanId, HashSet<PlanId>>::new(), HashMap::new());
    let mut cancelled = HashSet::new();
    for event in bus.events() {
        let id = event.plan_id().unwrap().clone();
        match event.payload() {
            Payload::PlanCreated(told) => {
                if let Some(parent) = &told.parent_plan_id {
                    assert!(
                        !cancelled.contains(parent),
                        "{id} was spawned below {parent}, which was cancelled"
                    );
                    open_below.entry(parent.clone()).or_default().insert(id.clone());
                    parents.insert(id, parent.clone());
                }
            }
            Payload::PlanStateChanged(told) => {
                assert_eq!(told.to, PlanState::Cancelled);
                assert!(open_below.get(&id).is_none_or(HashSet::is_empty), "{id} left some behind");
                if let Some(parent) = parents.get(&id) {
                    assert!(open_below.get_mut(parent).unwrap().remove(&id));
                }
                assert!(cancelled.insert(id), "cancelled twice");
            }
            _ => {}
        }
    }
    cancelled.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_unfinished_child_is_ever_left_below_a_cancelled_plan() {
    for _ in 0..TREES {
        let (bus, plans) = service();
        let root = plans.create(NewPlan::new("root")).unwrap().id;
        let start = Arc::new(Barrier::new(SPAWNERS + CANCELLERS));
        let begin = |seed: usize| {
            let (plans, root, start) = (plans.clone(), root.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let act = if seed < CANCELLERS { cancel_all_over } else { spawn_all_over };
                act(&plans, &root, seed)
            })
        };
        let tasks: Vec<_> = (0..SPAWNERS + CANCELLERS).map(begin).collect();
        let mut spawned = 0;
        for task in tasks {
            spawned += task.await.unwrap();
        }
        let all = plans.list(&PlanFilter::all());
        assert_eq!(all.len(), spawned + 1);
        assert!(all.iter().all(|plan| plan.state == PlanState::Cancelled), "one is left");
        assert_eq!(check_order(&bus), all.len());
    }
}
