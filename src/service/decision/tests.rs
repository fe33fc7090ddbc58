use super::*;
use crate::event::{
    DecisionCorrected, DecisionCreated, DecisionSuperseded, DecisionType, EventType, NameError,
};
use crate::testing::RecordingEventBus;

fn service() -> (DecisionService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (DecisionService::new(Some(Arc::new(bus.clone()))), bus)
}

fn strategy(parent: &Decision, id: &str) -> NewDecision {
    NewDecision::under(parent, DecisionType::StrategyChoice, "how?", "so").with_id(id)
}

/// root -> a -> (a1, a2); root -> b
fn tree(decisions: &DecisionService) -> Decision {
    let root = decisions.record(NewDecision::root("p", "what?", "that").with_id("root")).unwrap();
    let a = decisions.record(strategy(&root, "a")).unwrap();
    decisions.record(strategy(&a, "a1")).unwrap();
    decisions.record(strategy(&root, "b")).unwrap();
    decisions.record(strategy(&a, "a2")).unwrap();
    root
}

fn ids(decisions: &[Decision]) -> Vec<String> {
    decisions.iter().map(|decision| decision.id.to_string()).collect()
}

#[test]
fn a_tree_is_read_depth_first_by_sequence_and_up_to_its_root() {
    let (decisions, _bus) = service();
    tree(&decisions);
    let plan = PlanId::from("p");
    assert_eq!(ids(&decisions.tree(&plan)), ["root", "a", "a1", "a2", "b"]);
    assert_eq!(ids(&decisions.list(&plan)), ["root", "a", "a1", "b", "a2"]);
    assert_eq!(ids(&decisions.path_to_root(&"a2".into()).unwrap()), ["a2", "a", "root"]);
    let sequences: Vec<_> = decisions.list(&plan).iter().map(|decision| decision.sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3, 4]);
    assert!(decisions.tree(&"other".into()).is_empty());
}

#[test]
fn a_plan_has_one_root_of_its_own_type() {
    let (decisions, bus) = service();
    let orphan = NewDecision::new("p", DecisionType::ToolChoice, "which?", "this");
    assert!(matches!(decisions.record(orphan.clone()), Err(DecisionError::Rootless { .. })));
    let root = tree(&decisions);
    bus.take();
    assert!(matches!(decisions.record(orphan), Err(DecisionError::Rootless { .. })));
    let second = NewDecision::root("p", "what?", "more");
    assert!(matches!(decisions.record(second.clone()), Err(DecisionError::SecondRoot { .. })));
    let below = second.with_parent(&root.id);
    assert!(matches!(decisions.record(below), Err(DecisionError::SecondRoot { .. })));
    let disguised = DecisionType::Other("prompt_definition".into());
    let disguised = NewDecision::under(&root, disguised, "what?", "more");
    assert!(matches!(decisions.record(disguised), Err(DecisionError::SecondRoot { .. })));
    bus.assert_nothing();
}

#[test]
fn a_parent_must_stand_in_the_same_plan() {
    let (decisions, bus) = service();
    let root = tree(&decisions);
    let other = decisions.record(NewDecision::root("q", "what?", "that")).unwrap();
    bus.take();
    let kind = DecisionType::ToolChoice;
    let foreign = NewDecision::new("q", kind.clone(), "which?", "this").with_parent(&root.id);
    assert!(matches!(decisions.record(foreign), Err(DecisionError::OtherPlan { .. })));
    let nobody = NewDecision::new("q", kind.clone(), "which?", "this").with_parent("nobody");
    assert!(matches!(decisions.record(nobody), Err(DecisionError::Unknown { .. })));
    let taken = NewDecision::under(&other, kind, "which?", "this").with_id("a");
    assert!(matches!(decisions.record(taken), Err(DecisionError::Exists { .. })));
    bus.assert_nothing();
}

#[test]
fn a_revert_puts_a_sibling_in_place_of_the_subtree() {
    let (decisions, bus) = service();
    let root = tree(&decisions);
    decisions.supersede(&"a1".into(), None).unwrap();
    bus.take();
    let new = decisions.correct(&"a".into(), CorrectionMode::Revert, "otherwise").unwrap();
    assert_eq!((&new.parent_id, &new.decision_type), (&Some(root.id), &DecisionType::UserIntervention));
    assert_eq!((new.choice.as_str(), new.question.as_str(), new.sequence), ("otherwise", "how?", 5));
    bus.assert_types([
        EventType::DecisionCreated,
        EventType::DecisionSuperseded,
        EventType::DecisionSuperseded,
        EventType::DecisionCorrected,
    ]);
    let fallen = bus.all::<DecisionSuperseded>();
    let fallen: Vec<_> = fallen.iter().map(|told| (told.decision_id.to_string(), told.cascade)).collect();
    assert_eq!(fallen, [("a".into(), false), ("a2".into(), true)]);
    let corrected = bus.only::<DecisionCorrected>();
    assert_eq!((corrected.superseded_count, &corrected.corrected_by_id), (2, &new.id));
    let old = decisions.get(&"a".into()).unwrap();
    assert_eq!((old.superseded.unwrap().by, old.corrected_by), (Some(new.id.clone()), vec![new.id]));
}

#[test]
fn an_append_becomes_a_child_and_nothing_falls() {
    let (decisions, bus) = service();
    let root = tree(&decisions);
    bus.take();
    let new = decisions.correct(&root.id, CorrectionMode::Append, "and be polite").unwrap();
    assert_eq!(new.parent_id, Some(root.id));
    bus.assert_types([EventType::DecisionCreated, EventType::DecisionCorrected]);
    assert_eq!(bus.only::<DecisionCorrected>().superseded_count, 0);
}

