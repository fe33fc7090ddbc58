use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::event::{EventType, NameError, PlanPhase, Scope, Text};
use crate::gate::{Gate, GateAnswer, GateOperation, GateQuestion};
use crate::sync::{Mutex, lock};
use crate::testing::RecordingEventBus;

mod conflicts;
mod enforcement;

/// A check that does as it is told.
#[derive(Debug, Clone, Copy)]
enum Check {
    Holds,
    SaysNo,
    Errors,
    Panics,
    Hangs,
}

#[async_trait]
impl InvariantCheck for Check {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        match self {
            Self::Holds => Ok(Verdict::Held),
            Self::SaysNo => Ok(Verdict::Violated("it is Friday".to_owned())),
            Self::Errors => Err(InvariantCheckError::new("the calendar is lost")),
            Self::Panics => panic!("a day too many"),
            Self::Hangs => std::future::pending().await,
        }
    }
}

fn service() -> (InvariantService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (InvariantService::new(Some(Arc::new(bus.clone()))), bus)
}

fn new(id: &str, reach: Reach) -> NewInvariant {
    NewInvariant::new(format!("{id} must hold"), reach).with_id(id)
}

fn checked(id: &str, check: Check) -> NewInvariant {
    new(id, Reach::Global).with_check(Arc::new(check))
}

/// A plan that every reach in these tests reaches.
fn setting() -> Setting {
    Setting::new("p").with_action("apply").with_project_names(["greeter", "other"])
}

fn ids(invariants: &[Invariant]) -> Vec<String> {
    invariants.iter().map(|invariant| invariant.id.to_string()).collect()
}

#[test]
fn what_is_added_is_kept_as_it_was_told() {
    let (invariants, bus) = service();
    let added = invariants.add(new("a", Reach::Project("greeter".into())).with_key("k")).unwrap();
    assert_eq!(invariants.get(&added.id), Some(added.clone()));
    assert_eq!((&*added.text, added.check), ("a must hold", CheckState::Statement));
    assert_eq!(added.key, Some("k".into()));
    let other = invariants.add(NewInvariant::new("fresh", Reach::Global)).unwrap();
    assert_eq!(invariants.list(), [added, other]);
    bus.assert_nothing();
}

#[test]
fn what_no_event_could_hold_is_refused() {
    let (invariants, bus) = service();
    let refused = [
        (NewInvariant::new("", Reach::Global), "text"),
        (new("", Reach::Global), "id"),
        (new(&"i".repeat(257), Reach::Global), "id"),
        (new("a", Reach::Global).with_key(""), "key"),
        (new("a", Reach::Plan("p\n".into())), "plan id"),
        (new("a", Reach::Action("".into())), "action"),
        (new("a", Reach::Project("".into())), "project name"),
    ];
    for (invariant, expected) in refused {
        let error = invariants.add(invariant).unwrap_err();
        assert!(matches!(error, InvariantError::Invalid { what, .. } if what == expected), "{error:?}");
    }
    assert_eq!(invariants.list(), []);
    for (setting, expected) in [
        (Setting::new(""), "plan id"),
        (setting().with_root_plan_id(""), "root plan id"),
        (setting().with_action(""), "action"),
        (setting().with_project_names([""]), "project name"),
    ] {
        let refused = InvariantError::Invalid { what: expected, source: NameError::Empty };
        assert_eq!(invariants.effective(&setting), Err(refused.clone()));
        assert_eq!(invariants.reconcile(&setting), Err(refused));
    }
    bus.assert_nothing();
}

#[test]
fn an_invariant_that_was_removed_is_kept_and_holds_no_more() {
    let (invariants, bus) = service();
    invariants.add(new("a", Reach::Global)).unwrap();
    let removed = invariants.remove(&"a".into()).unwrap();
    assert!(!removed.is_active);
    assert_eq!(invariants.get(&"a".into()), Some(removed));
    assert_eq!(invariants.effective(setting()).unwrap(), Reconciled::default());
    let again = invariants.remove(&"a".into()).unwrap_err();
    assert_eq!(again.to_string(), "cannot remove invariant a: it was removed");
    let same = invariants.add(new("a", Reach::Global)).unwrap_err();
    assert_eq!(same, InvariantError::Exists { invariant: "a".into() });
    let unknown = invariants.remove(&"b".into()).unwrap_err();
    assert_eq!(unknown, InvariantError::Unknown { invariant: "b".into() });
    bus.assert_nothing();
}

