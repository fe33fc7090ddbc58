//! Sessions in which many tasks speak at once.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use agentbus::Payload;
use agentbus::event::{Hash, MessageRole, SessionId, SessionMessageSent};
use agentbus::service::session::{Message, Page, Session, SessionError, SessionService};
use agentbus::testing::RecordingEventBus;
use proptest::prelude::*;

use super::{Asked, Clock, assert_in_time, at_once};
use crate::session::{Op, op, service};

/// What came of something that was asked.
#[derive(Debug)]
enum Done {
    Created(Session),
    Appended(Message),
    Closed(Session),
    /// What an export had, read elsewhere.
    Exported(Vec<Message>),
    Linked,
}

type Answer = Asked<(Op, Option<SessionId>), Result<Done, SessionError>>;

fn read(sessions: &SessionService, id: &SessionId) -> Vec<Message> {
    sessions.messages(id, Page::first(NonZeroUsize::MAX)).unwrap().messages
}

fn ask(sessions: &SessionService, op: &Op, id: Option<&SessionId>) -> Result<Done, SessionError> {
    let Some(id) = id else {
        return sessions.create("a", None).map(Done::Created);
    };
    match op {
        Op::Create => unreachable!("it names no session"),
        Op::Append(_, role, text) => sessions.append(id, *role, text.as_str(), None).map(Done::Appended),
        Op::Link(_, plan) => {
            sessions.link_plan(id, &format!("plan-{plan}").as_str().into()).map(|_| Done::Linked)
        }
        Op::Close(_) => sessions.close(id).map(Done::Closed),
        Op::Reimport(_) | Op::Move(_) => {
            let (elsewhere, _bus) = service();
            elsewhere.import(&sessions.export(id)?).unwrap();
            Ok(Done::Exported(read(&elsewhere, id)))
        }
    }
}

/// One task: asks one thing after the other, of sessions that any task created.
async fn speak(
    sessions: SessionService,
    ids: Arc<Mutex<Vec<SessionId>>>,
    ops: Vec<Op>,
    clock: Clock,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for op in ops {
        let of = match &op {
            Op::Create => None,
            Op::Append(at, ..) | Op::Link(at, _) | Op::Close(at) | Op::Reimport(at) | Op::Move(at) => {
                let ids = ids.lock().unwrap();
                Some(ids[at % ids.len()].clone())
            }
        };
        let asked = clock.time((op.clone(), of.clone()), async { ask(&sessions, &op, of.as_ref()) }).await;
        if let Ok(Done::Created(session)) = &asked.result {
            ids.lock().unwrap().push(session.id.clone());
        }
        answers.push(asked);
        tokio::task::yield_now().await;
    }
    answers
}

/// All that was asked of one session.
struct Of<'a> {
    id: &'a SessionId,
    answers: Vec<&'a Answer>,
    sessions: &'a SessionService,
    bus: &'a RecordingEventBus,
}

