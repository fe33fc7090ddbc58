use super::*;
use crate::event::{
    Brief, DomainEvent, PlanApplied, PlanCancelled, PlanCreated, PlanErrorKind, PlanErrored, PlanId,
    PlanPhase, PlanPhaseChanged, PlanState, PlanStateChanged, SessionCreated, Text,
};
use crate::journal::{LineFault, Position, Unreadable};
use crate::service::plan::{ApplySummary, NewPlan, Plan, PlanError, PlanFilter};
use crate::service::restore::line::{contradiction, hole, lines, of, only_broken};
use crate::service::restore::{Conflict, RestoreFault};
use crate::testing::RecordingEventBus;

fn restored(events: impl IntoIterator<Item = Arc<DomainEvent>>) -> PlanService {
    PlanService::from_entries(lines(events), None)
}

fn created(revision: u64) -> PlanCreated {
    PlanCreated::new(revision, "p", PlanPhase::Action, Vec::<Text>::new(), 3)
}

fn child_of(parent: &str, id: &str, root: &str) -> Arc<DomainEvent> {
    let mut details = created(1);
    details.parent_plan_id = Some(parent.into());
    Arc::new(DomainEvent::new(details).with_plan_id(id).with_root_plan_id(root))
}

fn advanced(revision: u64) -> PlanPhaseChanged {
    PlanPhaseChanged::new(revision, PlanPhase::Action, PlanPhase::Strategize, false, 0)
}

fn started(revision: u64) -> PlanStateChanged {
    PlanStateChanged::new(revision, PlanPhase::Strategize, PlanState::Queued, PlanState::Processing)
}

fn processing() -> Vec<Arc<DomainEvent>> {
    vec![of("p", created(1)), of("p", advanced(2)), of("p", started(3))]
}

/// What a service told that led a plan with children to its end.
async fn told() -> (PlanService, Vec<Arc<DomainEvent>>) {
    let bus = RecordingEventBus::new();
    let plans = PlanService::new(Some(Arc::new(bus.clone())));
    let root = plans.create(NewPlan::new("n".repeat(900)).with_id("root").with_actor("a")).unwrap().id;
    let child = plans.spawn_child(&root, NewPlan::new("child").with_id("child")).unwrap().id;
    plans.spawn_child(&child, NewPlan::new("leaf").with_id("leaf")).unwrap();
    plans.advance(&root).await.unwrap();
    plans.start(&root).unwrap();
    plans.fail(&root, "no luck", PlanErrorKind::Transient).unwrap();
    plans.retry(&root).unwrap();
    plans.cancel(&child, "enough").unwrap();
    (plans, bus.events())
}

fn all(plans: &PlanService) -> Vec<Plan> {
    plans.list(&PlanFilter::all())
}

#[tokio::test]
async fn a_service_comes_back_from_its_events_alone() {
    let (plans, mut events) = told().await;
    events.insert(3, Arc::new(DomainEvent::new(SessionCreated::new(false)).with_plan_id("root")));
    let back = restored(events);
    assert!(back.restored().unwrap().is_whole());
    assert_eq!(all(&back), all(&plans));
    assert_eq!(back.tree(&"root".into()), plans.tree(&"root".into()));
    for plan in all(&plans) {
        assert_eq!(back.scope(&plan.id), plans.scope(&plan.id));
    }
    assert_eq!(plans.restored(), None);
}

#[tokio::test]
async fn a_restored_plan_goes_on_with_the_next_revision_and_its_opening_as_the_cause() {
    let (_, events) = told().await;
    let bus = RecordingEventBus::new();
    let back = PlanService::from_entries(lines(events.clone()), Some(Arc::new(bus.clone())));
    bus.assert_nothing();
    let plan = back.start(&"root".into()).unwrap();
    let told = bus.only::<PlanStateChanged>();
    assert_eq!((plan.revision, told.revision, plan.attempt), (7, 7, 2));
    assert_eq!(told.event().causation_id(), Some(events[0].id()));
    assert_eq!(told.event().correlation_id(), events[0].correlation_id());
    let both = events.into_iter().chain(bus.events());
    assert_eq!(all(&restored(both)), all(&back));
}

