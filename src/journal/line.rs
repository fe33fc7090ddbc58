//! One line: `{"pos":42,<body>,"chain":"<64 hex digits>"}` and a newline.
//!
//! The position comes first, so that a reader can skip without parsing; the ending has a fixed length, so that a line
//! torn anywhere is known to be torn.

use crate::event::{DomainEvent, Hash};

use super::chain;
use super::position::Position;

/// The longest line, with its newline: 1 MiB.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// What a line begins with; the digits of its position follow, then a comma.
const BEGINNING: &[u8] = b"{\"pos\":";

/// What stands between the body and the chain.
const BEFORE_CHAIN: &[u8] = b",\"chain\":\"";

/// What stands behind the chain, but for the newline.
const BEHIND_CHAIN: &[u8] = b"\"}";

const CHAIN_DIGITS: usize = 64;

/// The ending of a line, newline included: what its leaf does not cover.
pub(crate) const ENDING_BYTES: usize = BEFORE_CHAIN.len() + CHAIN_DIGITS + BEHIND_CHAIN.len() + 1;

/// The longest body: what is left with a position of 16 digits.
pub(crate) const MAX_BODY_BYTES: usize = MAX_LINE_BYTES - ENDING_BYTES - BEGINNING.len() - 16 - 1;

/// Why a line cannot be read. Never with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It is longer than [`MAX_LINE_BYTES`].
    #[error("the line is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// It does not begin with `{"pos":` and a position.
    #[error("the line does not begin with its position")]
    NoPosition,
    /// It does not end in `,"chain":"`, 64 lower-case hex digits, `"}` and a newline.
    #[error("the line does not end in its chain")]
    NoChain,
    /// Its position is not behind that of the line before it.
    #[error("the position is not behind that of the line before")]
    Backward,
    /// Its position leaves a gap that neither its chain nor the line behind it bears out.
    #[error("the position leaves a gap that the lines around it contradict")]
    Unproven,
    /// What stands between is no event. `column` counts bytes from 1, `None` where it is not known.
    #[error("the line holds no event{}", column.map(|at| format!(", the fault is at column {at}")).unwrap_or_default())]
    NoEvent {
        /// Where the fault is, in bytes from the start of the line.
        column: Option<usize>,
    },
}

/// Appends the line of `body` to `into` and gives the chain behind it.
///
/// `body` is an event's JSON object without its braces.
pub(crate) fn write(into: &mut Vec<u8>, position: Position, body: &[u8], previous: &Hash) -> Hash {
    let start = into.len();
    into.extend_from_slice(BEGINNING);
    into.extend_from_slice(position.to_string().as_bytes());
    into.push(b',');
    into.extend_from_slice(body);
    let chain = chain::link(previous, into.get(start..).unwrap_or_default());
    into.extend_from_slice(BEFORE_CHAIN);
    into.extend_from_slice(blake3::Hash::from_bytes(*chain.as_bytes()).to_hex().as_bytes());
    into.extend_from_slice(BEHIND_CHAIN);
    into.push(b'\n');
    chain
}

/// The position a line begins with, without looking further.
pub(crate) fn position(line: &[u8]) -> Option<Position> {
    position_and_len(line).map(|(position, _)| position)
}

/// The position, and how many bytes stand before the body.
fn position_and_len(line: &[u8]) -> Option<(Position, usize)> {
    let rest = line.strip_prefix(BEGINNING)?;
    let mut number = 0_u64;
    for (at, byte) in rest.iter().enumerate().take(17) {
        match byte {
            b'0' if at == 0 => return None,
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b',' => return Some((Position::new(number)?, BEGINNING.len() + at + 1)),
            _ => return None,
        }
    }
    None
}

/// The chain that stands in the ending of a line, if the ending is whole.
pub(crate) fn chain_of(line: &[u8]) -> Option<Hash> {
    let ending = line.len().checked_sub(ENDING_BYTES).and_then(|start| line.get(start..))?;
    chain_in(ending.strip_suffix(b"\n")?)
}

/// Whether an ending that is whole but for its newline stands at the end of `bytes`, or anywhere in them: bytes that
/// were once a whole line.
pub(crate) fn holds_ending(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, BEFORE_CHAIN) {
        let Some(behind) = rest.get(at..) else { return false };
        if behind.get(..ENDING_BYTES - 1).and_then(chain_in).is_some() {
            return true;
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    false
}

fn chain_in(ending: &[u8]) -> Option<Hash> {
    let digits = ending.strip_prefix(BEFORE_CHAIN)?.strip_suffix(BEHIND_CHAIN)?;
    Hash::from_digits(digits)
}

/// A line taken apart, its body not yet looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) position: Position,
    /// The chain that it says stands behind it.
    pub(crate) chain: Hash,
    /// All of it, newline included.
    bytes: &'a [u8],
    /// Where its body begins.
    body: usize,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `bytes` end in its newline.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<Self, LineFault> {
        if bytes.len() > MAX_LINE_BYTES {
            return Err(LineFault::TooLong);
        }
        let (position, body) = position_and_len(bytes).ok_or(LineFault::NoPosition)?;
        let chain = chain_of(bytes).ok_or(LineFault::NoChain)?;
        if body > bytes.len() - ENDING_BYTES {
            return Err(LineFault::NoChain);
        }
        Ok(Self { position, chain, bytes, body })
    }

    /// What its leaf covers.
    pub(crate) fn leaf_of(&self) -> &'a [u8] {
        self.bytes.get(..self.bytes.len() - ENDING_BYTES).unwrap_or_default()
    }

    /// An event's JSON object without its braces.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.leaf_of().get(self.body..).unwrap_or_default()
    }

    /// Whether its chain follows from the one before it.
    pub(crate) fn follows(&self, previous: &Hash) -> bool {
        chain::link(previous, self.leaf_of()) == self.chain
    }

    /// The event in it. `scratch` is memory to work in.
    pub(crate) fn decode(&self, scratch: &mut Vec<u8>) -> Result<DomainEvent, LineFault> {
        Body { bytes: self.body(), begin: self.body }.decode(scratch)
    }
}

