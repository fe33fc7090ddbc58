use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::*;
use crate::event::{
    EventType, PlanCancelled, PlanErrored, PlanPhaseChanged, PlanState, PlanStateChanged, Timestamp,
};
use crate::journal::{Signal, SignalProvider as _};
use crate::service::restore::line::lines;
use crate::testing::{FixedClock, RecordingEventBus};

fn service() -> (PlanService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (PlanService::new(Some(Arc::new(bus.clone()))), bus)
}

async fn in_apply(plans: &PlanService) -> PlanId {
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    for _ in [PlanPhase::Strategize, PlanPhase::Execute] {
        plans.advance(&id).await.unwrap();
        plans.start(&id).unwrap();
        plans.complete(&id).unwrap();
    }
    plans.advance(&id).await.unwrap();
    id
}

#[test]
fn nothing_leads_out_of_a_final_state_and_only_two_moves_out_of_action() {
    let asks = [
        PlanMove::Advance,
        PlanMove::Start,
        PlanMove::Complete,
        PlanMove::Apply,
        PlanMove::Fail,
        PlanMove::Constrain,
        PlanMove::Retry,
        PlanMove::RevertTo(PlanPhase::Strategize),
        PlanMove::RevertTo(PlanPhase::Execute),
        PlanMove::Cancel,
    ];
    for asked in asks {
        for phase in PlanPhase::ALL {
            assert_eq!(moves::target(*phase, PlanState::Applied, asked), None);
            assert_eq!(moves::target(*phase, PlanState::Cancelled, asked), None);
        }
        let leads = moves::target(PlanPhase::Action, PlanState::Queued, asked).is_some();
        assert_eq!(leads, matches!(asked, PlanMove::Advance | PlanMove::Cancel), "{asked}");
    }
}

#[test]
fn names_that_no_event_could_hold_are_refused() {
    let (plans, bus) = service();
    for plan in [
        NewPlan::new(""),
        NewPlan::new("p").with_id(""),
        NewPlan::new("p").with_id("a\u{0}"),
        NewPlan::new("p").with_id("x".repeat(257)),
        NewPlan::new("p").with_session_id("\n"),
        NewPlan::new("p").with_actor(""),
        NewPlan::new("p").with_project_names(["fine", ""]),
    ] {
        assert!(matches!(plans.create(plan), Err(PlanError::Invalid { .. })));
    }
    bus.assert_nothing();
    assert!(plans.list(&PlanFilter::all()).is_empty());
}

#[test]
fn a_plan_of_an_id_that_is_taken_is_refused() {
    let (plans, bus) = service();
    plans.create(NewPlan::new("p").with_id("p")).unwrap();
    assert_eq!(plans.create(NewPlan::new("q").with_id("p")), Err(PlanError::Exists { plan: "p".into() }));
    assert_eq!(plans.get(&"p".into()).unwrap().name, "p");
    bus.assert_types([EventType::PlanCreated]);
}

#[tokio::test]
async fn a_plan_holds_what_its_events_tell_and_their_time() {
    let (plans, bus) = service();
    let plan = plans.create(NewPlan::new("n".repeat(1_000)).with_id("p").with_actor("a")).unwrap();
    let told = bus.only::<PlanCreated>();
    assert_eq!((&plan.name, &plan.actor), (&told.name, &told.actor));
    assert_eq!(plan.created_at, told.event().timestamp());
    let plan = plans.advance(&plan.id).await.unwrap();
    assert_eq!(plan.changed_at, bus.only::<PlanPhaseChanged>().event().timestamp());
}

#[tokio::test]
async fn a_retry_counts_the_attempts_at_its_phase_alone() {
    let (plans, bus) = service();
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    plans.advance(&id).await.unwrap();
    for _ in 0..3 {
        plans.start(&id).unwrap();
        plans.fail(&id, "no luck", PlanErrorKind::Transient).unwrap();
        plans.retry(&id).unwrap();
    }
    plans.start(&id).unwrap();
    plans.complete(&id).unwrap();
    plans.advance(&id).await.unwrap();
    plans.start(&id).unwrap();
    plans.fail(&id, "no luck", PlanErrorKind::Permanent).unwrap();
    let attempts: Vec<_> = bus.all::<PlanErrored>().iter().map(|told| told.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1]);
}