#[tokio::test]
async fn events_are_taken_by_revision_wherever_they_stand_and_once_however_often() {
    let (plans, events) = told().await;
    let (openings, mut rest): (Vec<_>, Vec<_>) =
        events.iter().cloned().partition(|event| event.details::<PlanCreated>().is_some());
    rest.reverse();
    let shuffled = openings.into_iter().chain(rest).chain(events);
    let back = restored(shuffled);
    assert!(back.restored().unwrap().is_whole());
    assert_eq!(all(&back), all(&plans));
}

#[test]
fn a_plan_with_a_hole_is_refused_and_the_others_are_not() {
    let events = [of("p", created(1)), of("p", started(3)), of("q", created(1)), of("p", started(5))];
    let plans = restored(events);
    let broken = only_broken(plans.restored());
    assert_eq!((broken.plan_id, broken.fault.clone()), ("p".into(), hole(2, 3, 2)));
    let p = PlanId::from("p");
    let refused = PlanError::Broken { plan: p.clone(), source: hole(2, 3, 2) };
    assert_eq!(plans.start(&p), Err(refused.clone()));
    assert_eq!(plans.cancel(&p, "no"), Err(refused.clone()));
    assert_eq!(plans.tree(&p), Err(refused.clone()));
    assert_eq!(plans.spawn_child(&p, NewPlan::new("c")), Err(refused.clone()));
    assert_eq!(plans.create(NewPlan::new("p").with_id("p")), Err(refused));
    assert_eq!((plans.get(&p), plans.scope(&p)), (None, None));
    let ids: Vec<_> = all(&plans).into_iter().map(|plan| plan.id).collect();
    assert_eq!(ids, ["q"]);
    assert_eq!(plans.cancel(&"q".into(), "enough").unwrap().revision, 3);
    assert_eq!(
        broken.fault.to_string(),
        "its revision 2 is missing: revision 3, at position 2, is the next there is"
    );
}

#[test]
fn a_revision_as_great_as_can_be_is_a_hole_and_one_of_zero_a_contradiction() {
    let plans = restored([of("p", created(1)), of("p", advanced(u64::MAX)), of("q", created(u64::MAX))]);
    let faults: Vec<_> = plans.restored().unwrap().broken.iter().map(|plan| plan.fault.clone()).collect();
    assert_eq!(faults, [hole(2, u64::MAX, 2), hole(1, u64::MAX, 3)]);
    let plans = restored([of("p", created(1)), of("p", advanced(0))]);
    assert_eq!(only_broken(plans.restored()).fault, contradiction(0, 2, Conflict::Revision));
}

#[test]
fn two_events_of_one_revision_contradict_each_other_applied_or_waiting() {
    let mut events = processing();
    events.push(of("p", started(3)));
    assert_eq!(only_broken(restored(events).restored()).fault, contradiction(3, 4, Conflict::Twice));
    let waiting = [of("p", created(1)), of("p", started(3)), of("p", started(3))];
    assert_eq!(only_broken(restored(waiting).restored()).fault, contradiction(3, 3, Conflict::Twice));
}

#[test]
fn an_event_told_again_in_other_words_contradicts_itself() {
    let first = of("p", created(1));
    let mut other = created(1);
    other.max_reversions = 4;
    let again =
        Arc::new(DomainEvent::new(other).with_plan_id("p").with_root_plan_id("p").with_id(first.id()));
    let again = Arc::new(DomainEvent::clone(&again).with_timestamp(first.timestamp()));
    let fault = only_broken(restored([first, again]).restored()).fault;
    assert_eq!(fault, contradiction(1, 2, Conflict::Twice));
}

#[track_caller]
fn assert_contradicts(mut before: Vec<Arc<DomainEvent>>, last: Arc<DomainEvent>, conflict: Conflict) {
    before.push(last);
    let (count, plans) = (before.len() as u64, restored(before));
    assert_eq!(only_broken(plans.restored()).fault, contradiction(count, count, conflict));
}

