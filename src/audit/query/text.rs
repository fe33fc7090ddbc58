//! [`Words`]: what a person is looking for, as FTS5 understands it.

use std::fmt::Write as _;

/// The longest text that is looked for, in bytes.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// How many words, and phrases in quotes, it has at most.
pub const MAX_TEXT_WORDS: usize = 32;

/// How many words with a `*` it has at most, each of which stands for many.
pub const MAX_BEGINNINGS: usize = 4;

/// How many letters and digits stand before a `*` at least.
pub const MIN_BEGINNING: usize = 3;

/// Why a text cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// It is longer than [`MAX_TEXT_BYTES`].
    #[error("a text to look for has at most {MAX_TEXT_BYTES} bytes, this one {actual}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// It has more than [`MAX_TEXT_WORDS`] words.
    #[error("a text to look for has at most {MAX_TEXT_WORDS} words, this one {actual}")]
    TooManyWords {
        /// How many words it has.
        actual: usize,
    },
    /// It has a word with a `*` that is shorter than [`MIN_BEGINNING`], or more than [`MAX_BEGINNINGS`] of them.
    #[error(
        "a text to look for has at most {MAX_BEGINNINGS} words with a *, each with at least {MIN_BEGINNING} letters or \
         digits before it"
    )]
    Beginnings,
    /// It has no letter and no digit.
    #[error("a text to look for must have a word: letters or digits")]
    NoWord,
}

/// Words that must all be there, in the language of FTS5's `MATCH`.
///
/// Each word stands there as a string in quotes, so that none of it is an operator; the quotes of the text itself are
/// not among its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(String);

impl Words {
    pub(super) fn read(text: &str) -> Result<Self, TextError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(TextError::TooLong { actual: text.len() });
        }
        // A NUL would end the expression for SQLite.
        let text = text.replace(char::is_control, " ");
        let (mut expression, mut count, mut beginnings) = (String::new(), 0, 0);
        for (number, part) in text.split('"').enumerate() {
            let is_quoted = number % 2 == 1;
            let words: Vec<_> = if is_quoted { vec![part] } else { part.split_whitespace().collect() };
            for word in words.into_iter().filter(|word| word.contains(char::is_alphanumeric)) {
                let and = if count == 0 { "" } else { " AND " };
                let is_beginning = !is_quoted && word.ends_with('*');
                if is_beginning {
                    beginnings += 1;
                    let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
                    if letters < MIN_BEGINNING || beginnings > MAX_BEGINNINGS {
                        return Err(TextError::Beginnings);
                    }
                }
                let star = if is_beginning { " *" } else { "" };
                write!(expression, "{and}\"{}\"{star}", word.trim()).expect("a String takes any text");
                count += 1;
            }
        }
        match count {
            0 => Err(TextError::NoWord),
            actual if actual > MAX_TEXT_WORDS => Err(TextError::TooManyWords { actual }),
            _ => Ok(Self(expression)),
        }
    }

    /// All of these.
    pub(super) fn all(words: &[Self]) -> Option<String> {
        let words: Vec<_> = words.iter().map(|words| words.0.as_str()).collect();
        (!words.is_empty()).then(|| words.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, TextError> {
        Words::read(text).map(|words| words.0)
    }

    #[test]
    fn nothing_in_a_text_is_an_operator() {
        for (text, expected) in [
            ("disk full", r#""disk" AND "full""#),
            (r#""disk full" x"#, r#""disk full" AND "x""#),
            ("a OR NEAR(b c, 2)", r#""a" AND "OR" AND "NEAR(b" AND "c," AND "2)""#),
            ("details:x ^y -z", r#""details:x" AND "^y" AND "-z""#),
            ("begin* \"no*\" *x", r#""begin*" * AND "no*" AND "*x""#),
            ("un\"closed phrase", r#""un" AND "closed phrase""#),
            ("a\0b\nc", r#""a" AND "b" AND "c""#),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_text_is_bounded_and_has_a_word() {
        assert_eq!(read(&"x".repeat(1_025)), Err(TextError::TooLong { actual: 1_025 }));
        assert_eq!(read(&"x ".repeat(33)), Err(TextError::TooManyWords { actual: 33 }));
        for text in ["", " ", "\"\"", "***", "-- ()"] {
            assert_eq!(read(text), Err(TextError::NoWord), "{text:?}");
        }
    }
}