#[test]
fn the_root_can_only_be_appended_to() {
    let (decisions, bus) = service();
    let root = tree(&decisions);
    bus.take();
    let reverted = decisions.correct(&root.id, CorrectionMode::Revert, "no");
    assert!(matches!(reverted, Err(DecisionError::Root { asked: "revert", .. })));
    assert!(matches!(decisions.supersede(&root.id, None), Err(DecisionError::Root { .. })));
    bus.assert_nothing();
}

#[test]
fn what_is_superseded_stays_as_it_is() {
    let (decisions, bus) = service();
    tree(&decisions);
    let fallen = decisions.supersede(&"a".into(), Some(&"b".into())).unwrap();
    assert_eq!(fallen, [DecisionId::from("a"), "a1".into(), "a2".into()]);
    let before = decisions.list(&"p".into());
    bus.take();
    for id in fallen {
        let fallen = decisions.get(&id).unwrap();
        assert!(matches!(decisions.approve(&id, "me"), Err(DecisionError::Superseded { .. })));
        assert!(matches!(decisions.supersede(&id, None), Err(DecisionError::Superseded { .. })));
        assert!(matches!(decisions.supersede(&"b".into(), Some(&id)), Err(DecisionError::Superseded { .. })));
        for mode in CorrectionMode::ALL {
            let corrected = decisions.correct(&id, *mode, "no");
            assert!(matches!(corrected, Err(DecisionError::Superseded { .. })));
        }
        assert!(matches!(decisions.record(strategy(&fallen, "c")), Err(DecisionError::Superseded { .. })));
    }
    bus.assert_nothing();
    assert_eq!(decisions.list(&"p".into()), before);
}

#[test]
fn a_decision_is_not_superseded_by_one_that_falls_with_it() {
    let (decisions, _bus) = service();
    tree(&decisions);
    for by in ["a", "a1"] {
        let error = decisions.supersede(&"a".into(), Some(&by.into())).unwrap_err();
        assert_eq!(error, DecisionError::Within { decision: "a".into(), by: by.into() });
    }
    decisions.record(NewDecision::root("q", "what?", "that").with_id("elsewhere")).unwrap();
    let error = decisions.supersede(&"a".into(), Some(&"elsewhere".into())).unwrap_err();
    assert!(matches!(error, DecisionError::OtherPlan { .. }));
}

#[test]
fn names_that_no_event_could_hold_are_refused() {
    let (decisions, bus) = service();
    let root = NewDecision::root("p", "what?", "that").with_id("root");
    for decision in [
        NewDecision::root("", "what?", "that"),
        root.clone().with_id("\u{7}"),
        root.clone().with_root_plan_id("x".repeat(257)),
        NewDecision::new("p", DecisionType::Other("".into()), "what?", "that"),
    ] {
        assert!(matches!(decisions.record(decision), Err(DecisionError::Invalid { .. })));
    }
    decisions.record(root).unwrap();
    bus.take();
    let error = decisions.approve(&"root".into(), "").unwrap_err();
    assert_eq!(error, DecisionError::Invalid { what: "approver", source: NameError::Empty });
    bus.assert_nothing();
}

#[test]
fn the_events_of_a_correction_have_one_correlation_and_its_decision_as_cause() {
    let (decisions, bus) = service();
    tree(&decisions);
    bus.take();
    decisions.correct(&"a".into(), CorrectionMode::Revert, "otherwise").unwrap();
    let created = Arc::clone(bus.only::<DecisionCreated>().event());
    for event in bus.events() {
        assert_eq!(event.correlation_id(), created.correlation_id());
        assert_eq!(event.causation_id(), (event.id() != created.id()).then_some(created.id()));
        assert_eq!(event.plan_id().unwrap(), &"p");
        assert_eq!(event.root_plan_id().unwrap(), &"p");
    }
}

#[test]
fn the_root_plan_comes_from_the_first_decision_or_the_scope_of_the_plan() {
    let (decisions, bus) = service();
    let scope = Scope::new().with_plan_id("child").with_root_plan_id("top");
    scope.clone().enter(|| decisions.record(NewDecision::root("child", "what?", "that"))).unwrap();
    scope.enter(|| decisions.record(NewDecision::root("other", "what?", "that"))).unwrap();
    decisions.record(NewDecision::root("third", "what?", "that").with_root_plan_id("top")).unwrap();
    let roots: Vec<_> = bus.events().iter().map(|event| event.root_plan_id().unwrap().to_string()).collect();
    assert_eq!(roots, ["top", "other", "top"]);
}

#[test]
fn a_chain_of_ten_thousand_decisions_falls_in_a_loop() {
    let (decisions, _bus) = service();
    let mut parent = decisions.record(NewDecision::root("p", "what?", "that")).unwrap();
    let mut first = None;
    for _ in 0..10_000 {
        let new = NewDecision::under(&parent, DecisionType::StrategyChoice, "how?", "so");
        parent = decisions.record(new).unwrap();
        first.get_or_insert(parent.id.clone());
    }
    assert_eq!(decisions.supersede(&first.unwrap(), None).unwrap().len(), 10_000);
    assert_eq!(decisions.path_to_root(&parent.id).unwrap().len(), 10_001);
}
