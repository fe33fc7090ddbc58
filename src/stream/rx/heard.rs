//! [`Heard`]: what a stream yields that its reader may be too slow for.

use std::num::NonZeroU64;

/// An item, or how many were missed before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heard<T> {
    /// An item.
    Item(T),
    /// The reader was too slow: so many items were dropped unread.
    Missed(NonZeroU64),
}

impl<T> Heard<T> {
    /// The item, unless this tells of missed ones.
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Missed(_) => None,
        }
    }

    /// The item, unless this tells of missed ones.
    pub fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Missed(_) => None,
        }
    }

    /// How many were missed, unless this is an item.
    pub fn missed(&self) -> Option<NonZeroU64> {
        match self {
            Self::Item(_) => None,
            Self::Missed(missed) => Some(*missed),
        }
    }
}
