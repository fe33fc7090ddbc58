//! Trees of plans: who is told of in which tree, what is cancelled with what, and what is caused by what.

use std::collections::HashMap;
use std::sync::Arc;

use agentbus::event::{
    DecisionCreated, DecisionType, EventId, PlanCancelled, PlanCreated, PlanId, PlanState, Scope,
};
use agentbus::service::decision::{DecisionService, NewDecision};
use agentbus::service::plan::{NewPlan, PlanError, PlanFilter, PlanMove, PlanService};
use agentbus::service::tool::{Tool, ToolCall, ToolContext, ToolError, ToolOutput, ToolRuntime, ToolSpec};
use agentbus::testing::RecordingEventBus;
use agentbus::{DomainEvent, EventType, Payload};
use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::bus_of;

mod at_once;

/// How deep a tree is, and how many children a plan has at most.
const DEPTH: usize = 4;
const BRANCHING: usize = 3;

fn service() -> (RecordingEventBus, PlanService) {
    let bus = RecordingEventBus::new();
    let plans = PlanService::new(Some(bus_of(&bus)));
    (bus, plans)
}

/// A plan of a tree that a test made up.
#[derive(Debug, Clone)]
struct Node {
    id: PlanId,
    parent: Option<usize>,
    /// Finished before anything else happens, in place of being cancelled with the others.
    is_finished: bool,
}

/// A tree, each plan before its children: how many children each plan in turn has, and which are finished.
fn tree() -> impl Strategy<Value = Vec<Node>> {
    let children = prop::collection::vec((0..=BRANCHING, prop::bool::weighted(0.15)), 1..60);
    children.prop_map(|choices| {
        let mut nodes = vec![Node { id: "plan-0".into(), parent: None, is_finished: false }];
        let mut depths = vec![1];
        for (at, (children, is_finished)) in choices.into_iter().enumerate() {
            let depth = depths.get(at).copied().unwrap_or(DEPTH);
            for _ in 0..if depth < DEPTH { children } else { 0 } {
                let id = PlanId::from(format!("plan-{}", nodes.len()));
                nodes.push(Node { id, parent: Some(at), is_finished });
                depths.push(depth + 1);
            }
        }
        nodes
    })
}

fn plant(plans: &PlanService, nodes: &[Node]) {
    for node in nodes {
        let new = NewPlan::new(node.id.to_string()).with_id(&node.id);
        match node.parent {
            None => plans.create(new).unwrap(),
            Some(parent) => plans.spawn_child(&nodes[parent].id, new).unwrap(),
        };
    }
    // The lowest first, so that none takes others along.
    for node in nodes.iter().rev().filter(|node| node.is_finished && is_leaf(nodes, node)) {
        plans.cancel(&node.id, "enough").unwrap();
    }
}

fn is_leaf(nodes: &[Node], node: &Node) -> bool {
    nodes.iter().all(|other| other.parent.is_none_or(|parent| nodes[parent].id != node.id))
}

/// The plan and those below it that are not finished, each behind those below it.
fn unfinished_below(nodes: &[Node], at: usize) -> Vec<usize> {
    let children = (0..nodes.len()).filter(|child| nodes[*child].parent == Some(at));
    let below = children.flat_map(|child| unfinished_below(nodes, child));
    let is_finished = nodes[at].is_finished && is_leaf(nodes, &nodes[at]);
    below.chain((!is_finished).then_some(at)).collect()
}

/// The opening event of each plan.
fn openings(bus: &RecordingEventBus) -> HashMap<PlanId, Arc<DomainEvent>> {
    let openings = bus.all::<PlanCreated>();
    openings.iter().map(|told| (told.event().plan_id().unwrap().clone(), Arc::clone(told.event()))).collect()
}

