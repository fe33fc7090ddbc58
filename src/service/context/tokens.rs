//! [`TokenCounter`]: how long a text is to a model.

use std::fmt;

#[cfg(test)]
mod tests;
#[cfg(feature = "tiktoken")]
mod tiktoken;

#[cfg(feature = "tiktoken")]
pub use tiktoken::{Encoding, TiktokenCounter};

/// Counts tokens.
///
/// Implementors hold to this: the same text always counts the same; any number of threads may count at once; counting
/// does not wait. A context is cut by what they say: a counter that says too little makes contexts that are too long.
pub trait TokenCounter: fmt::Debug + Send + Sync {
    /// How many tokens `text` has.
    fn count(&self, text: &str) -> u64;
}

/// Estimates, rather too high than too low.
///
/// | what stands there | tokens |
/// |---|---|
/// | ASCII letters in a row | one for each four, rounded up |
/// | ASCII digits in a row | one for each three, rounded up |
/// | a space before anything else | none: it belongs to the next token |
/// | other blanks in a row, line breaks too | one for each sixteen, rounded up |
/// | any other ASCII character | one |
/// | any other character | as many as it has bytes in UTF-8, less one |
///
/// Prose and code come out up to twice as high as the tokens of today's models, other scripts up to five times. What is
/// made of random letters may have more tokens than this says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EstimatingCounter;

impl TokenCounter for EstimatingCounter {
    fn count(&self, text: &str) -> u64 {
        let runs =
            text.as_bytes().chunk_by(|one, next| Class::of(*one) == Class::of(*next) && one.is_ascii());
        runs.map(|run| {
            let length = run.len() as u64;
            match run.first().map(|first| Class::of(*first)) {
                Some(Class::Letter) => length.div_ceil(4),
                Some(Class::Digit) => length.div_ceil(3),
                Some(Class::Blank) if run == b" " => 0,
                Some(Class::Blank) => length.div_ceil(16),
                Some(Class::Lead) | None => 0,
                Some(Class::Other) => length,
            }
        })
        .sum()
    }
}

/// What a byte of a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Blank,
    /// The first byte of a character of several, which counts nothing; those behind it count one each.
    Lead,
    Other,
}

impl Class {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Self::Letter,
            b'0'..=b'9' => Self::Digit,
            b' ' | b'\t' | b'\n' | b'\r' => Self::Blank,
            0xC0.. => Self::Lead,
            _ => Self::Other,
        }
    }
}
