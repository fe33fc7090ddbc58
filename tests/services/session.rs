//! Sessions: their messages, kept a second time as lists of texts.

use std::num::NonZeroUsize;
use std::sync::Arc;

use agentbus::event::{EventType, Hash, MessageRole, SessionId, SessionMessageSent};
use agentbus::service::session::{ImportError, Message, Page, SessionService};
use agentbus::testing::RecordingEventBus;
use proptest::prelude::*;

const MAX_BYTES: usize = 16;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Create,
    Append(usize, MessageRole, String),
    Link(usize, u8),
    Close(usize),
    /// Export, and import into the same service.
    Reimport(usize),
    /// Export, import into an empty service, and go on there.
    Move(usize),
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let session = 0..4_usize;
    let role = prop::sample::select(MessageRole::ALL);
    prop_oneof![
        1 => Just(Op::Create),
        8 => (session.clone(), role, ".{0,12}").prop_map(|(at, role, text)| Op::Append(at, role, text)),
        1 => (session.clone(), 0..3_u8).prop_map(|(at, plan)| Op::Link(at, plan)),
        1 => session.clone().prop_map(Op::Close),
        1 => session.clone().prop_map(Op::Reimport),
        1 => session.prop_map(Op::Move),
    ]
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    id: SessionId,
    messages: Vec<(MessageRole, String)>,
    plans: Vec<String>,
    closed: bool,
}

pub(crate) fn service() -> (SessionService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (SessionService::with_max_content_bytes(MAX_BYTES, Some(Arc::new(bus.clone()))), bus)
}

/// All sessions of the service, their messages read in pages of two.
pub(crate) fn seen(sessions: &SessionService) -> Vec<Model> {
    let read = |id: &SessionId| {
        let mut next = Some(Page::first(NonZeroUsize::new(2).unwrap()));
        let mut read = Vec::new();
        while let Some(page) = next {
            let found = sessions.messages(id, page).unwrap();
            read.extend(found.messages);
            next = found.next;
        }
        read
    };
    let all = sessions.list().into_iter().map(|session| {
        let messages = read(&session.id);
        for (sequence, message) in (1..).zip(&messages) {
            assert_eq!((message.sequence, message.content_hash), (sequence, Hash::of(&*message.content)));
        }
        assert_eq!(session.messages, messages.len() as u64);
        assert_eq!(session.bytes, messages.iter().map(Message::bytes).sum::<u64>());
        assert_eq!(session.tokens, messages.iter().map(|message| message.tokens).sum::<u64>());
        Model {
            closed: session.is_closed(),
            id: session.id,
            messages: messages.iter().map(|message| (message.role, message.content.to_string())).collect(),
            plans: session.plan_ids.iter().map(ToString::to_string).collect(),
        }
    });
    all.collect()
}

/// Does `op` to both; the kinds that must tell of it.
pub(crate) fn act(sessions: &SessionService, world: &mut Vec<Model>, op: &Op) -> Vec<EventType> {
    let model = |world: &[Model], at: usize| at % world.len();
    match op {
        Op::Create => {
            let id = sessions.create("a", None).unwrap().id;
            world.push(Model { id, messages: Vec::new(), plans: Vec::new(), closed: false });
            vec![EventType::SessionCreated]
        }
        Op::Append(at, role, text) => {
            let at = model(world, *at);
            let session = &mut world[at];
            let allowed = !session.closed && text.len() <= MAX_BYTES;
            let done = sessions.append(&session.id, *role, text.as_str(), None);
            assert_eq!(done.is_ok(), allowed, "{done:?}");
            if !allowed {
                return Vec::new();
            }
            session.messages.push((*role, text.clone()));
            vec![EventType::SessionMessageSent]
        }
        Op::Link(at, plan) => {
            let at = model(world, *at);
            let session = &mut world[at];
            let plan = format!("plan-{plan}");
            assert_eq!(sessions.link_plan(&session.id, &plan.as_str().into()).is_ok(), !session.closed);
            if !session.closed && !session.plans.contains(&plan) {
                session.plans.push(plan);
            }
            Vec::new()
        }
        Op::Close(at) => {
            let at = model(world, *at);
            assert!(sessions.close(&world[at].id).is_ok());
            world[at].closed = true;
            Vec::new()
        }
        Op::Reimport(at) => {
            let at = model(world, *at);
            let json = sessions.export(&world[at].id).unwrap();
            assert!(matches!(sessions.import(&json), Err(ImportError::Exists { .. })));
            Vec::new()
        }
        Op::Move(at) => {
            let at = model(world, *at);
            let json = sessions.export(&world[at].id).unwrap();
            let (elsewhere, bus) = service();
            elsewhere.import(&json).unwrap();
            bus.assert_types([EventType::SessionCreated]);
            assert_eq!(seen(&elsewhere), [world[at].clone()]);
            assert_eq!(elsewhere.export(&world[at].id).unwrap(), json);
            Vec::new()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_keep_what_was_said_and_tell_how_much(ops in prop::collection::vec(op(), 1..60)) {
        let (sessions, bus) = service();
        let mut world = Vec::new();
        for op in [Op::Create].into_iter().chain(ops) {
            bus.take();
            let told = act(&sessions, &mut world, &op);
            prop_assert_eq!(bus.types(), told, "{:?}", op);
            if let Op::Append(at, role, text) = &op
                && let [told] = bus.all::<SessionMessageSent>().as_slice()
            {
                let session = &world[at % world.len()];
                prop_assert_eq!(told.event().session_id(), Some(&session.id));
                prop_assert_eq!((told.sequence, told.role), (session.messages.len() as u64, *role));
                prop_assert_eq!((told.bytes, told.content_hash), (text.len() as u64, Hash::of(text)));
            }
            prop_assert_eq!(&seen(&sessions), &world);
        }
    }

    #[test]
    fn an_export_with_a_byte_changed_is_refused_or_says_the_same(at in 0..10_000_usize, byte in 32..127_u8) {
        let (sessions, _bus) = service();
        let id = sessions.create("a", Some("title")).unwrap().id;
        sessions.append(&id, MessageRole::User, "hello", Some("call".into())).unwrap();
        let json = sessions.export(&id).unwrap();
        let mut bytes = json.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let (elsewhere, bus) = service();
        match elsewhere.import(std::str::from_utf8(&bytes).unwrap()) {
            Ok(session) => prop_assert_eq!(elsewhere.export(&session.id).unwrap(), json),
            Err(_refused) => {
                prop_assert!(elsewhere.list().is_empty());
                bus.assert_nothing();
            }
        }
    }

    #[test]
    fn no_text_makes_an_import_panic(text in ".{0,200}") {
        let (sessions, bus) = service();
        prop_assert!(sessions.import(&text).is_err());
        bus.assert_nothing();
    }
}
