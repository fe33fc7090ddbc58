//! [`AssembledContext`]: what a model gets to see, and what it does not.

use std::fmt;
use std::sync::Arc;

use super::{Detail, FailureReason};
use crate::event::{Hash, Text};

/// A context. Its text is what it displays.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct AssembledContext {
    /// What the model gets to see: the preamble, and the fragments in the order of [`AssembledContext::fragments`].
    pub text: String,
    /// How many tokens the text has, by the counter of the service; no more than the budget.
    pub tokens: u64,
    /// How many it could have.
    pub budget: u64,
    /// What it holds: source after source in the order of the builder, each in its own order.
    pub fragments: Vec<HeldFragment>,
    /// What it does not hold, the highest score first.
    pub dropped: Vec<DroppedFragment>,
    /// What was there twice, and was left out therefore; the highest score first.
    pub duplicates: Vec<DuplicateFragment>,
    /// How many sources there are.
    pub sources: u64,
    /// Those that gave nothing because they could not.
    pub failed_sources: Vec<FailedSource>,
}

impl AssembledContext {
    /// How many fragments were left out because another said the same.
    pub fn deduplicated(&self) -> u64 {
        self.duplicates.len() as u64
    }

    /// What can be said of it in a line, without its text.
    pub fn summary(&self) -> impl fmt::Display {
        Summary {
            held: self.fragments.len(),
            all: self.fragments.len() + self.dropped.len(),
            deduplicated: self.duplicates.len(),
            tokens: self.tokens,
            budget: self.budget,
            failed: self.failed_sources.iter().map(|failed| failed.source.clone()).collect(),
        }
    }
}

struct Summary {
    held: usize,
    all: usize,
    deduplicated: usize,
    tokens: u64,
    budget: u64,
    failed: Vec<Text>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, all, deduplicated, tokens, budget, failed } = self;
        write!(f, "{held} of {all} fragments in {tokens} of {budget} tokens")?;
        if *deduplicated > 0 {
            write!(f, ", {deduplicated} there twice")?;
        }
        if !failed.is_empty() {
            write!(f, ", no answer from {}", failed.join(", "))?;
        }
        Ok(())
    }
}

/// The text, for the model.
impl fmt::Display for AssembledContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Without the text: it may be long, and nobody's business in a log.
impl fmt::Debug for AssembledContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssembledContext")
            .field("tokens", &self.tokens)
            .field("budget", &self.budget)
            .field("fragments", &self.fragments)
            .field("dropped", &self.dropped)
            .field("duplicates", &self.duplicates)
            .field("sources", &self.sources)
            .field("failed_sources", &self.failed_sources)
            .finish_non_exhaustive()
    }
}

/// A fragment that a context holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HeldFragment {
    /// The source that gave it.
    pub source: Text,
    /// What names it within its source.
    pub id: Arc<str>,
    /// What it is called.
    pub title: Arc<str>,
    /// In which detail it is shown.
    pub detail: Detail,
    /// How many tokens its section has, heading and fences included.
    pub tokens: u64,
    /// Its score.
    pub score: f64,
    /// The hash of all of its text, secrets masked.
    pub content_hash: Hash,
}

/// A fragment that a context does not hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DroppedFragment {
    /// The source that gave it.
    pub source: Text,
    /// What names it within its source.
    pub id: Arc<str>,
    /// What it is called.
    pub title: Arc<str>,
    /// Its score.
    pub score: f64,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// A fragment of which another says the same.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DuplicateFragment {
    /// The source that gave it.
    pub source: Text,
    /// What names it within its source.
    pub id: Arc<str>,
    /// The source of the one that says the same.
    pub same_source: Text,
    /// What names that one within its source.
    pub same_id: Arc<str>,
}

/// Why a fragment was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Not even the shortest of its texts fits into what was left of the budget.
    NoRoom,
    /// Its source gave more than the request wants of it, or than is taken of any.
    Limit,
    /// It has no text that could be shown: all are empty or too long.
    Nothing,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoRoom, Self::Limit, Self::Nothing];

    /// The words that say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "for want of room",
            Self::Limit => "by a limit",
            Self::Nothing => "with nothing to show",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A source that gave nothing because it could not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedSource {
    /// Its name.
    pub source: Text,
    /// Why.
    pub reason: FailureReason,
}
