//! [`Progress`]: how far a run has come, beyond what its journal tells.

use agentbus::event::{CheckpointId, DecisionId, SandboxId, Text};
use agentbus::service::sandbox::SandboxDiff;
use serde::{Deserialize, Serialize};

/// A part of a run. At each the run saves what it needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// What is to be done, and what is known of it.
    Strategize,
    /// The work; saved once more before each attempt.
    Execute,
    /// The validations pass.
    Check,
    /// What was done is committed.
    Apply,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Strategize, Self::Execute, Self::Check, Self::Apply];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Strategize => "strategize",
            Self::Execute => "execute",
            Self::Check => "check",
            Self::Apply => "apply",
        }
    }
}

/// How far a run has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// Whether the actor was shown the project.
    pub(super) is_shown: bool,
    /// The scouts that came back, or were given up.
    pub(super) scouts: Vec<Text>,
    pub(super) work: Work,
    /// The files that were changed when the validations passed last.
    pub(super) files: Vec<String>,
}

/// The work in a sandbox.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Work {
    /// Where; none before it is made.
    pub(super) sandbox: Option<SandboxId>,
    /// How often the plan had gone back, or is to have, when this round of work began.
    pub(super) round: u32,
    /// Where the round began; only known where it is saved.
    pub(super) base: Option<CheckpointId>,
    /// Where each attempt of the round begins.
    pub(super) start: Option<CheckpointId>,
    /// The decision for the last attempt.
    pub(super) last: Option<DecisionId>,
    /// The decision for the attempt before those, whose work was kept.
    pub(super) kept: Option<DecisionId>,
    /// What the gate said, which the actor is to be told before the next run of the validations.
    pub(super) guidance: Option<String>,
    /// How many corrections there were before the one that this round begins with.
    pub(super) corrections: usize,
    /// The attempt under way.
    pub(super) attempt: Option<Attempt>,
    /// How many attempts there were since the validations were first run.
    pub(super) attempts: u32,
    /// How often the work was tried again since the model could not be reached.
    pub(super) retries: u32,
    /// How many validations passed, once the required ones do.
    pub(super) passed: Option<u64>,
    /// What is to be committed.
    pub(super) changes: Option<Changes>,
}

/// An attempt to make the validations pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    /// Its number, from 1.
    pub(super) number: u32,
    /// What is decided by making it.
    pub(super) question: String,
    /// What the actor is told.
    pub(super) prompt: String,
}

/// How much is different in a sandbox.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    pub(super) files: u64,
    pub(super) lines_added: u64,
    pub(super) lines_removed: u64,
}

impl From<&SandboxDiff> for Changes {
    fn from(diff: &SandboxDiff) -> Self {
        Self {
            files: diff.files.len() as u64,
            lines_added: diff.lines_added(),
            lines_removed: diff.lines_removed(),
        }
    }
}

impl Work {
    /// Begins the next round: what was done so far is kept, and the actor is told `guidance` first.
    pub(super) fn go_on(&mut self, guidance: String, corrections: usize) {
        let kept = self.last.take().or(self.kept.take());
        *self = Self {
            sandbox: self.sandbox.take(),
            round: self.round.saturating_add(1),
            kept,
            guidance: Some(guidance),
            corrections,
            ..Self::default()
        };
    }

    /// Where the sandbox was before what is under way.
    pub(super) fn beginning(&self) -> Option<&CheckpointId> {
        self.start.as_ref().or(self.base.as_ref())
    }
}
