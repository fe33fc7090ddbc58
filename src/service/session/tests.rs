use std::num::NonZeroUsize;

use serde_json::Value;

use super::*;
use crate::event::{EventType, Hash, NameError};
use crate::testing::RecordingEventBus;

fn service() -> (SessionService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (SessionService::new(Some(Arc::new(bus.clone()))), bus)
}

fn pages_of(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

/// A closed session with three messages, exported.
fn exported() -> (SessionService, SessionId, String) {
    let sessions = SessionService::new(None);
    let id = sessions.create("agents/planner", Some("the greeter")).unwrap().id;
    sessions.append(&id, MessageRole::User, "mend the \"greeter\"\n", None).unwrap();
    sessions.append(&id, MessageRole::Assistant, "", None).unwrap();
    sessions.append(&id, MessageRole::Tool, "é…\u{0}", Some("call-1".into())).unwrap();
    sessions.link_plan(&id, &"plan-7".into()).unwrap();
    sessions.close(&id).unwrap();
    let json = sessions.export(&id).unwrap();
    (sessions, id, json)
}

/// The export with `change` made to its session, and a checksum that fits.
fn forged(json: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut export: Value = serde_json::from_str(json).unwrap();
    change(&mut export["session"]);
    // The refusal says which checksum would fit.
    let refused = SessionService::new(None).import(&export.to_string()).unwrap_err();
    if let ImportError::Checksum { actual, .. } = refused {
        export["checksum"] = actual.to_string().into();
    }
    export.to_string()
}

#[test]
fn messages_are_numbered_and_told_by_hash_and_size_alone() {
    let (sessions, bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    let message = sessions.append(&id, MessageRole::User, "secret", None).unwrap();
    assert_eq!((message.sequence, message.tokens, message.bytes()), (1, 2, 6));
    let told = bus.only::<SessionMessageSent>();
    assert_eq!((&told.message_id, told.sequence, told.bytes, told.tokens), (&message.id, 1, 6, 2));
    assert_eq!((told.content_hash, told.event().timestamp()), (Hash::of("secret"), message.sent_at));
    assert!(!serde_json::to_string(&**told.event()).unwrap().contains("secret"));
}

#[test]
fn tokens_are_bytes_by_four_rounded_up() {
    let (sessions, _bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    for (content, tokens) in [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("éé", 1)] {
        assert_eq!(sessions.append(&id, MessageRole::User, content, None).unwrap().tokens, tokens);
    }
    assert_eq!(sessions.get(&id).unwrap().tokens, 5);
}

#[test]
fn a_closed_session_takes_no_messages_and_no_links() {
    let (sessions, bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    let closed = sessions.close(&id).unwrap();
    bus.take();
    let error = sessions.append(&id, MessageRole::User, "late", None).unwrap_err();
    assert_eq!(error, SessionError::Closed { session: id.clone(), asked: "append to" });
    assert!(matches!(sessions.link_plan(&id, &"p".into()), Err(SessionError::Closed { .. })));
    assert_eq!(sessions.close(&id), Ok(closed.clone()));
    assert_eq!(sessions.get(&id), Some(closed));
    bus.assert_nothing();
}

#[test]
fn a_content_above_the_limit_is_refused_whole() {
    let bus = RecordingEventBus::new();
    let sessions = SessionService::with_max_content_bytes(4, Some(Arc::new(bus.clone())));
    let id = sessions.create("a", None).unwrap().id;
    bus.take();
    let error = sessions.append(&id, MessageRole::User, "12345", None).unwrap_err();
    assert_eq!(error, SessionError::TooLarge { session: id.clone(), actual: 5, max: 4 });
    bus.assert_nothing();
    assert_eq!(sessions.append(&id, MessageRole::User, "1234", None).unwrap().sequence, 1);
}

#[test]
fn names_that_no_event_could_hold_are_refused() {
    let (sessions, bus) = service();
    let error = sessions.create("", None).unwrap_err();
    assert_eq!(error, SessionError::Invalid { what: "actor", source: NameError::Empty });
    bus.assert_nothing();
    let id = sessions.create("a", None).unwrap().id;
    bus.take();
    let appended = sessions.append(&id, MessageRole::Tool, "x", Some("\n".into()));
    assert!(matches!(appended, Err(SessionError::Invalid { .. })));
    assert!(matches!(sessions.link_plan(&id, &"".into()), Err(SessionError::Invalid { .. })));
    bus.assert_nothing();
}

#[test]
fn pages_lead_from_one_to_the_next_and_end() {
    let (sessions, _bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    for number in 1..=5 {
        sessions.append(&id, MessageRole::User, number.to_string(), None).unwrap();
    }
    let mut page = Some(Page::first(pages_of(2)));
    let mut seen = Vec::new();
    while let Some(wanted) = page {
        let found = sessions.messages(&id, wanted).unwrap();
        seen.push(found.messages.iter().map(|message| message.sequence).collect::<Vec<_>>());
        page = found.next;
    }
    assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
    let behind = sessions.messages(&id, Page::after(u64::MAX, pages_of(1))).unwrap();
    assert_eq!((behind.messages.len(), behind.next), (0, None));
    assert!(matches!(
        sessions.messages(&"no".into(), Page::first(pages_of(1))),
        Err(SessionError::Unknown { .. })
    ));
}

#[test]
fn a_plan_is_linked_once() {
    let (sessions, _bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    sessions.link_plan(&id, &"p".into()).unwrap();
    assert_eq!(sessions.link_plan(&id, &"p".into()).unwrap().plan_ids, ["p"]);
}

#[test]
fn the_events_of_a_session_carry_its_id_its_actor_and_its_opening_as_cause() {
    let (sessions, bus) = service();
    let id = sessions.create("a", Some("t")).unwrap().id;
    sessions.append(&id, MessageRole::User, "x", None).unwrap();
    let opening = Arc::clone(bus.only::<SessionCreated>().event());
    let sent = bus.only::<SessionMessageSent>();
    assert_eq!(sent.event().session_id(), Some(&id));
    assert_eq!(sent.event().actor_name().unwrap(), &"a");
    assert_eq!(sent.event().causation_id(), Some(opening.id()));
    assert_eq!(sent.event().correlation_id(), opening.correlation_id());
    assert_eq!(sessions.scope(&id), Some(opening.scope()));
}

#[test]
fn an_import_is_what_was_exported() {
    let (sessions, id, json) = exported();
    let bus = RecordingEventBus::new();
    let elsewhere = SessionService::new(Some(Arc::new(bus.clone())));
    let imported = elsewhere.import(&json).unwrap();
    let original = sessions.get(&id).unwrap();
    assert_eq!(imported, Session { imported: true, ..original });
    let all = Page::first(pages_of(100));
    assert_eq!(elsewhere.messages(&id, all), sessions.messages(&id, all));
    assert_eq!(elsewhere.export(&id).unwrap(), json);
    bus.assert_types([EventType::SessionCreated]);
    assert!(bus.only::<SessionCreated>().imported);
}

#[test]
fn an_export_that_was_only_reformatted_is_still_good() {
    let (_, _, json) = exported();
    let value: Value = serde_json::from_str(&json).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert!(SessionService::new(None).import(&pretty).is_ok());
}

#[test]
fn an_import_of_a_session_that_is_there_is_refused() {
    let (sessions, id, json) = exported();
    assert_eq!(sessions.import(&json), Err(ImportError::Exists { session: id }));
    assert_eq!(sessions.list().len(), 1);
}

#[test]
fn a_changed_content_is_refused_by_its_checksum() {
    let (_, _, json) = exported();
    let (sessions, bus) = service();
    for (from, to) in [("mend", "break"), ("plan-7", "plan-8"), ("\"assistant\"", "\"system\"")] {
        let changed = json.replace(from, to);
        assert_ne!(changed, json);
        assert!(matches!(sessions.import(&changed), Err(ImportError::Checksum { .. })));
    }
    bus.assert_nothing();
    assert!(sessions.list().is_empty());
}

#[test]
fn what_is_no_export_is_refused_without_quoting_it() {
    let (_, _, json) = exported();
    let sessions = SessionService::new(None);
    let deep = "[".repeat(100_000);
    for text in ["", "secret", "null", "{}", "[]", &deep, &json[..json.len() - 1], &format!("{json}secret")] {
        let error = sessions.import(text).unwrap_err();
        assert!(matches!(error, ImportError::Malformed { .. }), "{error}");
        assert!(!error.to_string().contains("secret"));
    }
    let extra = json.replacen("\"actor\":", "\"secret\":1,\"actor\":", 1);
    assert!(matches!(sessions.import(&extra), Err(ImportError::Malformed { .. })));
    let role = json.replacen("\"user\"", "\"secret\"", 1);
    assert!(!sessions.import(&role).unwrap_err().to_string().contains("secret"));
    let format = json.replacen(EXPORT_FORMAT, "something.else", 1);
    assert_eq!(sessions.import(&format), Err(ImportError::Format { expected: EXPORT_FORMAT }));
    let version = json.replacen("\"schema_version\":1", "\"schema_version\":2", 1);
    assert_eq!(sessions.import(&version), Err(ImportError::Version { expected: 1, actual: 2 }));
}

#[test]
fn a_good_checksum_makes_bad_messages_no_better() {
    let (_, _, json) = exported();
    let sessions = SessionService::with_max_content_bytes(64, None);
    let gap = forged(&json, |session| session["messages"][1]["sequence"] = 7.into());
    let expected = ImportError::Message { sequence: 2, fault: MessageFault::Sequence { actual: 7 } };
    assert_eq!(sessions.import(&gap), Err(expected));

    let long = forged(&json, |session| session["messages"][0]["content"] = "x".repeat(65).into());
    let fault = MessageFault::TooLarge { actual: 65, max: 64 };
    assert_eq!(sessions.import(&long), Err(ImportError::Message { sequence: 1, fault }));

    let twice = forged(&json, |session| {
        session["messages"][2]["id"] = session["messages"][0]["id"].clone();
    });
    let expected = ImportError::Message { sequence: 3, fault: MessageFault::Duplicate };
    assert_eq!(sessions.import(&twice), Err(expected));

    let nameless = forged(&json, |session| session["actor"] = "".into());
    assert!(matches!(sessions.import(&nameless), Err(ImportError::Malformed { .. })));
    assert!(sessions.list().is_empty());
}

#[test]
fn messages_of_many_threads_are_told_in_the_order_of_their_numbers() {
    let (sessions, bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..100 {
                    sessions.append(&id, MessageRole::User, "x", None).unwrap();
                }
            });
        }
    });
    let told: Vec<_> = bus.all::<SessionMessageSent>().iter().map(|told| told.sequence).collect();
    assert_eq!(told, (1..=800).collect::<Vec<_>>());
}
