//! [`SessionCheckpoint`]: what an agent saves of a session.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::event::{EventId, SessionId, Text, Timestamp};
use crate::journal::Position;

mod context;

pub use context::CheckpointContext;

/// The version of the form that this build writes, and the only one that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The longest draft of a checkpoint, in bytes of JSON: 64 KiB.
pub const MAX_DRAFT_BYTES: usize = 64 << 10;

/// The longest file of a checkpoint, in bytes: a draft of the greatest length, and what the store adds to it.
pub const MAX_CHECKPOINT_BYTES: usize = MAX_DRAFT_BYTES + (8 << 10);

/// The longest reason that is given for a change, in bytes.
pub const MAX_REASON_BYTES: usize = 1_000;

/// What is to be done with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointStatus {
    /// Somebody is to go on from it.
    Active,
    /// What it was saved for is done.
    Resolved,
    /// Nobody will go on from it.
    Abandoned,
}

impl CheckpointStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Resolved, Self::Abandoned];

    /// Its word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Resolved => "resolved",
            Self::Abandoned => "abandoned",
        }
    }
}

/// How far the agent has come. Texts of its own, none of them bounded but by the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckpointProgress {
    /// What is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks_completed: Vec<String>,
    /// What is left to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks_remaining: Vec<String>,
    /// The files that were changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_modified: Vec<String>,
    /// What was decided on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
}

impl CheckpointProgress {
    /// Whether it tells nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an agent gives to be saved; the store adds times and status.
///
/// ```
/// use agentbus::checkpoint::CheckpointDraft;
///
/// let mut draft = CheckpointDraft::new("agents/planner", "s-1", "action");
/// draft.context.branch = Some("mend-greeter".to_owned());
/// draft.progress.tasks_remaining.push("mend the test".to_owned());
/// draft.resume_hint = Some("the test still fails on the empty name".to_owned());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CheckpointDraft {
    /// Who saves it.
    pub agent: Text,
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// Where in its work the agent is.
    pub phase: Text,
    /// What it works on.
    #[serde(skip_serializing_if = "CheckpointContext::is_empty")]
    pub context: CheckpointContext,
    /// How far it has come.
    #[serde(skip_serializing_if = "CheckpointProgress::is_empty")]
    pub progress: CheckpointProgress,
    /// What whoever goes on should know first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_hint: Option<String>,
}

impl CheckpointDraft {
    /// A draft without context, progress and hint. Names that are too long are cut, as in events.
    pub fn new(agent: impl Into<Text>, session_id: impl Into<SessionId>, phase: impl Into<Text>) -> Self {
        Self {
            agent: agent.into(),
            session_id: session_id.into(),
            phase: phase.into(),
            context: CheckpointContext::default(),
            progress: CheckpointProgress::default(),
            resume_hint: None,
        }
    }
}

/// Why nobody will go on from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abandonment {
    /// Why.
    pub reason: String,
    /// Who said so.
    pub operator: Text,
    /// When.
    pub abandoned_at: Timestamp,
}

/// What stands for it under `disposition`.
pub(super) const ABANDONED: &str = "abandoned";

/// What an agent saved of a session, and what became of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionCheckpoint {
    /// What the agent saved.
    pub saved: CheckpointDraft,
    /// What is to be done with it.
    pub status: CheckpointStatus,
    /// When it was saved.
    pub created_at: Timestamp,
    /// When it was last changed: resolved or abandoned, else saved.
    pub updated_at: Timestamp,
    /// The id of the journal beside which it was saved, where the store knew one.
    pub journal: Option<EventId>,
    /// The last position of that journal when it was saved.
    pub position: Option<Position>,
    /// Why it was abandoned, if it was.
    pub abandonment: Option<Abandonment>,
}

impl SessionCheckpoint {
    /// One that is saved at that moment.
    pub(super) fn new(saved: CheckpointDraft, at: Timestamp, place: Option<(EventId, Position)>) -> Self {
        let status = CheckpointStatus::Active;
        let (journal, position) = place.unzip();
        Self { saved, status, created_at: at, updated_at: at, journal, position, abandonment: None }
    }

    /// As it stands in its file: one line.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("its names are checked and its values are JSON");
        line.push(b'\n');
        line
    }
}

/// As it stands in its file: an object with keys in this order.
impl Serialize for SessionCheckpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CheckpointDraft { agent, session_id, phase, context, progress, resume_hint } = &self.saved;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        map.serialize_entry("agent", agent)?;
        map.serialize_entry("session_id", session_id)?;
        map.serialize_entry("phase", phase)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("updated_at", &self.updated_at)?;
        if let Some(journal) = self.journal {
            map.serialize_entry("journal", &journal)?;
        }
        if let Some(position) = self.position {
            map.serialize_entry("position", &position)?;
        }
        if !context.is_empty() {
            map.serialize_entry("context", context)?;
        }
        if !progress.is_empty() {
            map.serialize_entry("progress", progress)?;
        }
        if let Some(hint) = resume_hint {
            map.serialize_entry("resume_hint", hint)?;
        }
        if let Some(Abandonment { reason, operator, abandoned_at }) = &self.abandonment {
            map.serialize_entry("disposition", ABANDONED)?;
            map.serialize_entry("reason", reason)?;
            map.serialize_entry("operator", operator)?;
            map.serialize_entry("abandoned_at", abandoned_at)?;
        }
        map.end()
    }
}
