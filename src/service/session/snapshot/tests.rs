use super::*;
use crate::event::{
    DomainEvent, EventType, MessageRole, Scope, SessionCreated, SessionMessageSent, Timestamp,
};
use crate::testing::RecordingEventBus;

/// Two sessions, one of which is closed, with a few messages.
fn talked() -> SessionService {
    let sessions = SessionService::with_max_content_bytes(32, None);
    let scope = Scope::new().with_user_identity("ada").with_correlation_id("c");
    let id = scope.enter(|| sessions.create("planner", Some("the greeter"))).unwrap().id;
    sessions.append(&id, MessageRole::User, "mend the \"greeter\"\n", None).unwrap();
    sessions.append(&id, MessageRole::Tool, "é…\u{0}", Some("call-1".into())).unwrap();
    sessions.link_plan(&id, &"plan-7".into()).unwrap();
    let other = sessions.create("critic", None).unwrap().id;
    sessions.close(&other).unwrap();
    sessions
}

fn again(snapshot: &SessionSnapshot) -> SessionSnapshot {
    serde_json::from_str(&serde_json::to_string(snapshot).unwrap()).unwrap()
}

/// The snapshot of two sessions with a change made to its JSON.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> serde_json::Result<SessionSnapshot> {
    let mut value = serde_json::to_value(talked().snapshot(None)).unwrap();
    change(&mut value);
    serde_json::from_str(&value.to_string())
}

#[track_caller]
fn assert_refused(reason: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let error = changed(change).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
    assert!(!error.contains("greeter"), "{error}");
}

#[test]
fn a_service_goes_on_from_a_snapshot_as_if_nothing_had_been() {
    let sessions = talked();
    let snapshot = sessions.snapshot(Position::new(7));
    let bus = RecordingEventBus::new();
    let back = SessionService::from_snapshot(again(&snapshot), Some(Arc::new(bus.clone())));
    assert_eq!((again(&snapshot).position(), snapshot.len()), (Position::new(7), 2));
    assert_eq!(back.list(), sessions.list());
    for session in sessions.list() {
        assert_eq!(back.export(&session.id), sessions.export(&session.id));
    }
    bus.assert_nothing();
    let [open, closed] = back.list().try_into().unwrap();
    assert!(back.append(&closed.id, MessageRole::User, "late", None).is_err());
    assert!(back.append(&open.id, MessageRole::User, "x".repeat(33), None).is_err());
    back.append(&open.id, MessageRole::User, "go on", None).unwrap();
    let told = bus.only::<SessionMessageSent>();
    assert_eq!((told.sequence, told.event().session_id()), (3, Some(&open.id)));
    assert_eq!(told.event().correlation_id(), &"c");
}

#[test]
fn the_scope_of_a_session_is_kept_but_for_what_no_one_could_read_back() {
    let bus = RecordingEventBus::new();
    let sessions = SessionService::new(Some(Arc::new(bus.clone())));
    let trace =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse::<crate::event::TraceContext>();
    let scope = Scope::new()
        .with_plan_id("p")
        .with_root_plan_id("r")
        .with_user_identity("ada")
        .with_trace(trace.unwrap());
    let id = scope.clone().enter(|| sessions.create("planner", None)).unwrap().id;
    // A scope takes no such names; that of what handles an event which was made with them has them.
    let odd = DomainEvent::new_in(&scope, SessionCreated::new(false));
    let odd = odd.with_project_name("").with_plan_id("x".repeat(300)).scope();
    let odd = odd.enter(|| sessions.create("planner", None)).unwrap().id;
    bus.assert_types([EventType::SessionCreated; 2]);
    let back = SessionService::from_snapshot(again(&sessions.snapshot(None)), None);
    assert_eq!(back.scope(&id), sessions.scope(&id));
    let (kept, was) = (back.scope(&odd).unwrap(), sessions.scope(&odd).unwrap());
    assert_eq!((kept.project_name(), kept.plan_id()), (None, None));
    assert_eq!((kept.causation_id(), kept.trace()), (was.causation_id(), was.trace()));
}

#[test]
fn what_was_imported_stays_so_and_keeps_its_times() {
    let sessions = talked();
    let json = sessions.export(&sessions.list()[0].id).unwrap();
    let elsewhere = SessionService::new(None);
    elsewhere.import(&json).unwrap();
    let back = SessionService::from_snapshot(again(&elsewhere.snapshot(None)), None);
    assert_eq!(back.list(), elsewhere.list());
    assert!(back.list()[0].imported);
}

#[test]
fn times_come_back_to_the_nanosecond() {
    let mut snapshot = talked().snapshot(None);
    for nanos in [0, i64::MIN, i64::MAX, 1_700_000_000_123_456_789] {
        snapshot.conversations[0].session.created_at = Timestamp::from_unix_nanos(nanos);
        let back = again(&snapshot);
        assert_eq!(back.conversations[0].session, snapshot.conversations[0].session);
    }
}

#[test]
fn a_snapshot_shows_nothing_of_what_was_said_when_it_is_debugged() {
    let shown = format!("{:?}", talked().snapshot(None));
    assert_eq!(shown, "SessionSnapshot { position: None, sessions: 2, .. }");
}

#[test]
fn another_version_is_refused_by_its_number() {
    assert_refused("the snapshot has version 2; this build reads version 1", |value| {
        value["version"] = 2.into();
        value["sessions"] = "all of them".into();
    });
}

#[test]
fn what_does_not_fit_together_is_refused_and_never_quoted() {
    changed(|_| {}).unwrap();
    let form = "does not have the form of one at its line 1, column";
    assert_refused(form, |value| value["version"] = "greeter".into());
    assert_refused(form, |value| {
        value["sessions"][0]["session"]["messages"][0]["sequence"] = "greeter".into();
    });
    assert_refused(form, |value| value["sessions"][0]["session"]["messages"][0]["greeter"] = 1.into());
    assert_refused(form, |value| value["sessions"][0]["session"]["actor"] = "".into());
    assert_refused(form, |value| value["sessions"][0]["session"]["id"] = "a\u{0}".into());
    assert_refused(form, |value| value["sessions"][0]["scope"]["causation_id"] = "greeter".into());
    assert_refused(form, |value| value["sessions"][0]["scope"]["greeter"] = "greeter".into());
    assert_refused(form, |value| value["max_content_bytes"] = (-1).into());
    assert_refused(form, |value| value["position"] = 0.into());
    assert_refused("has no good message 2: it is numbered 3", |value| {
        value["sessions"][0]["session"]["messages"][1]["sequence"] = 3.into();
    });
    assert_refused("has no good message 1: it has 19 bytes, and may have 18", |value| {
        value["max_content_bytes"] = 18.into();
    });
    assert_refused("has no good message 2: another message has its id", |value| {
        let messages = &mut value["sessions"][0]["session"]["messages"];
        messages[1]["id"] = messages[0]["id"].clone();
    });
    assert_refused("stands twice in the snapshot", |value| {
        value["sessions"][1] = value["sessions"][0].clone();
    });
}
