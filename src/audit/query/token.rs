//! [`PageToken`]: where the next page of a query begins.

use std::fmt;
use std::str::FromStr;

use crate::event::Hash;
use crate::journal::Position;

/// How many digits of the query's hash a token has.
const DIGITS: usize = 24;

/// Where the next page of a query begins. Its text is opaque.
///
/// It names the last event that was given: events that come meanwhile change nothing before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    query: String,
    last: Position,
}

/// The text is no [`PageToken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a page token, as an earlier page of the same query gave it")]
pub struct ParsePageTokenError;

impl PageToken {
    /// Behind that event, of the query with that fingerprint.
    pub(super) fn behind(last: Position, query: &Hash) -> Self {
        Self { query: query.to_string().chars().take(DIGITS).collect(), last }
    }

    /// The last event given, if it is a token of the query with that fingerprint.
    pub(super) fn last_of(&self, query: &Hash) -> Option<Position> {
        (*self == Self::behind(self.last, query)).then_some(self.last)
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.query, self.last)
    }
}

impl FromStr for PageToken {
    type Err = ParsePageTokenError;
    fn from_str(text: &str) -> Result<Self, ParsePageTokenError> {
        let (query, last) = text.split_once('-').ok_or(ParsePageTokenError)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if query.len() != DIGITS || !query.bytes().all(is_digit) {
            return Err(ParsePageTokenError);
        }
        let last = last.parse().map_err(|_no_position| ParsePageTokenError)?;
        Ok(Self { query: query.to_owned(), last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_what_it_wrote_and_nothing_else() {
        let query = Hash::of("query");
        let token = PageToken::behind(Position::MAX, &query);
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        assert_eq!(token.last_of(&query), Some(Position::MAX));
        assert_eq!(token.last_of(&Hash::of("other")), None);
        for text in [
            "",
            "-1",
            "0123-1",
            "0123456789abcdef01234567",
            "0123456789abcdef01234567-0",
            "0123456789ABCDEF01234567-1",
        ] {
            assert_eq!(text.parse::<PageToken>(), Err(ParsePageTokenError), "{text:?}");
        }
    }
}
