//! [`Position`]: a place in a journal.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A place in a journal: from 1 to [`Position::MAX`], ascending, never used twice. Gaps are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Position(NonZeroU64);

/// The text or number is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to 9007199254740991")]
pub struct ParsePositionError;

impl Position {
    /// The first place.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The last place: 2^53 - 1, the greatest number that every reader of JSON keeps exactly.
    pub const MAX: Self = match NonZeroU64::new((1 << 53) - 1) {
        Some(number) => Self(number),
        None => Self::FIRST,
    };

    /// The place of that number; `None` outside of 1 to [`Position::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) if number.get() <= Self::MAX.get() => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The next place; `None` behind the last.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.get() + 1)
    }

    /// The place before; `None` before the first.
    pub const fn previous(self) -> Option<Self> {
        Self::new(self.get() - 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;
    fn from_str(text: &str) -> Result<Self, ParsePositionError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let number = text.parse().ok().filter(|_| is_plain);
        number.and_then(Self::new).ok_or(ParsePositionError)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom(ParsePositionError))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_what_it_wrote_and_nothing_else() {
        for position in [Position::FIRST, Position::MAX] {
            assert_eq!(position.to_string().parse(), Ok(position));
            assert_eq!(serde_json::from_str::<Position>(&position.to_string()).unwrap(), position);
        }
        for text in ["", "0", "01", "+1", "-1", "1.0", " 1", "9007199254740992", "99999999999999999999"] {
            assert_eq!(text.parse::<Position>(), Err(ParsePositionError), "{text:?}");
        }
        assert!(serde_json::from_str::<Position>("0").is_err());
        assert_eq!((Position::MAX.next(), Position::FIRST.previous()), (None, None));
    }
}