#[test]
fn what_the_table_does_not_have_is_a_contradiction() {
    use PlanPhase::{Action, Apply, Execute, Strategize};
    use PlanState::{Applied, Cancelled, Errored, Processing, Queued};
    let phase = |from, to, back, count| of("p", PlanPhaseChanged::new(4, from, to, back, count));
    let state = |phase, from, to| of("p", PlanStateChanged::new(4, phase, from, to));
    for impossible in [
        phase(Strategize, Execute, false, 0),
        phase(Strategize, Action, true, 1),
        phase(Execute, Strategize, true, 1),
        state(Action, Queued, Processing),
        state(Strategize, Queued, Processing),
        state(Strategize, Processing, Applied),
        state(Apply, Processing, Applied),
        of("p", PlanApplied::new(4, Vec::<Text>::new(), 0, 0, 0, 0, 0)),
        of("p", PlanCancelled::new(4, "no", Strategize, Processing, 0)),
        of("p", PlanErrored::new(4, Strategize, "no", PlanErrorKind::Permanent, 1)),
    ] {
        assert_contradicts(processing(), impossible, Conflict::Move);
    }
    assert_contradicts(processing(), of("p", created(4)), Conflict::Opening);
    assert_contradicts(Vec::new(), of("p", advanced(1)), Conflict::Opening);
    let opened = |phase| of("p", PlanCreated::new(1, "p", phase, Vec::<Text>::new(), 3));
    assert_contradicts(Vec::new(), opened(Apply), Conflict::Move);

    let failed = || {
        let mut events = processing();
        events.push(state(Strategize, Processing, Errored));
        events
    };
    let errored =
        |phase, attempt| of("p", PlanErrored::new(5, phase, "no", PlanErrorKind::Permanent, attempt));
    assert_contradicts(failed(), errored(Strategize, 2), Conflict::Move);
    assert_contradicts(failed(), errored(Execute, 1), Conflict::Move);
    let cancelled = |before| of("p", PlanCancelled::new(5, "no", Strategize, before, 0));
    assert_contradicts(failed(), cancelled(Processing), Conflict::Move);
    let mut given_up = processing();
    given_up.push(state(Strategize, Processing, Cancelled));
    assert_contradicts(given_up.clone(), cancelled(Errored), Conflict::Move);
    given_up.push(cancelled(Processing));
    assert!(restored(given_up).restored().unwrap().is_whole());
}

#[test]
fn a_plan_goes_back_no_further_than_it_may() {
    let mut created = created(1);
    created.max_reversions = 0;
    let phase = |revision, from, to| PlanPhaseChanged::new(revision, from, to, false, 0);
    let (strategize, execute) = (PlanPhase::Strategize, PlanPhase::Execute);
    let to = |revision, from, to| PlanStateChanged::new(revision, strategize, from, to);
    let events = vec![
        of("p", created),
        of("p", phase(2, PlanPhase::Action, strategize)),
        of("p", to(3, PlanState::Queued, PlanState::Processing)),
        of("p", to(4, PlanState::Processing, PlanState::Complete)),
        of("p", phase(5, strategize, execute)),
        of("p", PlanStateChanged::new(6, execute, PlanState::Queued, PlanState::Processing)),
    ];
    assert!(restored(events.clone()).restored().unwrap().is_whole());
    for count in [1, u32::MAX] {
        let back = PlanPhaseChanged::new(7, execute, strategize, true, count);
        assert_contradicts(events.clone(), of("p", back), Conflict::Move);
    }
}

#[test]
fn an_operation_cut_in_the_middle_comes_back_as_far_as_it_was_told_and_goes_on() {
    let mut events = processing();
    let mut failed =
        PlanStateChanged::new(4, PlanPhase::Strategize, PlanState::Processing, PlanState::Errored);
    failed.reason = Some("no luck".into());
    events.push(of("p", failed));
    let bus = RecordingEventBus::new();
    let plans = PlanService::from_entries(lines(events.clone()), Some(Arc::new(bus.clone())));
    assert!(plans.restored().unwrap().is_whole());
    let plan = plans.get(&"p".into()).unwrap();
    assert_eq!((plan.state, plan.revision), (PlanState::Errored, 4));
    assert_eq!(plan.reason, Some(Brief::from("no luck")));
    let plan = plans.retry(&"p".into()).unwrap();
    assert_eq!((plan.state, plan.revision, plan.attempt), (PlanState::Queued, 5, 2));
    events.extend(bus.events());
    assert_eq!(all(&restored(events)), [plan]);
}

