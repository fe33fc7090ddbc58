//! [`InvariantCheck`]: how an invariant is checked, and what it is told.

use std::fmt;

use async_trait::async_trait;

use super::{Invariant, Setting, Subject};

/// Says whether an invariant holds.
///
/// Implementors hold to this: any number of checks run at once, in tasks of their own, and may be dropped at any
/// await. A check changes nothing: it may be asked again, and whether what it allowed is then done is not its
/// business. One that cannot say returns an error; that, a panic and a timeout count as violated.
#[async_trait]
pub trait InvariantCheck: fmt::Debug + Send + Sync {
    /// Says whether the invariant holds.
    ///
    /// # Errors
    /// [`InvariantCheckError`] if it cannot say; the invariant counts as violated.
    ///
    /// # Cancel safety
    /// Must be cancel safe: dropped, it stops, as it is at a timeout or when the enforcement is cancelled.
    async fn check(&self, context: &InvariantContext) -> Result<Verdict, InvariantCheckError>;
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It holds.
    Held,
    /// It does not, and this violates it.
    Violated(String),
}

/// A check could not say whether its invariant holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvariantCheckError {
    /// Why.
    pub message: String,
}

impl InvariantCheckError {
    /// It could not say, for this reason.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What a check is asked about.
#[derive(Debug, Clone)]
pub struct InvariantContext {
    pub(super) invariant: Invariant,
    pub(super) setting: Setting,
    pub(super) subject: Subject,
}

impl InvariantContext {
    /// The invariant.
    pub fn invariant(&self) -> &Invariant {
        &self.invariant
    }

    /// The plan, what it is about to do, and for which projects.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// What there is to look at.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
}
