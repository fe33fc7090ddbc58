//! [`ContextSource`]: where fragments come from; [`SourceError`]: why none came.

use std::fmt;

use async_trait::async_trait;

use super::{ContextRequest, Fragment, Query};

/// Gives fragments: files, decisions, messages, events, or whatever an embedder knows.
///
/// Implementors hold to this: `gather` may be called from many tasks at once, in tasks of their own, and may be dropped
/// at any await, as it is at a timeout. For the same request and the same state it gives the same fragments in the same
/// order, which is theirs in the context too. A source that has nothing to give gives nothing; that is no error.
///
/// Secrets are masked in what it gives, as far as they are whole: a source that cuts a text short masks it before, by a
/// [`Redactor`](crate::Redactor), since of half a password nobody knows that it is one.
#[async_trait]
pub trait ContextSource: fmt::Debug + Send + Sync {
    /// What it is called: by this it is told, shown to the model, and named in requests. Always the same.
    fn name(&self) -> &str;

    /// Gives what it has for this request.
    ///
    /// # Errors
    /// [`SourceError`]; the context is built without it then, and says so.
    ///
    /// # Cancel safety
    /// Must be cancel safe: dropped, it stops.
    async fn gather(&self, request: &ContextRequest) -> Result<Vec<Fragment>, SourceError>;
}

/// A source that can be searched.
///
/// What holds for [`ContextSource::gather`] holds for `search`.
#[async_trait]
pub trait TextSearch: ContextSource {
    /// Gives what has words of the query, the best first, as many as the query wants.
    ///
    /// # Errors
    /// [`SourceError`]; the query fails then.
    ///
    /// # Cancel safety
    /// Must be cancel safe: dropped, it stops.
    async fn search(&self, query: &Query) -> Result<Vec<Fragment>, SourceError>;
}

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It does not work. Its circuit counts it.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        message: String,
    },
    /// It works, but not for this request. Its circuit does not count it.
    #[error("{message}")]
    Refused {
        /// Why not.
        message: String,
    },
}

impl SourceError {
    /// It does not work, for this reason.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into() }
    }

    /// It does not take this request, for this reason.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into() }
    }
}