/// Every event of the tree names its root and has the root's correlation; a child's opening is caused by its
/// parent's, and whatever else a plan tells by its own.
fn check_envelopes(bus: &RecordingEventBus, nodes: &[Node]) {
    let openings = openings(bus);
    let root = &openings[&nodes[0].id];
    for event in bus.events() {
        let node = nodes.iter().find(|node| Some(&node.id) == event.plan_id()).unwrap();
        let parent = node.parent.map(|parent| &nodes[parent].id);
        let cause = match event.payload() {
            Payload::PlanCreated(told) => {
                assert_eq!(told.parent_plan_id.as_ref(), parent);
                parent.map(|parent| openings[parent].id())
            }
            _ => Some(openings[&node.id].id()),
        };
        assert_eq!(event.causation_id(), cause, "{event:?}");
        assert_eq!(event.root_plan_id(), Some(&nodes[0].id));
        assert_eq!(event.correlation_id(), root.correlation_id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cancelling_takes_the_unfinished_plans_below_along_the_lowest_first(nodes in tree(), at in 0..1_000_usize) {
        let (bus, plans) = service();
        plant(&plans, &nodes);
        let before = bus.events().len();
        let others = plans.list(&PlanFilter::all());
        let expected = unfinished_below(&nodes, at % nodes.len());
        let top = &nodes[at % nodes.len()];
        let cancelled = plans.cancel(&top.id, "not worth it");
        check_envelopes(&bus, &nodes);
        let told = bus.events().split_off(before);
        if expected.last() != Some(&(at % nodes.len())) {
            prop_assert!(cancelled.is_err());
            prop_assert!(told.is_empty());
            return Ok(());
        }
        let ids: Vec<_> = expected.iter().map(|at| nodes[*at].id.clone()).collect();
        for (pair, (id, at)) in told.chunks(2).zip(ids.iter().zip(&expected)) {
            let kinds: Vec<_> = pair.iter().map(|event| event.event_type()).collect();
            prop_assert_eq!(kinds, [EventType::PlanStateChanged, EventType::PlanCancelled]);
            prop_assert!(pair.iter().all(|event| event.plan_id() == Some(id)));
            let told = pair[1].details::<PlanCancelled>().unwrap();
            let below = unfinished_below(&nodes, *at).len() - 1;
            prop_assert_eq!((told.children_cancelled, &*told.reason), (below as u64, "not worth it"));
        }
        prop_assert_eq!(told.len(), 2 * ids.len());
        for plan in others {
            let is = plans.get(&plan.id).unwrap();
            if ids.contains(&plan.id) {
                prop_assert_eq!(is.state, PlanState::Cancelled);
                let refusal = plans.spawn_child(&plan.id, NewPlan::new("late")).unwrap_err();
                let is_right = matches!(refusal, PlanError::Refused { asked: PlanMove::SpawnChild, .. });
                prop_assert!(is_right, "{}", refusal);
            } else {
                prop_assert_eq!(is, plan);
            }
        }
        prop_assert_eq!(bus.events().len(), before + told.len());
    }
}

/// Takes a decision in the plan of the call and spawns a plan below it: in a task of its own, with the scope or
/// without.
#[derive(Debug)]
struct Splits {
    plans: PlanService,
    decisions: DecisionService,
}

#[async_trait]
impl Tool for Splits {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("split", "Splits a plan.", json!({"properties": {}}))
    }

    async fn call(&self, context: &ToolContext, _input: Value) -> Result<ToolOutput, ToolError> {
        let plan = context.plan().expect("the test names it").clone();
        let Self { plans, decisions } = self;
        let (plans, decisions) = (plans.clone(), decisions.clone());
        let work = async move {
            let root = NewDecision::root(&plan, "split it?", "yes").with_id("inside");
            decisions.record(root).unwrap();
            plans.spawn_child(&plan, NewPlan::new("part").with_id("part")).unwrap();
        };
        Scope::current().spawn(work).await.map_err(|error| ToolError::failed(error.to_string()))?;
        Ok(ToolOutput::new("done"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correlation_and_cause_go_through_the_tree_and_across_tasks_and_tools() {
    let (bus, plans) = service();
    let decisions = DecisionService::new(Some(bus_of(&bus)));
    let tools = ToolRuntime::new(Some(bus_of(&bus)));
    tools.register(Arc::new(Splits { plans: plans.clone(), decisions: decisions.clone() })).unwrap();
    let request =
        Scope::new().with_correlation_id("request-1").with_session_id("s-1").with_user_identity("ann");
    let root = request.enter(|| plans.create(NewPlan::new("mend").with_id("mend"))).unwrap().id;
    let context = ToolContext::new().with_plan(&root);
    let scope = plans.scope(&root).unwrap();
    scope
        .spawn(async move {
            let call = ToolCall::new("split", json!({}));
            Scope::current().spawn(async move { tools.call(call, &context).await.unwrap() }).await.unwrap();
        })
        .await
        .unwrap();
    // What the child tells goes on in the same way.
    let part = PlanId::from("part");
    let detail = plans.spawn_child(&part, NewPlan::new("detail").with_id("detail")).unwrap().id;
    plans.cancel(&root, "enough").unwrap();

    let events = bus.events();
    let kinds: Vec<_> = events.iter().take(5).map(|event| event.event_type()).collect();
    assert_eq!(
        kinds,
        [
            EventType::PlanCreated,
            EventType::ToolInvoked,
            EventType::DecisionCreated,
            EventType::PlanCreated,
            EventType::ToolCompleted
        ]
    );
    let cause = |nth: usize| events[nth].causation_id();
    let (opened, invoked) = (Some(events[0].id()), Some(events[1].id()));
    assert_eq!([cause(0), cause(1), cause(2), cause(3), cause(4)], [None, opened, invoked, invoked, invoked]);
    let by_id: HashMap<EventId, _> = events.iter().map(|event| (event.id(), event)).collect();
    for event in &events {
        assert_eq!(event.correlation_id(), "request-1", "{event:?}");
        assert_eq!(event.root_plan_id(), Some(&root), "{event:?}");
        assert_eq!(event.session_id().unwrap(), &"s-1", "{event:?}");
        // Whatever happened, its causes lead back to what began it all.
        let first = std::iter::successors(Some(event), |event| Some(by_id[&event.causation_id()?]));
        assert_eq!(first.last().unwrap().id(), events[0].id());
    }
    assert_eq!(plans.get(&detail).unwrap().root_id, root);
}

#[tokio::test]
async fn a_task_that_was_spawned_without_its_scope_begins_anew() {
    let (bus, plans) = service();
    let decisions = DecisionService::new(Some(bus_of(&bus)));
    let root = plans.create(NewPlan::new("mend").with_id("mend")).unwrap().id;
    let record = |id: &'static str, root: NewDecision| {
        let decisions = decisions.clone();
        async move { decisions.record(root.with_id(id)).unwrap() }
    };
    let scope = plans.scope(&root).unwrap();
    let lost = scope
        .clone()
        .run(async { tokio::spawn(record("lost", NewDecision::root("mend", "?", "!"))).await.unwrap() })
        .await;
    let kept = NewDecision::under(&lost, DecisionType::ToolChoice, "?", "!");
    scope.run(async { Scope::current().spawn(record("kept", kept)).await.unwrap() }).await;
    let (opening, told) = (bus.only::<PlanCreated>(), bus.all::<DecisionCreated>());
    let [lost, kept] = told.as_slice() else { panic!("not two decisions\n{}", bus.transcript()) };
    assert_eq!(lost.event().causation_id(), None);
    assert_ne!(lost.event().correlation_id(), opening.event().correlation_id());
    assert_eq!(kept.event().causation_id(), Some(opening.event().id()));
    assert_eq!(kept.event().correlation_id(), opening.event().correlation_id());
}