#[tokio::test]
async fn apply_is_ended_by_apply_and_a_constrained_plan_can_only_go_back() {
    let (plans, _bus) = service();
    let id = in_apply(&plans).await;
    plans.start(&id).unwrap();
    assert!(matches!(plans.complete(&id), Err(PlanError::Refused { asked: PlanMove::Complete, .. })));
    let plan = plans.constrain(&id, "the tests are gone").unwrap();
    assert!(
        !plan.allows(PlanMove::Retry) && !plan.allows(PlanMove::Start) && !plan.allows(PlanMove::Advance)
    );
    let plan = plans.revert_to(&id, PlanPhase::Strategize, "keep the tests").unwrap();
    assert_eq!((plan.phase, plan.state, plan.reversion_count), (PlanPhase::Strategize, PlanState::Queued, 1));
}

#[tokio::test]
async fn a_plan_goes_back_as_often_as_it_may() {
    let (plans, bus) = service();
    let id = plans.create(NewPlan::new("p").with_max_reversions(0)).unwrap().id;
    plans.advance(&id).await.unwrap();
    plans.start(&id).unwrap();
    plans.complete(&id).unwrap();
    plans.advance(&id).await.unwrap();
    plans.start(&id).unwrap();
    bus.take();
    let error = plans.revert_to(&id, PlanPhase::Strategize, "no").unwrap_err();
    assert_eq!(error, PlanError::TooManyReversions { plan: id, max: 0 });
    bus.assert_nothing();
}

#[test]
fn a_tree_is_listed_depth_first_and_cancelled_leaves_first() {
    let (plans, bus) = service();
    let root = plans.create(NewPlan::new("root").with_id("root")).unwrap().id;
    for (parent, id) in [("root", "a"), ("a", "a1"), ("root", "b"), ("a", "a2")] {
        plans.spawn_child(&parent.into(), NewPlan::new(id).with_id(id)).unwrap();
    }
    let names: Vec<_> = plans.tree(&root).unwrap().into_iter().map(|plan| plan.name).collect();
    assert_eq!(names, ["root", "a", "a1", "a2", "b"]);

    plans.cancel(&"a2".into(), "alone").unwrap();
    bus.take();
    plans.cancel(&root, "enough").unwrap();
    let told = bus.all::<PlanCancelled>();
    let told: Vec<_> = told
        .iter()
        .map(|told| (told.event().plan_id().unwrap().to_string(), told.children_cancelled))
        .collect();
    assert_eq!(told, [("a1".into(), 0), ("a".into(), 1), ("b".into(), 0), ("root".into(), 3)]);
    assert!(matches!(
        plans.spawn_child(&root, NewPlan::new("late")),
        Err(PlanError::Refused { asked: PlanMove::SpawnChild, state: PlanState::Cancelled, .. })
    ));
}

#[test]
fn a_tree_of_ten_thousand_generations_is_cancelled_in_a_loop() {
    let (plans, _bus) = service();
    let root = plans.create(NewPlan::new("root")).unwrap().id;
    let mut parent = root.clone();
    for _ in 0..10_000 {
        parent = plans.spawn_child(&parent, NewPlan::new("below")).unwrap().id;
    }
    plans.cancel(&root, "too deep").unwrap();
    assert_eq!(plans.list(&PlanFilter::all().in_state(PlanState::Cancelled)).len(), 10_001);
    assert_eq!(plans.tree(&root).unwrap().len(), 10_001);
}

#[test]
fn events_carry_the_ids_of_their_plan_and_its_opening_event_as_cause() {
    let (plans, bus) = service();
    let new = NewPlan::new("p").with_id("p").with_session_id("s").with_actor("a").with_project_names(["x"]);
    plans.create(new).unwrap();
    plans.cancel(&"p".into(), "enough").unwrap();
    let opening = Arc::clone(bus.only::<PlanCreated>().event());
    for event in bus.events() {
        assert_eq!(event.plan_id().unwrap(), &"p");
        assert_eq!(event.root_plan_id().unwrap(), &"p");
        assert_eq!(event.session_id().unwrap(), &"s");
        assert_eq!(event.actor_name().unwrap(), &"a");
        assert_eq!(event.project_name().unwrap(), &"x");
        assert_eq!(event.correlation_id(), opening.correlation_id());
        let is_opening = event.id() == opening.id();
        assert_eq!(event.causation_id(), (!is_opening).then_some(opening.id()));
    }
    assert_eq!(plans.scope(&"p".into()), Some(opening.scope()));
}

