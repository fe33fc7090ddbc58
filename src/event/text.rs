//! Bounded text: [`Text`] for names, [`Brief`] for a sentence or two.
//!
//! Both cut what is too long when they are made, so that no event carries more than it should.
//! Nothing fails here: a program that announces something must not have to handle its own announcement.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// What stands at the end of a text that was cut.
pub const CUT_MARK: &str = "\u{2026}";

/// The longest name or id that is read from outside, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// The longest [`Brief`], in bytes, the mark of a cut included.
pub const MAX_BRIEF_BYTES: usize = 500;

/// Cuts `text` to at most `max` bytes at a character boundary, the mark of the cut included.
fn cut(text: &str, max: usize) -> CompactString {
    if text.len() <= max {
        return CompactString::new(text);
    }
    let kept = &text[..text.floor_char_boundary(max - CUT_MARK.len())];
    let mut short = CompactString::with_capacity(kept.len() + CUT_MARK.len());
    short.push_str(kept);
    short.push_str(CUT_MARK);
    short
}

/// Why a name or an id from outside was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing stands there.
    #[error("must not be empty")]
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`].
    #[error("must have at most {MAX_NAME_BYTES} bytes, has {actual}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// It holds a control character.
    #[error("must not hold control characters, has U+{:04X} at byte {at}", u32::from(*found))]
    Control {
        /// The first such character.
        found: char,
        /// Where it stands, in bytes from the start.
        at: usize,
    },
    /// It is not what this kind of id must be.
    #[error("must be a ULID of 26 characters, such as 01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    NotUlid,
}

/// Checks a name or an id that comes from outside.
///
/// # Errors
/// [`NameError`] if it is empty, holds a control character or has more than [`MAX_NAME_BYTES`] bytes.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong { actual: name.len() });
    }
    // Nearly all are of these bytes alone, which is told at once for many.
    if name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    match name.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, found)) => Err(NameError::Control { found, at }),
        None => Ok(()),
    }
}

/// What may stand in an envelope. Some of it the program can make, but nobody could read again.
pub(super) trait EnvelopeValue {
    /// Refuses what could not be read again.
    fn check(&self) -> Result<(), NameError> {
        Ok(())
    }
}

impl EnvelopeValue for Text {
    fn check(&self) -> Result<(), NameError> {
        check_name(self)
    }
}

macro_rules! text_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(CompactString);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }
        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self::from(text.as_str())
            }
        }
        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }
        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
    };
}

text_type! {
    /// A name: of an actor, a project, a tool, a file.
    ///
    /// At most [`MAX_NAME_BYTES`] bytes without control characters. Made by the program, a longer one is cut
    /// and the cut marked, control characters become U+FFFD; read from outside, both are refused, and an empty one,
    /// which is not written either.
    Text
}

text_type! {
    /// A short text: a reason, an error, a question. At most [`MAX_BRIEF_BYTES`] bytes; a longer one is cut at
    /// a character boundary and ends in [`CUT_MARK`].
    Brief
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_name(serializer, self)
    }
}

impl Serialize for Brief {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.contains(char::is_control) {
            let clean = text.replace(char::is_control, "\u{FFFD}");
            return Self(cut(&clean, MAX_NAME_BYTES));
        }
        Self(cut(text, MAX_NAME_BYTES))
    }
}

impl std::str::FromStr for Text {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        check_name(text)?;
        Ok(Self(CompactString::new(text)))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a name", |text| text.parse::<Self>().map_err(|error| error.to_string()))
    }
}

impl From<&str> for Brief {
    fn from(text: &str) -> Self {
        Self(cut(text, MAX_BRIEF_BYTES))
    }
}

impl From<&Text> for Brief {
    fn from(text: &Text) -> Self {
        Self::from(text.as_str())
    }
}

impl<'de> Deserialize<'de> for Brief {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "a text", |text| Ok::<_, String>(Self::from(text)))
    }
}

/// Writes a name, unless it could not be read again.
pub(crate) fn write_name<S: Serializer>(serializer: S, name: &str) -> Result<S::Ok, S::Error> {
    check_name(name).map_err(|error| ser::Error::custom(format_args!("a name {error}")))?;
    serializer.serialize_str(name)
}

/// Reads a text and parses it without keeping a copy of the whole.
pub(crate) fn read_text<'de, D, T, E>(
    deserializer: D,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    struct Reader<F>(F, &'static str);
    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> de::Visitor<'_> for Reader<F> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
        fn visit_str<Error: de::Error>(self, text: &str) -> Result<T, Error> {
            (self.0)(text).map_err(Error::custom)
        }
    }
    deserializer.deserialize_str(Reader(parse, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_brief_is_cut_at_a_character_boundary_and_marked() {
        let brief = Brief::from("é".repeat(400).as_str());
        assert!(brief.len() <= MAX_BRIEF_BYTES);
        assert!(brief.ends_with(CUT_MARK));
        assert_eq!(brief.trim_end_matches(CUT_MARK).chars().filter(|c| *c != 'é').count(), 0);
    }

    #[test]
    fn a_brief_of_exactly_500_bytes_is_whole() {
        let text = "x".repeat(MAX_BRIEF_BYTES);
        assert_eq!(Brief::from(text.as_str()), text.as_str());
        assert_ne!(Brief::from(format!("{text}x")), text.as_str());
    }

    #[test]
    fn a_name_from_outside_is_refused_with_its_fault() {
        assert_eq!("".parse::<Text>(), Err(NameError::Empty));
        assert_eq!("a\nb".parse::<Text>(), Err(NameError::Control { found: '\n', at: 1 }));
        assert_eq!("x".repeat(257).parse::<Text>(), Err(NameError::TooLong { actual: 257 }));
    }

    #[test]
    fn a_name_of_the_program_is_made_to_fit() {
        assert_eq!(Text::from("a\nb"), "a\u{FFFD}b");
        assert!(Text::from("\n".repeat(300).as_str()).len() <= MAX_NAME_BYTES);
    }
}