#[test]
fn a_plan_that_is_its_own_parent_is_broken() {
    let plans = restored([child_of("p", "p", "p"), child_of("q", "q", "r")]);
    let broken = &plans.restored().unwrap().broken;
    assert_eq!(broken[0].fault, contradiction(1, 1, Conflict::Parent));
    assert_eq!(broken[1].fault, contradiction(1, 2, Conflict::Parent));
}

#[test]
fn a_loop_of_parents_is_broken_where_it_begins() {
    let events =
        [of("r", created(1)), child_of("c", "a", "r"), child_of("a", "b", "r"), child_of("b", "c", "r")];
    let plans = restored(events);
    let broken = only_broken(plans.restored());
    assert_eq!((broken.plan_id, broken.fault), ("a".into(), contradiction(1, 2, Conflict::Parent)));
    // What is below the broken one is there, and ends.
    assert_eq!(plans.tree(&"b".into()).unwrap().len(), 2);
    assert_eq!(plans.cancel(&"b".into(), "enough").unwrap().state, PlanState::Cancelled);
    assert_eq!(plans.tree(&"r".into()).unwrap().len(), 1);
}

#[test]
fn a_root_that_is_not_that_of_the_tree_is_a_contradiction() {
    let astray = |details: PlanPhaseChanged| {
        Arc::new(DomainEvent::new(details).with_plan_id("p").with_root_plan_id("other"))
    };
    assert_contradicts(vec![of("p", created(1))], astray(advanced(2)), Conflict::Root);
    for opening in [
        Arc::new(DomainEvent::new(created(1)).with_plan_id("p").with_root_plan_id("other")),
        Arc::new(DomainEvent::new(created(1)).with_plan_id("p")),
        child_of("r", "p", "p"),
    ] {
        let plans = restored([opening]);
        assert_eq!(only_broken(plans.restored()).fault, contradiction(1, 1, Conflict::Root));
    }
    let plans = restored([of("r", created(1)), of("s", created(1)), child_of("r", "c", "s")]);
    let broken = only_broken(plans.restored());
    assert_eq!((broken.plan_id, broken.fault), ("c".into(), contradiction(1, 3, Conflict::Root)));
}

#[test]
fn what_is_below_a_broken_plan_is_restored_and_cancelled_with_the_tree() {
    let grandchild = || child_of("c", "g", "r");
    let advanced =
        |revision| Arc::new(DomainEvent::new(advanced(revision)).with_plan_id("c").with_root_plan_id("r"));
    let root = || of("r", created(1));
    let with_hole = restored([root(), child_of("r", "c", "r"), grandchild(), advanced(3)]);
    let without_opening = restored([root(), grandchild(), advanced(3)]);
    let unheard_of = restored([root(), grandchild()]);
    for (plans, fault) in [
        (with_hole, hole(2, 3, 4)),
        (without_opening, hole(1, 3, 3)),
        (unheard_of, RestoreFault::Missing { child: "g".into(), position: Position::new(2).unwrap() }),
    ] {
        let broken = only_broken(plans.restored());
        assert_eq!((broken.plan_id, broken.root_plan_id), ("c".into(), Some("r".into())));
        assert_eq!(broken.fault, fault);
        let ids: Vec<_> = plans.tree(&"r".into()).unwrap().into_iter().map(|plan| plan.id).collect();
        assert_eq!(ids, ["r", "g"]);
        plans.cancel(&"r".into(), "enough").unwrap();
        assert!(all(&plans).iter().all(|plan| plan.state == PlanState::Cancelled));
        assert!(matches!(plans.create(NewPlan::new("c").with_id("c")), Err(PlanError::Broken { .. })));
    }
}

