use super::*;
use crate::event::{
    Brief, CorrectionMode, DecisionApproved, DecisionCorrected, DecisionCreated, DecisionId,
    DecisionSuperseded, DecisionType, DomainEvent, Fraction, PlanId,
};
use crate::service::decision::{Decision, DecisionError, NewDecision};
use crate::service::restore::Conflict;
use crate::service::restore::line::{contradiction, hole, lines, of, only_broken};
use crate::testing::RecordingEventBus;

fn restored(events: impl IntoIterator<Item = Arc<DomainEvent>>) -> DecisionService {
    DecisionService::from_entries(lines(events), None)
}

fn root(id: &str) -> DecisionCreated {
    created(1, id, DecisionType::PromptDefinition, 0)
}

fn created(revision: u64, id: &str, kind: DecisionType, sequence: u64) -> DecisionCreated {
    DecisionCreated::new(revision, id, kind, sequence, "?", "!", Vec::<Brief>::new())
}

fn under(revision: u64, parent: &str, id: &str, sequence: u64) -> DecisionCreated {
    let mut details = created(revision, id, DecisionType::ToolChoice, sequence);
    details.parent_id = Some(parent.into());
    details
}

/// A root and a decision below it.
fn two() -> Vec<Arc<DomainEvent>> {
    vec![of("p", root("r")), of("p", under(2, "r", "a", 1))]
}

/// What a service told of two plans.
fn told() -> (DecisionService, Vec<Arc<DomainEvent>>) {
    let bus = RecordingEventBus::new();
    let decisions = DecisionService::new(Some(Arc::new(bus.clone())));
    let root = NewDecision::root("p", "what?", "w".repeat(900)).with_id("r").with_root_plan_id("top");
    let root = decisions.record(root).unwrap();
    let choice = NewDecision::under(&root, DecisionType::Other("taste".into()), "how?", "so").with_id("a");
    let choice = choice.with_alternatives(["b", "c"]).with_confidence(Fraction::from_millionths(333_333));
    let choice = decisions.record(choice).unwrap();
    decisions.record(NewDecision::root("q", "what?", "that").with_id("other")).unwrap();
    let below = NewDecision::under(&choice, DecisionType::ToolChoice, "which?", "this").with_id("a1");
    decisions.record(below).unwrap();
    decisions.approve(&"a".into(), "me").unwrap();
    decisions.correct(&"r".into(), CorrectionMode::Append, "be polite").unwrap();
    decisions.correct(&"a".into(), CorrectionMode::Revert, "otherwise").unwrap();
    (decisions, bus.events())
}

fn all(decisions: &DecisionService) -> Vec<Decision> {
    let plans = [PlanId::from("p"), PlanId::from("q")];
    plans.iter().flat_map(|plan| [decisions.list(plan), decisions.tree(plan)]).flatten().collect()
}

#[test]
fn a_service_comes_back_from_its_events_alone_and_goes_on() {
    let (decisions, events) = told();
    let bus = RecordingEventBus::new();
    let back = DecisionService::from_entries(lines(events.clone()), Some(Arc::new(bus.clone())));
    assert!(back.restored().unwrap().is_whole());
    assert_eq!(all(&back), all(&decisions));
    bus.assert_nothing();
    back.approve(&"r".into(), "me").unwrap();
    let told = bus.only::<DecisionApproved>();
    let before = events.iter().filter(|event| *event.plan_id().unwrap() == "p").count() as u64;
    assert_eq!(told.revision, before + 1);
    assert_eq!(told.event().root_plan_id().unwrap(), &"top");
    assert_eq!(all(&restored(events.into_iter().chain(bus.events()))), all(&back));
}

#[test]
fn events_are_taken_by_revision_wherever_they_stand_and_once_however_often() {
    let (decisions, events) = told();
    let back = restored(events.iter().rev().chain(&events).cloned());
    assert!(back.restored().unwrap().is_whole());
    assert_eq!(all(&back), all(&decisions));
}

#[test]
fn the_decisions_of_a_plan_with_a_hole_are_refused_and_the_others_are_not() {
    let mut events = two();
    events.push(of("p", under(4, "a", "late", 3)));
    events.push(of("q", root("q-root")));
    let decisions = restored(events);
    let broken = only_broken(decisions.restored());
    assert_eq!((broken.plan_id, broken.fault), ("p".into(), hole(3, 4, 3)));
    let refused = DecisionError::Broken { plan: "p".into(), source: hole(3, 4, 3) };
    for id in ["r", "a", "late"] {
        let id = DecisionId::from(id);
        assert_eq!(decisions.approve(&id, "me"), Err(refused.clone()));
        assert_eq!(decisions.path_to_root(&id), Err(refused.clone()));
        assert_eq!(decisions.get(&id), None);
        let elsewhere = NewDecision::new("q", DecisionType::ToolChoice, "?", "!").with_parent("q-root");
        let taken = decisions.record(elsewhere.with_id(&id));
        assert_eq!(taken, Err(DecisionError::Exists { decision: id }));
    }
    assert_eq!(decisions.record(NewDecision::root("p", "?", "!")), Err(refused));
    assert!(decisions.tree(&"p".into()).is_empty());
    decisions.approve(&"q-root".into(), "me").unwrap();
}

