//! [`ContextError`] and [`ConfigureError`]: why nothing was done. [`FailureReason`]: why a source gave nothing.

use std::fmt;
use std::time::Duration;

use super::request::MAX_QUERY_BYTES;
use crate::event::{Brief, NameError, Text};

/// Why no context was built, or no query executed. Nothing was told then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// There is no source to ask.
    #[error("cannot build a context without a source: add one to the builder of the service")]
    NoSources,
    /// The budget has no room for the preamble, which says what was left out.
    #[error("cannot build a context of {budget} tokens: its preamble alone may need {needed}")]
    BudgetTooSmall {
        /// The budget.
        budget: u64,
        /// The smallest that is enough.
        needed: u64,
    },
    /// Nothing was asked for.
    #[error("cannot look for an empty query")]
    EmptyQuery,
    /// Too much was asked for at once.
    #[error("cannot look for a query of {actual} bytes: at most {MAX_QUERY_BYTES} are taken")]
    QueryTooLong {
        /// How long the query is, in bytes.
        actual: usize,
    },
    /// An id cannot be one.
    #[error("cannot take that {what}")]
    Invalid {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// There is no such source.
    #[error("no source {name}; there is {}", list(known))]
    UnknownSource {
        /// The one asked for.
        name: Text,
        /// Those that there are.
        known: Vec<Text>,
    },
    /// That source can only be gathered from; or, without a name, all of them.
    #[error("cannot search {}: add one by `searchable` to the builder of the service", Searched(name.as_ref()))]
    NotSearchable {
        /// The one asked for.
        name: Option<Text>,
    },
    /// The source that was to be searched failed.
    #[error("cannot search {name}")]
    Source {
        /// Which.
        name: Text,
        /// Why.
        #[source]
        reason: FailureReason,
    },
}

struct Searched<'a>(Option<&'a Text>);

impl fmt::Display for Searched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or("without a source that can be searched", |name| name))
    }
}

fn list(names: &[Text]) -> String {
    names.join(", ")
}

/// Why there is no such service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// Two sources have one name.
    #[error("cannot ask two sources called {name}: give one of them another name")]
    SourceTwice {
        /// The name.
        name: Text,
    },
    /// A source has a name that no event could hold.
    #[error("cannot take a source of that name")]
    InvalidName {
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// A timeout was set for a source that there is not.
    #[error("cannot set the timeout of {name}: there is no such source")]
    UnknownSource {
        /// The name.
        name: Text,
    },
}

/// Why a source gave nothing. Secrets in it are masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// It says that it does not work.
    #[error("it failed: {0}")]
    Failed(Brief),
    /// It says that it does not take this request.
    #[error("it refused: {0}")]
    Refused(Brief),
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(Brief),
    /// It took longer than this.
    #[error("it took longer than {} s", _0.as_secs_f64())]
    TimedOut(Duration),
    /// It was not asked: it failed too often, and is left alone for that long.
    #[error("it failed too often and is left alone for another {} s", _0.as_secs_f64())]
    CircuitOpen(Duration),
    /// It was not asked: it failed too often, and another request tries whether it works again.
    #[error("it failed too often, and whether it works again is being tried")]
    CircuitTried,
}
