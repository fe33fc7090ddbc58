//! [`ConsumerName`]: what a consumer is called, in code and on disk.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::text::read_text;
use crate::journal::layout::{CURSORS, DEAD};
use crate::redact::Redactor;

/// The longest name of a consumer, in bytes.
pub const MAX_CONSUMER_NAME_BYTES: usize = 64;

/// The name of a consumer: from 1 to [`MAX_CONSUMER_NAME_BYTES`] of `[A-Za-z0-9_-]`.
///
/// Files are named by it, so that nothing else is ever let in: no folder, no dot, no other alphabet.
///
/// ```
/// use agentbus::journal::ConsumerName;
///
/// assert!("indexer".parse::<ConsumerName>().is_ok());
/// assert!("../indexer".parse::<ConsumerName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerName(CompactString);

/// Why a text is no name of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerNameError {
    /// Nothing stands there.
    #[error("the name of a consumer must not be empty")]
    Empty,
    /// It is longer than [`MAX_CONSUMER_NAME_BYTES`].
    #[error("the name of a consumer must have at most {MAX_CONSUMER_NAME_BYTES} bytes, has {actual}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// It holds what it must not.
    #[error("the name of a consumer must be of A-Z, a-z, 0-9, `_` and `-`, has {found:?} at byte {at}")]
    Character {
        /// The first such character.
        found: char,
        /// Where it stands, in bytes from the start.
        at: usize,
    },
    /// It looks like a secret: names are told, and files are called by them.
    #[error("the name of a consumer must not be what looks like a secret")]
    Secret,
}

impl ConsumerName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses a name that must not be told.
    pub(crate) fn check(&self) -> Result<(), ConsumerNameError> {
        let is_plain = matches!(Redactor::new().redact_text(&self.0), Cow::Borrowed(_));
        if is_plain { Ok(()) } else { Err(ConsumerNameError::Secret) }
    }

    /// Where its cursor lies.
    pub(crate) fn cursor_file(&self) -> String {
        format!("{CURSORS}/{self}.json")
    }

    /// What whoever writes its files holds the lock of.
    pub(crate) fn lock_file(&self) -> String {
        format!("{CURSORS}/{self}.lock")
    }

    /// Where its dead letters lie.
    pub(crate) fn dead_file(&self) -> String {
        format!("{DEAD}/{self}.jsonl")
    }

    /// Whether its cursor has that file name, folder left out.
    pub(crate) fn is_cursor_file(&self, file: &str) -> bool {
        file.strip_suffix(".json") == Some(self.as_str())
    }

    /// The consumer whose cursor has that file name, folder left out; `None` if it is no cursor.
    pub(crate) fn of_cursor_file(file: &str) -> Option<Self> {
        file.strip_suffix(".json")?.parse().ok()
    }
}

impl FromStr for ConsumerName {
    type Err = ConsumerNameError;
    fn from_str(text: &str) -> Result<Self, ConsumerNameError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some((at, found)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
            return Err(ConsumerNameError::Character { found, at });
        }
        match text.len() {
            0 => Err(ConsumerNameError::Empty),
            1..=MAX_CONSUMER_NAME_BYTES => Ok(Self(CompactString::new(text))),
            actual => Err(ConsumerNameError::TooLong { actual }),
        }
    }
}

impl AsRef<str> for ConsumerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for ConsumerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ConsumerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "the name of a consumer", str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_path_component_of_a_plain_alphabet() {
        let longest = "x".repeat(MAX_CONSUMER_NAME_BYTES);
        for name in ["a", "indexer", "Audit_2-b", "-", "_", longest.as_str()] {
            assert_eq!(name.parse::<ConsumerName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn whatever_could_walk_out_of_the_directory_is_refused_with_its_place() {
        for (name, at) in [
            ("../x", 0),
            ("..", 0),
            ("a/b", 1),
            ("a\\b", 1),
            ("/etc/passwd", 0),
            ("a.json", 1),
            ("a\0", 1),
            ("a\n", 1),
            ("C:x", 1),
            ("é", 0),
            ("a b", 1),
            ("%2e%2e", 0),
        ] {
            let refused = name.parse::<ConsumerName>();
            assert!(
                matches!(refused, Err(ConsumerNameError::Character { at: found, .. }) if found == at),
                "{name:?}: {refused:?}"
            );
        }
        assert_eq!("".parse::<ConsumerName>(), Err(ConsumerNameError::Empty));
        assert_eq!("x".repeat(65).parse::<ConsumerName>(), Err(ConsumerNameError::TooLong { actual: 65 }));
    }

    #[test]
    fn only_a_cursor_has_the_file_name_of_one() {
        let name: ConsumerName = "indexer".parse().unwrap();
        assert_eq!(ConsumerName::of_cursor_file("indexer.json"), Some(name));
        for file in ["indexer.lock", "indexer.json.tmp", ".json", "in dexer.json", "indexer"] {
            assert_eq!(ConsumerName::of_cursor_file(file), None, "{file}");
        }
    }
}
