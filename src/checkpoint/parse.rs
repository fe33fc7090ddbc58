//! Reading a checkpoint, or a draft of one, from JSON that anybody may have written.
//!
//! In this order: it must be UTF-8 and JSON, not nested too deep, else it is corrupt; the redactor must find no secret,
//! from here on keys can be named; then all that is wrong with its keys and their values is told at once; then it must
//! not contradict itself.
//!
//! A key may stand in an object once, and differ from no other one of it by case alone, at any depth; where keys are known
//! (at the top, in `progress`, in `context`) from none of these either. Case is that of all alphabets: `\u017f` is an `s`,
//! `\u212a` a `k`.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::error::{CheckpointError, CorruptFault, Nonconformity, Subject};
use super::key_fault::{Key, KeyFault};
use super::model::{
    ABANDONED, Abandonment, CheckpointContext, CheckpointDraft, CheckpointProgress, CheckpointStatus,
    MAX_CHECKPOINT_BYTES, MAX_DRAFT_BYTES, MAX_REASON_BYTES, SCHEMA_VERSION, SessionCheckpoint,
};
use crate::event::Text;
use crate::redact::Redactor;

mod cases;
mod fields;
mod json;

use fields::Fields;
pub use json::MAX_DEPTH;

/// What is refused beside what is no checkpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) redactor: Redactor,
    /// The agents that are allowed; `None` allows all.
    pub(super) agents: Option<BTreeSet<Text>>,
}

/// What an agent may say.
const DRAFT: [&str; 7] =
    ["schema_version", "agent", "session_id", "phase", "context", "progress", "resume_hint"];

/// What the store adds.
const ADDED: [&str; 9] = [
    "status",
    "created_at",
    "updated_at",
    "journal",
    "position",
    "disposition",
    "reason",
    "operator",
    "abandoned_at",
];

const PROGRESS: [&str; 4] = ["tasks_completed", "tasks_remaining", "files_modified", "decisions"];

/// Why a text is not taken; of what text is for the caller to say.
#[derive(Debug)]
pub(super) enum Refused {
    TooLarge(usize),
    Corrupt(CorruptFault),
    Secret,
    Invalid(Vec<KeyFault>),
    NotConforming(Nonconformity),
}

impl Refused {
    pub(super) fn of(self, subject: Subject) -> CheckpointError {
        match self {
            Self::TooLarge(at_most) => CheckpointError::TooLarge { subject, at_most },
            Self::Corrupt(fault) => CheckpointError::Corrupt { subject, fault },
            Self::Secret => CheckpointError::Secret { subject },
            Self::Invalid(faults) => CheckpointError::Invalid { subject, faults },
            Self::NotConforming(reason) => CheckpointError::NotConforming { subject, reason },
        }
    }
}

impl Rules {
    /// Whether a text of the program's own holds no secret.
    pub(super) fn is_clean(&self, text: &str) -> bool {
        *self.redactor.redact_text(text) == *text
    }

    /// Reads what an agent gives to be saved.
    pub(super) fn draft(&self, bytes: &[u8]) -> Result<CheckpointDraft, Refused> {
        let (mut faults, text) = self.look(bytes, MAX_DRAFT_BYTES)?;
        let mut fields = Fields::of(text, "", &known(), &mut faults);
        for key in ADDED {
            if fields.take(key).is_some() {
                fields.fault(KeyFault::Reserved { key: Key::new(key) });
            }
        }
        let version = fields.number("schema_version");
        let draft = saved(&mut fields);
        fields.finish(&ADDED);
        let draft = draft.filter(|_| faults.is_empty()).ok_or(Refused::Invalid(faults))?;
        check_version(version)?;
        self.check_agent(&draft)?;
        Ok(draft)
    }

    /// Reads what stands in a file.
    pub(super) fn checkpoint(&self, bytes: &[u8]) -> Result<SessionCheckpoint, Refused> {
        let (mut faults, text) = self.look(bytes, MAX_CHECKPOINT_BYTES)?;
        let mut fields = Fields::of(text, "", &known(), &mut faults);
        let version =
            fields.needed("schema_version").and_then(|raw| fields.read_number("schema_version", raw));
        // What else a later version has is its own business.
        check_version(version)?;
        let saved = saved(&mut fields);
        let status = fields.needed("status").and_then(|raw| status(&mut fields, raw));
        let times = [fields.needed_time("created_at"), fields.needed_time("updated_at")];
        let (journal, position) = (fields.journal("journal"), fields.position("position"));
        let abandonment = abandonment(&mut fields);
        fields.finish(&[]);
        let whole = saved.zip(status).zip(times[0].zip(times[1])).filter(|_| faults.is_empty());
        let ((saved, status), (created_at, updated_at)) = whole.ok_or(Refused::Invalid(faults))?;
        self.check_agent(&saved)?;
        let abandonment = match (abandonment, status) {
            (Said::Nothing, CheckpointStatus::Active | CheckpointStatus::Resolved) => None,
            (Said::All(abandonment), CheckpointStatus::Abandoned) => Some(abandonment),
            _ => return Err(Refused::NotConforming(Nonconformity::Disposition)),
        };
        if let Some(why) = &abandonment
            && !is_reason(&why.reason)
        {
            return Err(Refused::NotConforming(Nonconformity::Reason));
        }
        let changed_at = abandonment.as_ref().map_or(updated_at, |why| why.abandoned_at.min(updated_at));
        if changed_at < created_at {
            return Err(Refused::NotConforming(Nonconformity::Times));
        }
        Ok(SessionCheckpoint { saved, status, created_at, updated_at, journal, position, abandonment })
    }