#[test]
fn a_plan_for_several_projects_is_told_in_one_of_them_or_in_none() {
    let told_in = |projects: &[&str]| {
        let (plans, bus) = service();
        let new = NewPlan::new("p").with_project_names(projects);
        Scope::new().with_project_name("now").enter(|| plans.create(new)).unwrap();
        bus.only::<PlanCreated>().event().project_name().map(ToString::to_string)
    };
    assert_eq!(told_in(&["x"]).as_deref(), Some("x"));
    assert_eq!(told_in(&[]).as_deref(), Some("now"));
    assert_eq!(told_in(&["x", "now"]).as_deref(), Some("now"));
    assert_eq!(told_in(&["x", "y"]), None);
}

#[test]
fn what_runs_now_is_the_cause_before_the_opening_event() {
    let (plans, bus) = service();
    let plan = plans.create(NewPlan::new("p")).unwrap();
    let cause = crate::DomainEvent::new(crate::event::SessionCreated::new(false)).with_session_id("now");
    cause.scope().enter(|| plans.cancel(&plan.id, "enough").unwrap());
    let told = bus.only::<PlanCancelled>();
    assert_eq!(told.event().causation_id(), Some(cause.id()));
    assert_eq!(told.event().correlation_id(), cause.correlation_id());
    assert_eq!(told.event().session_id(), cause.session_id());
    assert_eq!(told.event().plan_id(), Some(&plan.id));
}

#[test]
fn a_child_has_its_parents_correlation_and_is_caused_by_its_opening() {
    let (plans, bus) = service();
    let root = plans.create(NewPlan::new("root").with_session_id("s")).unwrap();
    let opening = Arc::clone(bus.only::<PlanCreated>().event());
    bus.take();
    let child = plans.spawn_child(&root.id, NewPlan::new("child")).unwrap();
    assert_eq!((&child.root_id, &child.session_id), (&root.id, &root.session_id));
    let told = bus.only::<PlanCreated>();
    assert_eq!(told.parent_plan_id, Some(root.id));
    assert_eq!(told.event().correlation_id(), opening.correlation_id());
    assert_eq!(told.event().causation_id(), Some(opening.id()));
}

#[test]
fn without_a_bus_everything_works_the_same() {
    let plans = PlanService::new(None);
    let plan = plans.create(NewPlan::new("p")).unwrap();
    assert_eq!(plans.cancel(&plan.id, "enough").unwrap().revision, 3);
    assert_eq!(plans.scope(&plan.id).unwrap().plan_id(), Some(&plan.id));
}

/// A gate that says when it was asked and answers when it is told to.
#[derive(Debug, Default)]
struct Slow {
    asked: Notify,
    answer: Notify,
}

#[async_trait]
impl Gate for Slow {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        assert_eq!(Scope::current().plan_id(), Some(&question.plan_id));
        self.asked.notify_one();
        self.answer.notified().await;
        GateAnswer::Allowed
    }
}

#[tokio::test]
async fn a_plan_that_changed_while_the_gate_was_asked_stays_where_it_is() {
    let (plans, bus) = service();
    let gate = Arc::new(Slow::default());
    let plans = plans.with_gate(gate.clone());
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    let advancing = tokio::spawn({
        let (plans, id) = (plans.clone(), id.clone());
        async move { plans.advance(&id).await }
    });
    gate.asked.notified().await;
    plans.cancel(&id, "meanwhile").unwrap();
    gate.answer.notify_one();
    let error = advancing.await.unwrap().unwrap_err();
    assert_eq!(error, PlanError::Changed { plan: id, expected: 1, actual: 3 });
    bus.assert_types([EventType::PlanCreated, EventType::PlanStateChanged, EventType::PlanCancelled]);
}

#[tokio::test]
async fn an_advance_that_is_given_up_while_the_gate_is_asked_was_never_asked() {
    let (plans, bus) = service();
    let gate = Arc::new(Slow::default());
    let plans = plans.with_gate(gate.clone());
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    let given_up = tokio::time::timeout(Duration::ZERO, plans.advance(&id)).await;
    assert!(given_up.is_err());
    bus.assert_types([EventType::PlanCreated]);
    gate.answer.notify_one();
    assert_eq!(plans.advance(&id).await.unwrap().phase, PlanPhase::Strategize);
}

#[derive(Debug)]
struct Refuses;

