//! What the body of a line tells of its event without being decoded, if its keys stand in the order in which a journal
//! writes them.

use crate::event::Timestamp;

const ID_CHARS: usize = 26;

/// The name of the event's kind.
pub(super) fn kind(body: &[u8]) -> Option<&str> {
    kind_and_rest(body).map(|(kind, _)| kind)
}

/// When the event happened.
pub(super) fn timestamp(body: &[u8]) -> Option<Timestamp> {
    let (_, rest) = kind_and_rest(body)?;
    let (timestamp, _) = text(rest.strip_prefix(b",\"timestamp\":")?)?;
    timestamp.parse().ok()
}

fn kind_and_rest(body: &[u8]) -> Option<(&str, &[u8])> {
    let behind_id = body.strip_prefix(b"\"id\":\"")?.get(ID_CHARS..)?;
    text(behind_id.strip_prefix(b"\",\"event_type\":")?)
}

/// A text without escapes that stands at the beginning, and what stands behind it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let bytes = bytes.strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', bytes)?;
    let rest = bytes.get(end..)?.strip_prefix(b"\"")?;
    Some((std::str::from_utf8(bytes.get(..end)?).ok()?, rest))
}
