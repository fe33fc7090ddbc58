//! [`KeyFault`]: what is wrong with a key of a checkpoint, or with what stands under it.

use std::fmt;

use crate::event::NameError;

/// How much of a key is told, in characters.
const SHOWN: usize = 100;

/// A key, with those above it: `progress.decisions`. It is shown in quotes, escaped, and cut at 100 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    pub(super) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The whole of it, as it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => {
                write!(f, "{:?}{}", self.0.get(..end).unwrap_or_default(), crate::event::CUT_MARK)
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a key, or with what stands under it; never the value itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The whole is no object.
    #[error("it must be an object")]
    NoObject,
    /// Nobody knows it.
    #[error("{key} is unknown")]
    Unknown {
        /// The key.
        key: Key,
    },
    /// It stands there twice.
    #[error("{key} stands there more than once")]
    Duplicate {
        /// The key.
        key: Key,
    },
    /// It differs by case alone from another one.
    #[error("{key} differs from {other:?} by case alone")]
    Variant {
        /// The key.
        key: Key,
        /// The one that it is like.
        other: Key,
    },
    /// The store fills it in, nobody else.
    #[error("{key} is filled in by the store alone: leave it out")]
    Reserved {
        /// The key.
        key: Key,
    },
    /// It is not there.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: Key,
    },
    /// What stands under it is of another form.
    #[error("{key} must be {wanted}")]
    Form {
        /// The key.
        key: Key,
        /// What must stand there.
        wanted: &'static str,
    },
    /// What stands under it is no name.
    #[error("{key} {fault}")]
    Name {
        /// The key.
        key: Key,
        /// Why.
        fault: NameError,
    },
}
