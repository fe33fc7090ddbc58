//! [`Kept`]: what a run keeps in a file of its own to be gone on with: what was said and taken, and where it works.
//!
//! What its plan and decisions are stands in the journal. Nothing that the redactor calls a secret is written.

use std::path::PathBuf;
use std::sync::Arc;

use agentbus::event::{Hash, PlanId, SessionId, SessionMessageSent, Text};
use agentbus::service::actor::{Conversation, Message, ToolRequest};
use agentbus::service::session::SessionSnapshot;
use agentbus::{DomainEvent, Redactor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::progress::Progress;
use crate::cli::destination::Place;

/// The form that is written and read.
const FORMAT: u32 = 1;

/// What stands for a message of which nothing is left but that it was sent.
const NOT_KEPT: &str = "[what was said here is not kept: the process that heard it was killed]";

/// What a run keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: u32,
    pub(super) about: About,
    pub(super) session_id: SessionId,
    pub(super) plan_id: PlanId,
    /// A snapshot of the session service.
    sessions: Value,
    conversation: Vec<Said>,
    pub(super) taken: Taken,
    /// How long the run has taken.
    pub(super) elapsed_ms: u64,
    pub(super) progress: Progress,
}

/// What is the same from the beginning of a run to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// The hash of the task file.
    pub(super) task: Hash,
    pub(super) project_name: Text,
    /// The folder that is committed to.
    pub(super) destination: PathBuf,
    /// What that folder is, whatever comes to stand at its path.
    pub(super) place: Place,
    /// Whether that is the user's own.
    pub(super) is_project: bool,
}

/// What the actors took, beside what was spent, which is kept with each answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Taken {
    /// How often the plan's own actor asked its model.
    pub(super) questions: u64,
    /// How many messages the session did not take.
    pub(super) unrecorded: u64,
}

/// A message of the conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role", deny_unknown_fields)]
enum Said {
    System { text: String },
    User { text: String },
    Assistant { text: String, tool_calls: Vec<Call> },
    Tool { id: String, text: String, is_error: bool },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// What was said and taken, and how far it has come.
#[derive(Debug)]
pub(super) struct Come {
    pub(super) conversation: Conversation,
    pub(super) taken: Taken,
    pub(super) elapsed_ms: u64,
    pub(super) progress: Progress,
}

impl Kept {
    /// What a run keeps as it stands, secrets masked.
    pub(super) fn new(
        about: About,
        (session_id, plan_id): (SessionId, PlanId),
        sessions: &SessionSnapshot,
        come: Come,
    ) -> Result<Self, serde_json::Error> {
        let redactor = Redactor::untagged();
        let mut sessions = serde_json::to_value(sessions)?;
        mask_all(&mut sessions, &redactor);
        let Come { conversation, taken, elapsed_ms, mut progress } = come;
        let conversation = conversation.messages().map(|message| Said::of(message, &redactor)).collect();
        let work = &mut progress.work;
        let attempt = work.attempt.as_mut().map(|attempt| [&mut attempt.prompt, &mut attempt.question]);
        for text in attempt.into_iter().flatten().chain(&mut work.guidance).chain(&mut progress.files) {
            *text = redactor.redact_text(text).into_owned();
        }
        let format = FORMAT;
        Ok(Self { format, about, session_id, plan_id, sessions, conversation, taken, elapsed_ms, progress })
    }

    /// Reads it; another form than this build's is no such thing.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().filter(|kept: &Self| kept.format == FORMAT)
    }

    /// The sessions as they were, and as long as the journal says that they had become by those events: of what was said
    /// since only that is known.
    pub(super) fn sessions(&mut self, since: &[Arc<DomainEvent>]) -> Option<SessionSnapshot> {
        for messages in sessions_of(&mut self.sessions).filter_map(messages_of) {
            for told in since {
                let sent = told.details::<SessionMessageSent>();
                if let Some(sent) = sent.filter(|sent| sent.sequence == messages.len() as u64 + 1) {
                    messages.push(lost(sent, told));
                }
            }
        }
        serde_json::from_value(self.sessions.clone()).ok()
    }

    pub(super) fn come(&self) -> Come {
        let mut conversation = Conversation::new();
        self.conversation.iter().for_each(|said| conversation.push(said.message()));
        let (taken, progress) = (self.taken.clone(), self.progress.clone());
        Come { conversation, taken, elapsed_ms: self.elapsed_ms, progress }
    }
}

/// The sessions of a snapshot, each as in an export.
fn sessions_of(snapshot: &mut Value) -> impl Iterator<Item = &mut Value> {
    let all = snapshot.get_mut("sessions").and_then(Value::as_array_mut);
    all.into_iter().flatten().filter_map(|kept| kept.get_mut("session"))
}

fn messages_of(session: &mut Value) -> Option<&mut Vec<Value>> {
    session.get_mut("messages")?.as_array_mut()
}

/// Masks what is said in the sessions of a snapshot.
fn mask_all(snapshot: &mut Value, redactor: &Redactor) {
    let mask = |text: Option<&mut Value>| {
        if let Some(Value::String(text)) = text {
            *text = redactor.redact_text(text).into_owned();
        }
    };
    for session in sessions_of(snapshot) {
        mask(session.get_mut("title"));
        for message in messages_of(session).into_iter().flatten() {
            mask(message.get_mut("content"));
        }
    }
}