#[track_caller]
fn assert_contradicts(before: Vec<Arc<DomainEvent>>, last: Arc<DomainEvent>, conflict: Conflict) {
    let at = before.len() as u64 + 1;
    let decisions = restored(before.into_iter().chain([last]));
    assert_eq!(only_broken(decisions.restored()).fault, contradiction(at, at, conflict));
}

#[test]
fn what_has_no_place_in_the_tree_is_a_contradiction() {
    let approved = |revision, id: &str| of("p", DecisionApproved::new(revision, id, "me"));
    assert_contradicts(Vec::new(), approved(1, "r"), Conflict::Opening);
    assert_contradicts(Vec::new(), of("p", under(1, "r", "a", 0)), Conflict::Opening);
    assert_contradicts(two(), of("p", created(3, "s", DecisionType::PromptDefinition, 2)), Conflict::Opening);
    assert_contradicts(two(), of("p", created(3, "s", DecisionType::ToolChoice, 2)), Conflict::Opening);
    assert_contradicts(two(), of("p", under(3, "a", "b", 1)), Conflict::Sequence);
    assert_contradicts(two(), of("p", under(3, "a", "b", u64::MAX)), Conflict::Sequence);
    assert_contradicts(two(), of("p", under(3, "r", "a", 2)), Conflict::Exists);
    assert_contradicts(two(), of("p", under(3, "nobody", "b", 2)), Conflict::Parent);
    assert_contradicts(two(), of("p", under(3, "b", "b", 2)), Conflict::Parent);
    assert_contradicts(two(), approved(3, "nobody"), Conflict::Unknown);
    let superseded = |revision, id: &str, by: Option<&str>| {
        let mut details = DecisionSuperseded::new(revision, id, false);
        details.superseded_by = by.map(DecisionId::from);
        of("p", details)
    };
    assert_contradicts(two(), superseded(3, "r", None), Conflict::Move);
    assert_contradicts(two(), superseded(3, "a", Some("nobody")), Conflict::Unknown);
    let fallen = || two().into_iter().chain([superseded(3, "a", Some("r"))]).collect::<Vec<_>>();
    assert_contradicts(fallen(), superseded(4, "a", None), Conflict::Superseded);
    assert_contradicts(fallen(), approved(4, "a"), Conflict::Superseded);
    let corrected = DecisionCorrected::new(3, "a", "nobody", CorrectionMode::Append, "so", 0);
    assert_contradicts(two(), of("p", corrected), Conflict::Unknown);
    let astray = DomainEvent::new(under(3, "a", "b", 2)).with_plan_id("p").with_root_plan_id("other");
    assert_contradicts(two(), Arc::new(astray), Conflict::Root);
    let rootless = DomainEvent::new(root("r")).with_plan_id("p");
    assert_contradicts(Vec::new(), Arc::new(rootless), Conflict::Root);
}

#[test]
fn a_decision_of_another_plan_is_neither_parent_nor_id() {
    let other = || of("q", root("q-root"));
    for (intruder, conflict) in
        [(under(3, "q-root", "b", 2), Conflict::Parent), (under(3, "a", "q-root", 2), Conflict::Exists)]
    {
        let decisions = restored([other()].into_iter().chain(two()).chain([of("p", intruder)]));
        let broken = only_broken(decisions.restored());
        assert_eq!((broken.plan_id, broken.fault), ("p".into(), contradiction(3, 4, conflict)));
        assert_eq!(decisions.get(&"q-root".into()).unwrap().plan_id, "q");
    }
}

#[test]
fn a_cascade_cut_in_the_middle_comes_back_as_far_as_it_was_told_and_goes_on() {
    let (_, events) = told();
    let is_cascade =
        |event: &Arc<DomainEvent>| event.details::<DecisionSuperseded>().is_some_and(|told| told.cascade);
    let cut = events.iter().position(is_cascade).unwrap();
    let mut events = events[..cut].to_vec();
    let bus = RecordingEventBus::new();
    let decisions = DecisionService::from_entries(lines(events.clone()), Some(Arc::new(bus.clone())));
    assert!(decisions.restored().unwrap().is_whole());
    let (top, below) = (decisions.get(&"a".into()).unwrap(), decisions.get(&"a1".into()).unwrap());
    assert!(top.superseded.is_some() && top.corrected_by.is_empty() && below.superseded.is_none());
    // The one left standing can be reverted and superseded: what that tells can be restored again.
    let new = decisions.correct(&"a1".into(), CorrectionMode::Revert, "so").unwrap();
    decisions.supersede(&new.id, None).unwrap();
    events.extend(bus.events());
    let back = restored(events);
    assert!(back.restored().unwrap().is_whole());
    assert_eq!(all(&back), all(&decisions));
}