#[test]
fn events_of_no_plan_lines_that_cannot_be_read_and_gaps_are_told_and_break_nothing() {
    let mut entries = lines([of("p", created(1)), Arc::new(DomainEvent::new(created(1)))]);
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let lack = |kind, details| {
        Arc::new(
            serde_json::from_value::<DomainEvent>(serde_json::json!({
                "id": id, "event_type": kind, "timestamp": "2026-01-01T00:00:00Z", "correlation_id": "c",
                "details": details,
            }))
            .unwrap(),
        )
    };
    let refused = |kind| serde_json::json!({"event_id": id, "event_type": kind, "reason": "too_long"});
    entries.extend(lines([
        lack("journal.gap", serde_json::json!({"events": 3})),
        lack("journal.gap", serde_json::json!({})),
        lack("journal.refused", refused("plan.applied")),
        lack("journal.refused", refused("session.created")),
        lack("journal.refused", serde_json::json!({})),
    ]));
    let unreadable = Unreadable {
        after: Position::new(2),
        file: "segments/00000000000000000001.jsonl".to_owned(),
        at: 7,
        fault: LineFault::NoChain,
    };
    entries.extend((0..70).map(|_| Entry::Unreadable(unreadable.clone())));
    let plans = PlanService::from_entries(entries, None);
    let restored = plans.restored().unwrap();
    assert!(!restored.is_whole() && restored.broken.is_empty());
    assert_eq!((restored.strays, restored.gaps), (1, 4));
    assert_eq!((restored.unreadable.len(), restored.unreadable.more()), (64, 6));
    assert_eq!(all(&plans).len(), 1);
}

#[test]
fn a_plan_whose_first_events_were_removed_is_broken() {
    let removed = Entry::Removed { through: Position::new(1).unwrap() };
    let left = lines(processing()).into_iter().skip(1);
    let plans = PlanService::from_entries(std::iter::once(removed).chain(left), None);
    assert_eq!(only_broken(plans.restored()).fault, hole(1, 2, 2));
    assert_eq!(plans.restored().unwrap().removed, Position::new(1));
    assert_eq!(plans.restored().unwrap().through, Position::new(3));
}

#[tokio::test]
async fn a_plan_applied_after_a_reversion_comes_back_as_it_was() {
    let bus = RecordingEventBus::new();
    let plans = PlanService::new(Some(Arc::new(bus.clone())));
    let id = plans.create(NewPlan::new("p").with_project_names(["x", "y"]).with_session_id("s")).unwrap().id;
    for _ in 0..2 {
        while plans.get(&id).unwrap().phase != PlanPhase::Apply {
            plans.advance(&id).await.unwrap();
            plans.start(&id).unwrap();
            drop(plans.complete(&id));
        }
        if plans.get(&id).unwrap().reversion_count == 0 {
            plans.constrain(&id, "no").unwrap();
            plans.revert_to(&id, PlanPhase::Strategize, "again").unwrap();
            plans.start(&id).unwrap();
            plans.complete(&id).unwrap();
        }
    }
    plans.apply(&id, ApplySummary::default()).unwrap();
    let back = restored(bus.events());
    assert_eq!(all(&back), all(&plans));
    assert_eq!(back.get(&id).unwrap().state, PlanState::Applied);
}

#[tokio::test]
async fn what_applying_came_to_is_told_by_the_next_process_if_the_first_was_killed_before_it_had() {
    let (bus, next) = (RecordingEventBus::new(), RecordingEventBus::new());
    let plans = PlanService::new(Some(Arc::new(bus.clone())));
    let id = plans.create(NewPlan::new("p").with_id("p")).unwrap().id;
    for _phase in [PlanPhase::Strategize, PlanPhase::Execute] {
        plans.advance(&id).await.unwrap();
        plans.start(&id).unwrap();
        plans.complete(&id).unwrap();
    }
    plans.advance(&id).await.unwrap();
    plans.start(&id).unwrap();
    let done = ApplySummary { files_changed: 3, ..ApplySummary::default() };
    let applied = plans.apply(&id, done).unwrap();

    let events = bus.events();
    let told = events.split_last().unwrap().1.to_vec();
    let back = PlanService::from_entries(lines(told.clone()), Some(Arc::new(next.clone())));
    assert_eq!(back.get(&id).unwrap().state, PlanState::Applied);
    assert_eq!(back.apply(&id, done).unwrap().revision, applied.revision);
    assert_eq!(next.only::<PlanApplied>().files_changed, 3);
    let whole = restored(told.into_iter().chain(next.events()));
    assert!(whole.restored().unwrap().is_whole());
    for plans in [back, whole, restored(events)] {
        assert!(matches!(plans.apply(&id, done), Err(PlanError::Refused { .. })), "it is told once");
    }
}