    /// Looks at the text as a whole; gives what is wrong with keys anywhere in it.
    fn look<'a>(&self, bytes: &'a [u8], at_most: usize) -> Result<(Vec<KeyFault>, &'a RawValue), Refused> {
        if bytes.len() > at_most {
            return Err(Refused::TooLarge(at_most));
        }
        let text = str::from_utf8(bytes).map_err(|_no_utf8| Refused::Corrupt(CorruptFault::Encoding))?;
        let (raw, faults) = json::look(text).map_err(Refused::Corrupt)?;
        if matches!(self.redactor.redact_json(text), std::borrow::Cow::Owned(masked) if masked != text) {
            return Err(Refused::Secret);
        }
        Ok((faults, raw))
    }

    fn check_agent(&self, draft: &CheckpointDraft) -> Result<(), Refused> {
        match &self.agents {
            Some(agents) if !agents.contains(&draft.agent) => {
                Err(Refused::NotConforming(Nonconformity::Agent))
            }
            _ => Ok(()),
        }
    }
}

/// Every key that may stand at the top.
fn known() -> Vec<&'static str> {
    DRAFT.into_iter().chain(ADDED).collect()
}

fn check_version(version: Option<u64>) -> Result<(), Refused> {
    match version {
        Some(found) if found != u64::from(SCHEMA_VERSION) => {
            Err(Refused::NotConforming(Nonconformity::Version { found }))
        }
        _ => Ok(()),
    }
}

impl CheckpointDraft {
    /// Reads a draft from JSON that anybody may have written, as [`CheckpointStore::create_json`] does, with the
    /// redactor's built-in rules and for any agent.
    ///
    /// # Errors
    /// [`CheckpointError::Corrupt`], [`CheckpointError::Invalid`], [`CheckpointError::NotConforming`],
    /// [`CheckpointError::Secret`], [`CheckpointError::TooLarge`].
    ///
    /// [`CheckpointStore::create_json`]: super::CheckpointStore::create_json
    pub fn from_json(json: &[u8]) -> Result<Self, CheckpointError> {
        Rules::default().draft(json).map_err(|refused| refused.of(Subject::Given))
    }
}

impl SessionCheckpoint {
    /// Reads what stands in a file of a checkpoint, one in an archive for example, with the redactor's built-in rules
    /// and for any agent.
    ///
    /// # Errors
    /// As [`CheckpointDraft::from_json`].
    pub fn from_json(json: &[u8]) -> Result<Self, CheckpointError> {
        Rules::default().checkpoint(json).map_err(|refused| refused.of(Subject::Given))
    }
}

fn status(fields: &mut Fields<'_, '_>, raw: &RawValue) -> Option<CheckpointStatus> {
    let words = CheckpointStatus::ALL.map(|status| (status.as_str(), status));
    fields.word("status", raw, "active, resolved or abandoned", &words)
}

/// What an agent said.
fn saved(fields: &mut Fields<'_, '_>) -> Option<CheckpointDraft> {
    let (agent, session, phase) =
        (fields.needed_name("agent"), fields.needed_id("session_id"), fields.needed_name("phase"));
    let context = fields.object("context", &CheckpointContext::KEYS, |fields| {
        let mut context = CheckpointContext::default();
        context.shipment_id = fields.text("shipment_id");
        context.feature_id = fields.text("feature_id");
        context.task_ids = fields.texts("task_ids");
        context.branch = fields.text("branch");
        for (key, value) in fields.others() {
            context.push(key, value);
        }
        context
    });
    let progress = fields.object("progress", &PROGRESS, |fields| {
        let [tasks_completed, tasks_remaining, files_modified, decisions] =
            PROGRESS.map(|key| fields.texts(key));
        fields.finish(&[]);
        CheckpointProgress { tasks_completed, tasks_remaining, files_modified, decisions }
    });
    let resume_hint = fields.text("resume_hint");
    let mut draft = CheckpointDraft::new(agent?, session?, phase?);
    (draft.context, draft.progress, draft.resume_hint) = (context, progress, resume_hint);
    Some(draft)
}

/// What is said of why it was abandoned.
enum Said {
    Nothing,
    Part,
    All(Abandonment),
}

fn abandonment(fields: &mut Fields<'_, '_>) -> Said {
    let disposition = fields.take("disposition");
    let disposition =
        disposition.and_then(|raw| fields.word("disposition", raw, "\"abandoned\"", &[(ABANDONED, ())]));
    let reason = fields.text("reason");
    let operator = fields.name("operator");
    let abandoned_at = fields.time("abandoned_at");
    match (disposition, reason, operator, abandoned_at) {
        (None, None, None, None) => Said::Nothing,
        (Some(()), Some(reason), Some(operator), Some(abandoned_at)) => {
            Said::All(Abandonment { reason, operator, abandoned_at })
        }
        _ => Said::Part,
    }
}

/// Whether a text says why something is done, on a line.
fn is_reason(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_REASON_BYTES && !text.contains(char::is_control)
}

/// Checks why something is to be done, and by whom.
pub(super) fn motive(reason: &str, operator: &str) -> Result<(String, Text), Refused> {
    let mut faults = Vec::new();
    if !is_reason(reason) {
        let wanted = "a text of 1 to 1000 bytes without control characters";
        faults.push(KeyFault::Form { key: Key::new("reason"), wanted });
    }
    let operator = operator.parse::<Text>();
    match operator {
        Ok(operator) if faults.is_empty() => return Ok((reason.to_owned(), operator)),
        Err(fault) => faults.push(KeyFault::Name { key: Key::new("operator"), fault }),
        Ok(_) => {}
    }
    Err(Refused::Invalid(faults))
}

#[cfg(test)]
mod tests;
