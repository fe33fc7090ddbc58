//! Why a text is no filter.

use std::borrow::Cow;

use crate::event::Text;

use super::parse::{Key, MAX_FILTER_BYTES, MAX_FILTER_VALUES};

/// Why a filter was refused. Positions are bytes from the start of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A key that filters do not have.
    #[error("unknown key \"{key}\" at byte {at} of the filter, must be one of {}", Key::list())]
    UnknownKey {
        /// Where the key stands.
        at: usize,
        /// The key; cut if it is long.
        key: Text,
    },
    /// An operator that the key does not know, or none.
    #[error("bad operator at byte {at} of the filter: `{key}` takes {expected}")]
    BadOperator {
        /// Where the operator stands or should stand.
        at: usize,
        /// The key before it.
        key: &'static str,
        /// The operators of that key.
        expected: &'static str,
    },
    /// A value that its key cannot have.
    #[error("bad value at byte {at} of the filter: {expected}")]
    BadValue {
        /// Where the value stands.
        at: usize,
        /// What it should be.
        expected: Cow<'static, str>,
    },
    /// A glob with a character outside the grammar, or longer than every name.
    #[error(
        "bad type glob at byte {at} of the filter: must be at most 64 of a-z, 0-9, _ and dots, with * for any text"
    )]
    BadGlob {
        /// Where the fault is.
        at: usize,
    },
    /// A type without `*` that is no name of a kind.
    #[error(
        "bad type at byte {at} of the filter: must be a whole name such as plan.created, a glob such as plan.*, or unknown"
    )]
    BadName {
        /// Where the type stands.
        at: usize,
    },
    /// A `-` with nothing to exclude.
    #[error("empty term at byte {at} of the filter: a `-` needs a type or a key and value right behind it")]
    EmptyTerm {
        /// Where the term should stand.
        at: usize,
    },
    /// Nothing behind an operator, or before, between or behind commas.
    #[error("empty value at byte {at} of the filter: must be a value, and another one behind each comma")]
    EmptyValue {
        /// Where the value should stand.
        at: usize,
    },
    /// A quote that nothing closes.
    #[error("unclosed quote at byte {at} of the filter: must end in `\"`; inside, write \\\" and \\\\")]
    UnclosedQuote {
        /// Where the quote opens.
        at: usize,
    },
    /// The text is longer than [`MAX_FILTER_BYTES`].
    #[error("a filter has at most {MAX_FILTER_BYTES} bytes, this one {actual}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// There are more than [`MAX_FILTER_VALUES`] values.
    #[error("too many values from byte {at} of the filter on: it has at most {MAX_FILTER_VALUES}")]
    TooManyValues {
        /// Where the first value too many stands.
        at: usize,
    },
    /// The filter needs events of the past, and where it was given only live ones are seen.
    #[error("`under` needs history: read it from a journal, or use `root` for the tree of a root plan")]
    NeedsHistory,
}

impl FilterError {
    /// Where the fault stands, if it stands in one place.
    pub fn at(&self) -> Option<usize> {
        match self {
            Self::UnknownKey { at, .. }
            | Self::BadOperator { at, .. }
            | Self::BadValue { at, .. }
            | Self::BadGlob { at }
            | Self::BadName { at }
            | Self::EmptyTerm { at }
            | Self::EmptyValue { at }
            | Self::UnclosedQuote { at }
            | Self::TooManyValues { at } => Some(*at),
            Self::TooLong { .. } => Some(MAX_FILTER_BYTES),
            Self::NeedsHistory => None,
        }
    }
}
