//! [`KeyFault`]: what is wrong with a key of a checkpoint, or with what stands under it.

use std::fmt;

use crate::event::{CUT_MARK, NameError};

/// How much of a key is told of its beginning, and as much of its end, in characters.
const SHOWN: usize = 50;

/// A key, with those above it: `progress.decisions`. It is shown in quotes, escaped; of one of more than 100 characters
/// the middle is left out, since what is wrong is at the end.
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

    /// Where it begins and, if all of it would be too long, where it ends.
    fn ends(&self) -> (&str, Option<&str>) {
        let at = |nth: usize| self.0.char_indices().nth(nth).map(|(at, _)| at);
        let tail = self.0.char_indices().rev().nth(SHOWN - 1).map(|(at, _)| at);
        match (at(2 * SHOWN), at(SHOWN), tail) {
            (Some(_), Some(head), Some(tail)) => (self.0.get(..head).unwrap_or_default(), self.0.get(tail..)),
            _ => (&self.0, None),
        }
    }

    /// The key in ASCII alone, so that it is told from one that looks like it.
    fn spelled_out(&self) -> impl fmt::Display {
        let ascii = |text: &str| text.chars().map(spelled).collect::<String>();
        match self.ends() {
            (head, None) => format!("\"{}\"", ascii(head)),
            (head, Some(tail)) => format!("\"{}\"{CUT_MARK}\"{}\"", ascii(head), ascii(tail)),
        }
    }
}

fn spelled(c: char) -> String {
    match c {
        '\'' => c.to_string(),
        _ if c.is_ascii() => c.escape_debug().to_string(),
        _ => c.escape_unicode().to_string(),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ends() {
            (head, None) => write!(f, "{head:?}"),
            (head, Some(tail)) => write!(f, "{head:?}{CUT_MARK}{tail:?}"),
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
    /// It differs by case alone from another one. What is not ASCII in both is told as its escape: such keys look alike.
    #[error("{} differs from {} by case alone", key.spelled_out(), other.spelled_out())]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::error::{CheckpointError, Subject};

    #[test]
    fn of_a_long_path_both_ends_are_told() {
        let told = |path: String| Key::new(path).to_string();
        assert_eq!(told("ä".repeat(100)), format!("{:?}", "ä".repeat(100)));
        let path = format!("context.{}.\"Fault", "ä".repeat(93));
        let (head, tail) = ("ä".repeat(42), "ä".repeat(43));
        assert_eq!(told(path), format!("\"context.{head}\"…\"{tail}.\\\"Fault\""));
    }

    #[test]
    fn what_is_told_alike_is_told_once() {
        let fault = |middle: &str| {
            let path = ["a", middle, "b"].map(|part| part.repeat(60)).concat();
            KeyFault::Duplicate { key: Key::new(path) }
        };
        let faults = vec![fault("x"), fault("y"), KeyFault::NoObject];
        let told = CheckpointError::Invalid { subject: Subject::Given, faults }.to_string();
        assert_eq!(told.matches("more than once").count(), 1, "{told}");
        assert!(told.ends_with("; it must be an object"), "{told}");
    }

    #[test]
    fn keys_that_look_alike_are_told_apart() {
        let told = |key: &str, other: &str| {
            KeyFault::Variant { key: Key::new(key), other: Key::new(other) }.to_string()
        };
        assert_eq!(told("a.\u{212a}'\"", "K'\""), r#""a.\u{212a}'\"" differs from "K'\"" by case alone"#);
        let long = format!("{}\u{17f}", "a.".repeat(60));
        assert!(told(&long, "s").starts_with("\"a.a."), "{}", told(&long, "s"));
        assert!(
            told(&long, "s").ends_with(r#"a.\u{17f}" differs from "s" by case alone"#),
            "{}",
            told(&long, "s")
        );
    }
}