/// What stands between the position of a line and its chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    /// An event's JSON object without its braces.
    pub(crate) bytes: &'a [u8],
    /// Where it begins in the line.
    begin: usize,
}

impl<'a> Body<'a> {
    /// That of a line which is known to end in its chain: that is not looked at again.
    pub(crate) fn of(line: &'a [u8]) -> Result<Self, LineFault> {
        let (_, begin) = position_and_len(line).ok_or(LineFault::NoPosition)?;
        let end = line.len().checked_sub(ENDING_BYTES);
        let bytes = end.and_then(|end| line.get(begin..end)).ok_or(LineFault::NoChain)?;
        Ok(Self { bytes, begin })
    }

    /// The event in it. `scratch` is memory to work in.
    pub(crate) fn decode(&self, scratch: &mut Vec<u8>) -> Result<DomainEvent, LineFault> {
        decode_body(self.bytes, scratch)
            .map_err(|column| LineFault::NoEvent { column: column.map(|at| at + self.begin - 1) })
    }
}

/// The event of a body; else the column of the fault in it, from 1, with a brace before it.
pub(crate) fn decode_body(body: &[u8], scratch: &mut Vec<u8>) -> Result<DomainEvent, Option<usize>> {
    scratch.clear();
    scratch.push(b'{');
    scratch.extend_from_slice(body);
    scratch.push(b'}');
    let event: DomainEvent = serde_json::from_slice(scratch).map_err(|error| {
        // What is wrong with the whole is told at its end.
        let is_of_all = error.is_data() && error.column() >= scratch.len();
        Some(error.column()).filter(|at| *at > 0 && !is_of_all)
    })?;
    // A second position or chain inside: whose would count?
    if event.unknown_keys().any(is_reserved) { Err(None) } else { Ok(event) }
}

/// Whether the journal itself writes that key.
pub(crate) fn is_reserved(key: &str) -> bool {
    matches!(key, "pos" | "chain")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#""a":1"#;

    fn line(position: u64) -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line, Position::new(position).unwrap(), BODY, &Hash::of("before"));
        line
    }

    #[test]
    fn a_line_reads_what_it_wrote() {
        for position in [1, 42, Position::MAX.get()] {
            let bytes = line(position);
            let split = Line::split(&bytes).unwrap();
            assert_eq!(split.position.get(), position);
            assert!(split.follows(&Hash::of("before")));
            assert!(!split.follows(&Hash::of("other")));
            assert_eq!(super::position(&bytes), Some(split.position));
            let text = format!("{{\"pos\":{position},\"a\":1,\"chain\":\"{}\"}}\n", split.chain);
            assert_eq!(bytes, text.as_bytes());
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place_in_the_line_or_with_none() {
        let event =
            r#""id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c""#;
        let column = |behind: &str| {
            let (body, mut line) = (format!("{event},{behind}"), Vec::new());
            write(&mut line, Position::new(7).unwrap(), body.as_bytes(), &Hash::of(""));
            let fault = Line::split(&line).unwrap().decode(&mut Vec::new()).unwrap_err();
            let LineFault::NoEvent { column } = fault else { panic!("{fault}") };
            column.map(|at| String::from_utf8(line[..at].to_vec()).unwrap())
        };
        assert_eq!(column(r#""event_type":"x.y","details":{"x":1e400}"#), None);
        assert_eq!(column(r#""details":{"imported":7},"event_type":"session.created""#), None);
        let told = column(r#""event_type":"session.created","details":{"imported":7}"#).unwrap();
        assert!(told.ends_with(r#"{"imported":7"#), "{told}");
        let told = column(r#""more":1e400,"event_type":"x.y","details":{}"#).unwrap();
        assert!(told.contains(r#""more":1e400"#) && !told.contains("event_type"), "{told}");
    }

    #[test]
    fn the_ending_is_77_bytes() {
        assert_eq!(ENDING_BYTES, 77);
    }

    #[test]
    fn the_longest_body_makes_the_longest_line() {
        let mut bytes = Vec::new();
        write(&mut bytes, Position::MAX, &vec![b'x'; MAX_BODY_BYTES], &Hash::of(""));
        assert_eq!(bytes.len(), MAX_LINE_BYTES);
        assert!(Line::split(&bytes).is_ok());
        bytes.insert(30, b'x');
        assert_eq!(Line::split(&bytes).unwrap_err(), LineFault::TooLong);
    }

    #[test]
    fn a_line_cut_anywhere_is_torn_and_holds_no_ending_until_it_is_whole() {
        let bytes = line(7);
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            assert!(Line::split(cut).is_err(), "{len}");
            assert_eq!(holds_ending(cut), len == bytes.len() - 1, "{len}");
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = line(7);
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let follows = Line::split(&flipped).is_ok_and(|line| line.follows(&Hash::of("before")));
            assert!(!follows, "bit {at}");
        }
    }
}