impl Of<'_> {
    /// The messages that were accepted, in the order of their events.
    fn check_messages(&self) -> Vec<Message> {
        let told = self.bus.all::<SessionMessageSent>();
        let told: Vec<_> = told.iter().filter(|told| told.event().session_id() == Some(self.id)).collect();
        let accepted = self.answers.iter().filter_map(|answer| match &answer.result {
            Ok(Done::Appended(message)) => Some((message, *answer)),
            _ => None,
        });
        let mut accepted: Vec<(&Message, &Answer)> = accepted.collect();
        accepted.sort_by_key(|(message, _)| message.sequence);
        assert_in_time(accepted.iter().map(|(_, answer)| *answer));
        assert_eq!(told.len(), accepted.len());
        for (sequence, (told, (message, _))) in (1..).zip(told.iter().zip(&accepted)) {
            assert_eq!((told.sequence, message.sequence), (sequence, sequence));
            assert_eq!((&told.message_id, told.role), (&message.id, message.role));
            assert_eq!((told.bytes, told.tokens), (message.bytes(), message.tokens));
            assert_eq!(told.content_hash, Hash::of(&*message.content));
            assert_eq!(told.event().timestamp(), message.sent_at);
        }
        let messages: Vec<_> = accepted.into_iter().map(|(message, _)| message.clone()).collect();
        assert_eq!(read(self.sessions, self.id), messages);
        messages
    }

    /// Nothing came in behind the first close, and nothing was refused before it.
    fn check_closing(&self, messages: &[Message]) {
        let closed = self.answers.iter().filter_map(|answer| match &answer.result {
            Ok(Done::Closed(session)) => Some((session, *answer)),
            _ => None,
        });
        let closed: Vec<(&Session, &Answer)> = closed.collect();
        let session = self.sessions.get(self.id).unwrap();
        assert_eq!(session.is_closed(), !closed.is_empty());
        // Whoever closes it again is told of the same state: nothing changed since.
        assert!(closed.iter().all(|(then, _)| **then == session));
        assert_eq!(session.messages, messages.len() as u64);
        let begun = closed.iter().map(|(_, answer)| answer.began).min();
        let ended = closed.iter().map(|(_, answer)| answer.ended).min();
        for answer in &self.answers {
            match &answer.result {
                Ok(Done::Appended(_) | Done::Linked) => {
                    assert!(ended.is_none_or(|ended| answer.began < ended));
                }
                Err(SessionError::Closed { .. }) => assert!(begun.is_some_and(|begun| begun < answer.ended)),
                Err(SessionError::TooLarge { actual, max, .. }) => assert!(actual > max),
                Err(other) => panic!("{other}"),
                Ok(_) => {}
            }
        }
    }

    /// An export has the first messages, whoever speaks while it is written.
    fn check_exports(&self, messages: &[Message]) {
        for answer in &self.answers {
            if let Ok(Done::Exported(read)) = &answer.result {
                assert_eq!(read.as_slice(), &messages[..read.len()]);
            }
        }
    }
}

fn run(tasks: Vec<Vec<Op>>) {
    let (sessions, bus) = service();
    let (ids, clock) = (Arc::default(), Clock::default());
    let begin = |ops| speak(sessions.clone(), Arc::clone(&ids), ops, clock.clone());
    let mut answers = at_once([begin(vec![Op::Create, Op::Create])]).remove(0);
    answers.extend(at_once(tasks.into_iter().map(begin)).into_iter().flatten());
    let created = answers.iter().filter_map(|answer| match &answer.result {
        Ok(Done::Created(session)) => Some(session.id.clone()),
        _ => None,
    });
    let created: Vec<_> = created.collect();
    let told: Vec<_> = bus
        .events()
        .iter()
        .filter(|event| matches!(event.payload(), Payload::SessionCreated(_)))
        .map(|event| event.session_id().unwrap().clone())
        .collect();
    assert_eq!(told, sessions.list().into_iter().map(|session| session.id).collect::<Vec<_>>());
    assert_eq!(told.len(), created.len());
    let mut messages = 0;
    for id in &created {
        let answers = answers.iter().filter(|answer| answer.op.1.as_ref() == Some(id)).collect();
        let of = Of { id, answers, sessions: &sessions, bus: &bus };
        let said = of.check_messages();
        of.check_closing(&said);
        of.check_exports(&said);
        messages += said.len();
    }
    assert_eq!(bus.events().len(), created.len() + messages, "{}", bus.transcript());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_many_tasks_say_at_once_is_numbered_and_told_in_one_order_and_nothing_behind_a_close(
        tasks in prop::collection::vec(prop::collection::vec(op(), 10..30), 8),
    ) {
        run(tasks);
    }
}

#[test]
fn a_closed_session_stays_as_it_is_and_tells_nothing() {
    let (sessions, bus) = service();
    let id = sessions.create("a", None).unwrap().id;
    sessions.append(&id, MessageRole::User, "hello", None).unwrap();
    let closed = sessions.close(&id).unwrap();
    let export = sessions.export(&id).unwrap();
    bus.take();
    assert!(sessions.append(&id, MessageRole::User, "late", None).is_err());
    assert!(sessions.link_plan(&id, &"mend".into()).is_err());
    assert_eq!(sessions.close(&id).unwrap(), closed);
    assert_eq!((sessions.get(&id), sessions.export(&id).unwrap()), (Some(closed), export));
    bus.assert_nothing();
}
