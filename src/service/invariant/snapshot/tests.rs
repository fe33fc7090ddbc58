use async_trait::async_trait;

use super::*;
use crate::service::invariant::{
    InvariantCheck, InvariantCheckError, InvariantContext, NewInvariant, Outcome, Setting, Subject, Verdict,
};
use crate::testing::RecordingEventBus;

#[derive(Debug)]
struct Holds;

#[async_trait]
impl InvariantCheck for Holds {
    async fn check(&self, _context: &InvariantContext) -> Result<Verdict, InvariantCheckError> {
        Ok(Verdict::Held)
    }
}

fn new(id: &str, reach: Reach) -> NewInvariant {
    NewInvariant::new("it must hold", reach).with_id(id)
}

fn again(snapshot: &InvariantSnapshot) -> InvariantSnapshot {
    serde_json::from_str(&serde_json::to_string(snapshot).unwrap()).unwrap()
}

#[track_caller]
fn assert_refused(text: &str, reason: &str) {
    let error = serde_json::from_str::<InvariantSnapshot>(text).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

fn with_invariants(invariants: &str) -> String {
    format!(r#"{{"version":1,"position":null,"invariants":[{invariants}]}}"#)
}

fn global(id: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"{id}","text":"t","scope":"global","non_overridable":true,"active":true,"checked":false{rest}}}"#
    )
}

#[test]
fn a_snapshot_is_what_its_documentation_says() {
    let invariants = InvariantService::new(None);
    let apply = Reach::Action("apply".into());
    let rule = NewInvariant::new("nothing is applied on a Friday", apply).with_id("no-friday");
    invariants.add(rule.with_key("weekday").with_check(Arc::new(Holds))).unwrap();
    let snapshot = invariants.snapshot(Position::new(42));
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(
        json,
        r#"{"version":1,"position":42,"invariants":[{"id":"no-friday","text":"nothing is applied on a Friday","scope":"action","scope_id":"apply","key":"weekday","non_overridable":false,"active":true,"checked":true}]}"#
    );
    assert_eq!(again(&snapshot), snapshot);
    assert_eq!(again(&snapshot).position(), Position::new(42));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::from_value::<InvariantSnapshot>(value).unwrap(), snapshot);
}

#[tokio::test]
async fn a_check_that_a_snapshot_lacks_does_not_silently_hold() {
    let invariants = InvariantService::new(None);
    invariants.add(new("checked", Reach::Global).with_check(Arc::new(Holds))).unwrap();
    invariants.add(new("statement", Reach::Global)).unwrap();
    let bus = RecordingEventBus::new();
    let back =
        InvariantService::from_snapshot(again(&invariants.snapshot(None)), Some(Arc::new(bus.clone())));
    bus.assert_nothing();
    assert_eq!(back.get(&"checked".into()).unwrap().check, CheckState::Missing);
    let setting = Setting::new("p");
    let report = back.enforce(&setting, &Subject::new()).await.unwrap();
    let missing = Outcome::Violated("its check is missing since it was read from a snapshot".into());
    assert_eq!(report.results[0].outcome, missing);
    assert_eq!(report.results[1].outcome, Outcome::Stated);
    // Nor does it after another snapshot.
    let third = InvariantService::from_snapshot(again(&back.snapshot(None)), None);
    assert!(!third.enforce(&setting, &Subject::new()).await.unwrap().is_kept());

    back.give_check(&"checked".into(), Arc::new(Holds)).unwrap();
    assert!(back.enforce(&setting, &Subject::new()).await.unwrap().is_kept());
    assert_eq!(back.list(), invariants.list());
}

#[test]
fn a_check_is_given_only_to_what_lacks_one() {
    let invariants = InvariantService::new(None);
    invariants.add(new("checked", Reach::Global).with_check(Arc::new(Holds))).unwrap();
    invariants.add(new("statement", Reach::Global)).unwrap();
    for id in ["checked", "statement"].map(InvariantId::from) {
        let error = invariants.give_check(&id, Arc::new(Holds)).unwrap_err();
        assert_eq!(error, InvariantError::CheckNotMissing { invariant: id });
    }
    let back = InvariantService::from_snapshot(again(&invariants.snapshot(None)), None);
    back.remove(&"checked".into()).unwrap();
    let error = back.give_check(&"checked".into(), Arc::new(Holds)).unwrap_err();
    assert_eq!(error.to_string(), "cannot give a check to invariant checked: it was removed");
    let error = back.give_check(&"other".into(), Arc::new(Holds)).unwrap_err();
    assert_eq!(error, InvariantError::Unknown { invariant: "other".into() });
}

#[test]
fn what_was_removed_stays_removed_and_its_key_is_free() {
    let invariants = InvariantService::new(None);
    let fixed = |id: &str| new(id, Reach::Global).with_key("k").non_overridable();
    invariants.add(fixed("a")).unwrap();
    invariants.remove(&"a".into()).unwrap();
    invariants.add(fixed("b")).unwrap();
    let back = InvariantService::from_snapshot(again(&invariants.snapshot(None)), None);
    assert_eq!(back.list(), invariants.list());
    let error = back.add(fixed("c")).unwrap_err();
    assert_eq!(error, InvariantError::KeyTaken { key: "k".into(), holder: "b".into() });
    let error = back.add(fixed("a")).unwrap_err();
    assert_eq!(error, InvariantError::Exists { invariant: "a".into() });
}

#[test]
fn what_is_not_the_snapshot_of_a_service_is_refused() {
    let form = "does not have the form of one";
    assert_refused(&with_invariants("").replace('1', "2"), "the snapshot has version 2");
    let (one, keyed) = (global("a", ""), |id| global(id, r#","key":"k""#));
    assert!(serde_json::from_str::<InvariantSnapshot>(&with_invariants(&one)).is_ok());
    assert_refused(&with_invariants(&format!("{one},{one}")), "invariant 2 of the snapshot has the id");
    let twice = format!("{},{}", keyed("a"), keyed("b"));
    assert_refused(&with_invariants(&twice), "invariant 2 of the snapshot is non-overridable");
    for bad in [
        one.replace(r#""t""#, r#""""#),
        one.replace(r#""a""#, r#""""#),
        one.replace(r#""global""#, r#""plan""#),
        one.replace(r#""global""#, r#""plan","scope_id":"p""#),
        one.replace(r#""global""#, r#""global","scope_id":"p""#),
        one.replace(r#""global""#, r#""galaxy""#),
        global("a", r#","more":1"#),
        global("a", r#","key":"""#),
    ] {
        assert_refused(&with_invariants(&bad), form);
    }
}