#[async_trait]
impl Gate for Refuses {
    async fn ask(&self, question: &GateQuestion) -> GateAnswer {
        let GateOperation::EnterPhase { from, to } = question.operation;
        GateAnswer::refused([format!("{from} to {to}"), "never".to_owned()])
    }
}

#[tokio::test]
async fn a_refusal_of_the_gate_carries_its_reasons_and_changes_nothing() {
    let (plans, bus) = service();
    let plans = plans.with_gate(Arc::new(Refuses));
    let plan = plans.create(NewPlan::new("p").with_id("p")).unwrap();
    let error = plans.advance(&plan.id).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot advance plan p to strategize: action to strategize; never");
    assert_eq!(plans.get(&plan.id), Some(plan));
    bus.assert_types([EventType::PlanCreated]);
}

#[test]
fn many_tasks_at_one_plan_tell_its_revisions_in_order() {
    let (plans, bus) = service();
    let id = plans.create(NewPlan::new("p")).unwrap().id;
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..50 {
                    let child = plans.spawn_child(&id, NewPlan::new("child")).unwrap();
                    drop(plans.cancel(&child.id, "done"));
                }
            });
        }
    });
    plans.cancel(&id, "all").unwrap();
    let mut last = std::collections::HashMap::new();
    for event in bus.events() {
        let revision = match event.payload() {
            crate::Payload::PlanCreated(told) => told.revision,
            crate::Payload::PlanStateChanged(PlanStateChanged { revision, .. })
            | crate::Payload::PlanCancelled(PlanCancelled { revision, .. }) => *revision,
            other => panic!("{other:?}"),
        };
        let before = last.insert(event.plan_id().unwrap().clone(), revision).unwrap_or(0);
        assert_eq!(revision, before + 1);
    }
}

#[tokio::test]
async fn a_plan_that_stands_still_is_signalled_until_it_moves_or_is_finished() {
    let clock = FixedClock::at(Timestamp::from_unix_nanos(0));
    let (plans, _bus) = service();
    let id = plans.create(NewPlan::new("p").with_id("p").with_session_id("s")).unwrap().id;
    let watchdog = plans.watchdog(Duration::from_mins(1));
    clock.advance(Duration::from_secs(59));
    assert_eq!(watchdog.signals(Timestamp::now()), []);
    plans.create(NewPlan::new("younger")).unwrap();
    clock.advance(Duration::from_secs(1));
    let expected = Signal::new(
        "stalled_plan",
        "p",
        "plan p is queued in action, without an event since 1970-01-01T00:00:00Z",
        Timestamp::from_unix_nanos(0),
    );
    assert_eq!(watchdog.signals(Timestamp::now()), [expected.with_plan_id("p").with_session_id("s")]);
    plans.advance(&id).await.unwrap();
    assert_eq!(watchdog.signals(Timestamp::now()), []);
    plans.cancel(&id, "enough").unwrap();
    clock.advance(Duration::from_hours(1));
    let stalled: Vec<_> =
        watchdog.signals(Timestamp::now()).into_iter().map(|signal| signal.plan_id).collect();
    assert!(stalled.len() == 1 && !stalled.contains(&Some(id)));
}

#[tokio::test]
async fn stalled_plans_are_signalled_in_the_order_of_their_creation_also_after_a_restore() {
    let clock = FixedClock::at(Timestamp::from_unix_nanos(0));
    let (plans, bus) = service();
    for id in ["c", "b", "a", "finished"] {
        plans.create(NewPlan::new("p").with_id(id)).unwrap();
    }
    plans.cancel(&"finished".into(), "enough").unwrap();
    clock.advance(Duration::from_secs(1));
    plans.advance(&"c".into()).await.unwrap();
    let told = lines(bus.events());
    clock.advance(Duration::from_mins(1));
    for service in [plans, PlanService::from_entries(told, None)] {
        let signals = service.watchdog(Duration::from_mins(1)).signals(Timestamp::now());
        let stalled: Vec<_> = signals.iter().map(|signal| signal.key.as_str()).collect();
        assert_eq!(stalled, ["c", "b", "a"]);
    }
}

#[test]
fn a_watchdog_that_waits_for_ever_says_nothing() {
    let (plans, _bus) = service();
    plans.create(NewPlan::new("p")).unwrap();
    assert_eq!(plans.watchdog(Duration::MAX).signals(Timestamp::now()), []);
}
