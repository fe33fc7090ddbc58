//! What scouts found out, as memories: known to the run that is gone on with, and to who looks later.

use std::borrow::Cow;
use std::sync::Arc;

use agentbus::Redactor;
use agentbus::checkpoint::memory::{MAX_SUMMARY_BYTES, MemoryError, MemoryStore};
use agentbus::event::{Hash, SessionId, Text};
use tokio::task::block_in_place;

use super::agent::Agent;
use super::fixing::both_ends;
use super::keeping::Keeping;
use super::stages::done_or_told;
use crate::cli::report::{complain, with_causes};
use crate::cli::task::Scout;

/// What may stand under any key whose names do not read as one of a secret.
const PLAIN: &str = "fine";

/// What marks the middle that is left out of a summary, at most.
const CUT: usize = 16;

impl Agent {
    /// What the scout answered in this run, before it was killed.
    pub(super) fn recalled(&self, scout: &Scout) -> Option<String> {
        self.earlier.as_ref()?;
        let Report { keeping, key, .. } = self.report_of(scout)?;
        match block_in_place(|| keeping.memories.get(&key)) {
            Ok(memory) => Some(memory.summary),
            Err(MemoryError::NotFound) => None,
            Err(error) => {
                complain(&format!("what {} found out is not known: {}", scout.actor, with_causes(&error)));
                None
            }
        }
    }

    /// Where it is kept what the scout answers, if the run saves how far it has come.
    pub(super) fn report_of(&self, scout: &Scout) -> Option<Report> {
        let (keeping, (session, _plan)) = (Arc::clone(self.keeping.as_ref()?), self.ids()?);
        let key = key(&self.task.project_name, &scout.actor, &session);
        Some(Report { keeping, key, scout: scout.actor.clone() })
    }
}

/// What a scout answers, as it is kept.
#[derive(Debug)]
pub(super) struct Report {
    keeping: Arc<Keeping>,
    key: String,
    scout: Text,
}

impl Report {
    /// Keeps it. A run goes on without: the scout may only be sent again.
    pub(super) fn keep(&self, answer: &str) {
        let set = block_in_place(|| self.keeping.memories.set(&self.key, &summary(answer), &self.scout));
        done_or_told("keep what a scout found out", set);
    }
}

/// The key of what a scout answered in a session. Where the names are too long, or read as if what stands under them were
/// a secret, it has their hash in their place.
fn key(project: &str, scout: &str, session: &SessionId) -> String {
    let key = format!("{project}/scouts/{scout}/{session}");
    if MemoryStore::check(&key, PLAIN, scout).is_ok() {
        key
    } else {
        format!("scouts/{}/{session}", Hash::of(key))
    }
}

/// An answer as a memory keeps it: without secrets, and of a long one both ends.
fn summary(answer: &str) -> Cow<'static, str> {
    let plain: String =
        answer.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect();
    if plain.trim().is_empty() {
        return "It said nothing.".into();
    }
    let masked = Redactor::untagged().redact_text(&plain).into_owned();
    both_ends(&masked, MAX_SUMMARY_BYTES - CUT).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_scout_answers_can_be_kept() {
        let key_of = |scout: &str| key("almanac", scout, &"s-1".into());
        assert_eq!(key_of("agents/reader"), "almanac/scouts/agents/reader/s-1");
        let (one, other) =
            (key_of(&format!("{}1", "x".repeat(255))), key_of(&format!("{}2", "x".repeat(255))));
        assert_ne!(one, other);
        let secret = key_of("agents/password");
        assert!(secret.starts_with("scouts/"), "{secret}");
        MemoryStore::check(&secret, "It lies in the vault.", "agents/password").unwrap();
        let long = "\u{e9}\r\n".repeat(9_000);
        for answer in ["", " \n", "fine\u{1b}[2J\tyes\r\n", "the key is sk-ant-api03-abcdefghijklmnop", &long]
        {
            MemoryStore::check(&one, &summary(answer), "agents/reader").unwrap();
        }
    }
}
