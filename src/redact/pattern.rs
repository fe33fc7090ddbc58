//! The program's own patterns.

use regex::{Regex, RegexBuilder};

use super::counts::Rule;
use super::error::RedactError;
use super::found::Found;

/// How large a pattern may be when compiled, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// How often a pattern whose matches have no longest length is looked for in one text: each time the whole rest of the
/// text may have to be read.
const MAX_UNBOUNDED: usize = 64;

/// A pattern whose first group is masked, or all of it if it has none.
pub(super) struct Pattern {
    regex: Regex,
    rule: Rule,
    /// Whether its matches have a longest length.
    is_bounded: bool,
}

impl Pattern {
    /// The pattern of that number.
    pub(super) fn new(number: usize, name: &str, pattern: &str) -> Result<Self, RedactError> {
        let refused = |source| RedactError::Pattern { name: name.to_owned(), source };
        let regex = RegexBuilder::new(pattern)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(refused)?;
        let syntax =
            regex_syntax::parse(pattern).map_err(|error| refused(regex::Error::Syntax(error.to_string())))?;
        let lengths = syntax.properties();
        if lengths.minimum_len().is_none_or(|least| least == 0) {
            return Err(RedactError::EmptyPattern { name: name.to_owned() });
        }
        Ok(Self { regex, rule: Rule::Pattern(number), is_bounded: lengths.maximum_len().is_some() })
    }

    /// Adds what it finds in a text. One without a longest length is looked for so many times only, and what then is
    /// left is masked whole: otherwise the time could be the square of the length.
    pub(super) fn find(&self, text: &str, into: &mut Vec<Found>) {
        let mut at = 0;
        for round in 0.. {
            if !self.is_bounded && round == MAX_UNBOUNDED {
                if at < text.len() {
                    into.push(Found::new(at..text.len(), self.rule));
                }
                return;
            }
            let Some(found) = self.regex.captures_at(text, at) else { return };
            let Some(all) = found.get(0) else { return };
            let secret = found.get(1).unwrap_or(all);
            if !secret.is_empty() {
                into.push(Found::new(secret.range(), self.rule));
            }
            at = all.end();
        }
    }
}
