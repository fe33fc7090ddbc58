use std::num::NonZeroUsize;

use agentbus::event::MessageRole;
use agentbus::service::session::{Message, Page, Session, SessionService};

use super::{Bus, Lines};

fn tell(session: Session) -> String {
    let Session { actor, title, imported, plan_ids, messages, bytes, tokens, closed_at, .. } = session;
    format!("{actor} {title:?} {imported} {plan_ids:?} {messages} {bytes} {tokens} {}", closed_at.is_some())
}

fn tell_message(message: Message) -> String {
    let Message { sequence, role, content, tool_call_id, tokens, content_hash, .. } = message;
    format!("{sequence} {role} {content} {tool_call_id:?} {tokens} {content_hash}")
}

pub(super) fn script(bus: Bus) -> Lines {
    let mut lines = Lines::new("sessions");
    let sessions = SessionService::with_max_content_bytes(16, bus.clone());
    lines.came(sessions.create("", None), tell);
    let session = sessions.create("planner", Some("greeter")).unwrap();
    let id = session.id.clone();
    lines.say(tell(session));
    for role in MessageRole::ALL {
        lines.came(sessions.append(&id, *role, "hello", Some("call".into())), tell_message);
    }
    lines.came(sessions.append(&id, MessageRole::User, "far too long for it", None), tell_message);
    lines.came(sessions.append(&id, MessageRole::User, "so", Some("".into())), tell_message);
    lines.came(sessions.append(&"nobody".into(), MessageRole::User, "so", None), tell_message);
    lines.came(sessions.link_plan(&id, &"mend".into()), tell);
    let export = sessions.export(&id).unwrap();
    lines.came(sessions.import(&export), tell);
    let elsewhere = SessionService::new(bus);
    lines.came(elsewhere.import(&export.replace("agentbus.session", "other.session")), tell);
    lines.came(elsewhere.import(&export), tell);
    lines.came(sessions.close(&id), tell);
    lines.came(sessions.close(&id), tell);
    lines.came(elsewhere.append(&id, MessageRole::User, "more", None), tell_message);
    for service in [&sessions, &elsewhere] {
        lines.came(service.messages(&id, Page::first(NonZeroUsize::MAX)), |page| {
            page.messages.into_iter().map(tell_message).collect::<Vec<_>>()
        });
        service.list().into_iter().for_each(|session| lines.say(tell(session)));
    }
    lines.came(sessions.append(&id, MessageRole::User, "late", None), tell_message);
    lines.call(id, "the session");
    lines
}