/// A message that only the journal tells of.
fn lost(sent: &SessionMessageSent, told: &DomainEvent) -> Value {
    json!({
        "id": sent.message_id,
        "sequence": sent.sequence,
        "role": sent.role,
        "content": NOT_KEPT,
        // Which call it answered is not told.
        "tool_call_id": null,
        "sent_at": told.timestamp(),
    })
}

impl Said {
    fn of(message: &Message, redactor: &Redactor) -> Self {
        let masked = |text: &str| redactor.redact_text(text).into_owned();
        match message {
            Message::System(text) => Self::System { text: masked(text) },
            Message::User(text) => Self::User { text: masked(text) },
            Message::Assistant { text, tool_calls } => {
                let calls = tool_calls.iter().map(|call| Call {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: redactor.redact_json(&call.arguments).into_owned(),
                });
                Self::Assistant { text: masked(text), tool_calls: calls.collect() }
            }
            Message::Tool { id, content, is_error } => {
                Self::Tool { id: id.clone(), text: masked(content), is_error: *is_error }
            }
        }
    }

    fn message(&self) -> Message {
        match self.clone() {
            Self::System { text } => Message::System(text),
            Self::User { text } => Message::User(text),
            Self::Assistant { text, tool_calls } => {
                let call = |Call { id, name, arguments }| ToolRequest { id, name, arguments };
                Message::Assistant { text, tool_calls: tool_calls.into_iter().map(call).collect() }
            }
            Self::Tool { id, text, is_error } => Message::Tool { id, content: text, is_error },
        }
    }
}

#[cfg(test)]
mod tests {
    use agentbus::event::{MessageId, MessageRole};
    use agentbus::service::session::{Page, SessionService};

    use super::*;

    const KEY: &str = "sk-ant-api03-abcdefghijklmnop";

    fn kept(sessions: &SessionService, session: SessionId, conversation: Conversation) -> Kept {
        let about = About {
            task: Hash::of("task"),
            project_name: "notes".into(),
            destination: "/nowhere".into(),
            place: Place::default(),
            is_project: false,
        };
        let (taken, progress) = (Taken::default(), Progress::default());
        let come = Come { conversation, taken, elapsed_ms: 7, progress };
        let ids = (session, PlanId::from("p-1"));
        let kept = Kept::new(about, ids, &sessions.snapshot(None), come).unwrap();
        Kept::read(&serde_json::to_vec(&kept).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_comes_back_as_it_was_without_its_secrets() {
        let mut conversation = Conversation::new();
        conversation.push(Message::System("be brief".to_owned()));
        let call = |arguments: &str| ToolRequest {
            id: "c1".to_owned(),
            name: "read_file".to_owned(),
            arguments: arguments.to_owned(),
        };
        let tool_calls = vec![call("{\"path\":\"a.txt\"}"), call("no json")];
        conversation.push(Message::Assistant { text: String::new(), tool_calls });
        let failed = Message::Tool { id: "c1".to_owned(), content: "none".to_owned(), is_error: true };
        conversation.push(failed);
        let sessions = SessionService::new(None);
        let session = sessions.create("agents/a", None).unwrap().id;
        assert_eq!(kept(&sessions, session.clone(), conversation.clone()).come().conversation, conversation);

        conversation.push(Message::User(format!("the key is {KEY}")));
        sessions.append(&session, MessageRole::User, format!("the key is {KEY}"), None).unwrap();
        let kept = kept(&sessions, session, conversation);
        assert!(!serde_json::to_string(&kept).unwrap().contains(KEY));
    }

    #[test]
    fn a_session_is_as_long_as_the_journal_tells() {
        let sessions = SessionService::new(None);
        let session = sessions.create("agents/a", None).unwrap().id;
        sessions.append(&session, MessageRole::User, "one", None).unwrap();
        let mut kept = kept(&sessions, session.clone(), Conversation::new());
        // The first is known, the last is of a hole.
        let since: Vec<_> = [1, 2, 3, 5]
            .map(|sequence| {
                let sent = SessionMessageSent::new(
                    MessageId::from(format!("m-{sequence}")),
                    sequence,
                    MessageRole::Assistant,
                    3,
                    1,
                    Hash::of("abc"),
                );
                Arc::new(DomainEvent::new(sent).with_session_id(&session))
            })
            .into();
        let restored = SessionService::from_snapshot(kept.sessions(&since).unwrap(), None);
        let found = restored.messages(&session, Page::first(9.try_into().unwrap())).unwrap().messages;
        let said: Vec<_> = found.iter().map(|message| &*message.content).collect();
        assert_eq!(said, ["one", NOT_KEPT, NOT_KEPT]);
        assert_eq!(restored.append(&session, MessageRole::User, "four", None).unwrap().sequence, 4);
    }

    #[test]
    fn another_form_is_not_read() {
        let sessions = SessionService::new(None);
        let session = sessions.create("agents/a", None).unwrap().id;
        let mut value = serde_json::to_value(kept(&sessions, session, Conversation::new())).unwrap();
        value["format"] = json!(2);
        assert!(Kept::read(value.to_string().as_bytes()).is_none());
        assert!(Kept::read(b"{}").is_none());
    }
}
