//! What is told of checkpoints: custom kinds, emitted after the fact. None tells what a checkpoint holds.

use serde::{Deserialize, Serialize};

use super::model::CheckpointStatus;
use crate::event::{Brief, Severity, Text};

/// A checkpoint was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCheckpointCreated {
    /// Its file.
    pub file: Text,
    /// Who saved it.
    pub agent: Text,
    /// Where in its work the agent was.
    pub phase: Text,
}

/// What a checkpoint was saved for is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCheckpointResolved {
    /// Its file.
    pub file: Text,
    /// Who had saved it.
    pub agent: Text,
}

/// Nobody will go on from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCheckpointAbandoned {
    /// Its file.
    pub file: Text,
    /// Who had saved it.
    pub agent: Text,
    /// Why.
    pub reason: Brief,
    /// Who said so.
    pub operator: Text,
}

/// A malformed file was put in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCheckpointQuarantined {
    /// Its file.
    pub file: Text,
    /// What was wrong with it: the kind of the error in a word.
    pub fault: Text,
    /// Why it was put there.
    pub reason: Brief,
    /// Who said so.
    pub operator: Text,
}

/// A checkpoint was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCheckpointArchived {
    /// Its file.
    pub file: Text,
    /// Who had saved it.
    pub agent: Text,
    /// What was to be done with it.
    pub status: CheckpointStatus,
}

crate::custom_kinds! {
    SessionCheckpointCreated = "session_checkpoint.created",
    SessionCheckpointResolved = "session_checkpoint.resolved",
    SessionCheckpointAbandoned = "session_checkpoint.abandoned".severity(Severity::Warn),
    SessionCheckpointQuarantined = "session_checkpoint.quarantined".severity(Severity::Warn),
    SessionCheckpointArchived = "session_checkpoint.archived",
}