#[test]
fn a_reconciliation_is_told_once_with_the_ids_of_its_plan() {
    let (invariants, bus) = service();
    invariants.add(new("weak", Reach::Global).with_key("k")).unwrap();
    invariants.add(new("strong", Reach::Plan("p".into())).with_key("k")).unwrap();
    invariants.add(new("other", Reach::Global)).unwrap();
    let reconciled = Scope::new()
        .with_correlation_id("c")
        .enter(|| invariants.reconcile(setting().with_root_plan_id("root")).unwrap());
    assert_eq!(ids(&reconciled.effective), ["strong", "other"]);
    let told = bus.only::<InvariantReconciled>();
    assert_eq!((told.effective, told.overridden, told.conflicts), (2, 1, 1));
    assert_eq!(told.invariant_ids.items(), ["strong", "other"].map(InvariantId::from));
    let event = told.event();
    assert_eq!((event.plan_id().unwrap(), event.root_plan_id().unwrap()), (&"p".into(), &"root".into()));
    assert_eq!(event.correlation_id(), &"c");
    bus.assert_types([EventType::InvariantReconciled]);
}

#[test]
fn without_a_bus_everything_works_the_same() {
    let invariants = InvariantService::new(None);
    invariants.add(new("a", Reach::Global)).unwrap();
    assert_eq!(ids(&invariants.reconcile(setting()).unwrap().effective), ["a"]);
}

fn question() -> GateQuestion {
    let operation = GateOperation::EnterPhase { from: PlanPhase::Execute, to: PlanPhase::Apply };
    GateQuestion::new(operation, "p".into()).with_project_names(["greeter"])
}

#[tokio::test]
async fn a_violated_invariant_refuses_the_move_with_its_reason() {
    let (invariants, _bus) = service();
    let apply = new("no-friday", Reach::Action("apply".into()));
    invariants.add(apply.with_check(Arc::new(Check::SaysNo))).unwrap();
    invariants.add(new("statement", Reach::Global)).unwrap();
    let reason = "invariant no-friday is violated: it is Friday; it demands: no-friday must hold";
    assert_eq!(invariants.ask(&question()).await, GateAnswer::refused([reason]));
    invariants.remove(&"no-friday".into()).unwrap();
    assert_eq!(invariants.ask(&question()).await, GateAnswer::Allowed);
}

#[tokio::test]
async fn an_invariant_of_another_phase_or_project_refuses_nothing() {
    let (invariants, _bus) = service();
    for (id, reach) in [
        ("other-phase", Reach::Action("execute".into())),
        ("other-project", Reach::Project("parser".into())),
        ("other-plan", Reach::Plan("q".into())),
    ] {
        invariants.add(new(id, reach).with_check(Arc::new(Check::SaysNo))).unwrap();
    }
    assert_eq!(invariants.ask(&question()).await, GateAnswer::Allowed);
}

#[tokio::test]
async fn a_plan_with_more_projects_than_are_named_is_refused_what_might_not_be_its() {
    let (invariants, bus) = service();
    let names: Vec<Text> = (0..70).map(|number| Text::from(format!("project-{number}"))).collect();
    let question = question().with_project_names(names);
    invariants.add(new("named", Reach::Project("project-3".into()))).unwrap();
    assert_eq!(invariants.ask(&question).await, GateAnswer::Allowed);
    bus.take();
    invariants.add(new("beyond", Reach::Project("project-69".into()))).unwrap();
    let error = InvariantError::UnnamedProjects { plan: "p".into(), unnamed: 6, invariant: "beyond".into() };
    assert_eq!(invariants.ask(&question).await, GateAnswer::refused([error.to_string()]));
    bus.assert_nothing();
    invariants.remove(&"beyond".into()).unwrap();
    assert_eq!(invariants.ask(&question).await, GateAnswer::Allowed);
}
