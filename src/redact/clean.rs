//! Telling at a glance that a line of JSON is clean, as most are, without reading it part by part.
//!
//! What is told to be clean surely is; of the rest nothing is known. Four things are looked for, each in one pass:
//! what stands in every secret that has its looks, the same where the texts of arrays follow one another, keys with a
//! word of a secret one in them, arguments that announce a secret.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use super::MAX_DEPTH;
use super::rules::Rules;
use super::text::{MARKERS, MAX_MARKER_BYTES};
use crate::event::{DomainEvent, Payload};

/// Whether no rule masks anything in JSON, of which keys say something in that part of it only.
pub(super) fn is_clean(rules: &Rules, json: &str, keyed: Range<usize>) -> bool {
    rules.patterns.is_empty()
        && rules.paths.at_root() == 0
        && json.len() <= rules.max_text_bytes
        && !rules.may_find(json)
        && json.get(keyed).is_some_and(|part| part.is_empty() || are_keys_clean(rules, part))
        && arrays(json).is_none_or(|part| are_arrays_clean(rules, part))
}

/// The part of an event's line in which keys say something: attributes, what this build does not know, the details of
/// kinds that are not the domain's. It may begin earlier than that. The details begin at `details`.
pub(super) fn keyed_part(event: &DomainEvent, line: &str, details: usize) -> Range<usize> {
    let is_custom = matches!(event.payload(), Payload::Custom(_));
    let start = if event.unknown_keys().next().is_some() {
        0
    } else if event.attributes().next().is_some() {
        // No other object stands before them.
        memchr(b'{', line.as_bytes().get(1..).unwrap_or_default()).map_or(0, |at| at + 1)
    } else {
        details
    };
    start..if is_custom { line.len() } else { details }
}

/// Whether no key in it can be secret, and nothing is nested too deep.
fn are_keys_clean(rules: &Rules, json: &str) -> bool {
    let bytes = json.as_bytes();
    let opened = |by: u8| memchr_iter(by, bytes).count();
    let is_flat = bytes.len() <= MAX_DEPTH || opened(b'{') + opened(b'[') <= MAX_DEPTH;
    let is_clean = |colon: usize| {
        let before = bytes.get(..colon).unwrap_or_default().trim_ascii_end();
        let Some(key) = before.strip_suffix(b"\"") else { return true };
        rules.keys.is_surely_clean(key) || {
            let start = memrchr(b'"', key).map_or(0, |quote| quote + 1);
            json.get(start..key.len()).is_some_and(|key| is_key_clean(rules, key, json.get(..start)))
        }
    };
    is_flat && memchr_iter(b':', bytes).all(is_clean)
}

/// Whether a key that begins right behind a quote, with which `before` ends, is not secret, or is part of a text.
fn is_key_clean(rules: &Rules, key: &str, before: Option<&str>) -> bool {
    let escapes = key.len() - key.trim_end_matches('\\').len();
    if escapes % 2 == 1 {
        return true;
    }
    // Of a key that is written with escapes only a part may be seen.
    let is_whole = before.is_some_and(|before| before.ends_with('"') && !before.ends_with("\\\""));
    is_whole && !key.contains('\\') && !rules.keys.is_secret(key)
}

/// From the first array to the end of the last.
fn arrays(json: &str) -> Option<&str> {
    let (start, end) = (memchr(b'[', json.as_bytes())?, memrchr(b']', json.as_bytes())?);
    json.get(start..end)
}

/// Whether no argument in it announces a secret, and no texts in it are one together.
fn are_arrays_clean(rules: &Rules, json: &str) -> bool {
    let bytes = json.as_bytes();
    let announces = |dash: usize| {
        let text = json.get(dash..).unwrap_or_default();
        rules.keys.is_secret(text.split(['"', '=']).next().unwrap_or_default())
    };
    let mut dashes =
        memchr_iter(b'-', bytes).filter(|at| at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'"'));
    !dashes.any(announces) && (!may_meet(bytes) || !rules.may_find_in(&seams(bytes), json))
}

/// Whether what a text ends with and what the next one begins with may stand in a marker together.
fn may_meet(json: &[u8]) -> bool {
    memchr_iter(b',', json).any(|comma| {
        let (before, after) = json.split_at_checked(comma).unwrap_or_default();
        let after = after.get(1..).unwrap_or_default().trim_ascii_start();
        match (before.trim_ascii_end(), after) {
            // One of them may be empty: a third one may follow then.
            ([.., b'"', b'"'], [b'"', ..]) | ([.., b'"'], [b'"', b'"', ..]) => true,
            ([.., last, b'"'], [b'"', first, ..]) => MEETING.are(*last, *first),
            _ => false,
        }
    })
}

/// Which bytes stand one behind the other in a marker: each byte of the markers, of which there are 128 at most, has a
/// bit, which is set for the byte that it is.
struct Meeting {
    of: [u128; 256],
    first: u128,
}

static MEETING: Meeting = Meeting::new();

impl Meeting {
    #[expect(clippy::indexing_slicing, reason = "it is compiled in: what is out of bounds does not compile")]
    const fn new() -> Self {
        let mut meeting = Self { of: [0; 256], first: 0 };
        let (mut marker, mut bit) = (0, 0);
        while marker < MARKERS.len() {
            meeting.first |= 1 << bit;
            let bytes = MARKERS[marker].0.as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                meeting.of[bytes[at] as usize] |= 1 << bit;
                at += 1;
                bit += 1;
            }
            marker += 1;
        }
        meeting
    }

    fn are(&self, one: u8, next: u8) -> bool {
        let bits = |byte: u8| self.of.get(usize::from(byte)).copied().unwrap_or_default();
        (bits(one) << 1) & bits(next) & !self.first != 0
    }
}

/// The JSON with nothing between texts that follow one another, as far as a marker reaches from where they meet. Where
/// a text itself holds `","`, that goes too: no marker has a quote, a comma or space, so none is lost by it.
fn seams(json: &[u8]) -> Vec<u8> {
    let (mut seams, mut copied) = (Vec::new(), 0);
    for comma in memchr_iter(b',', json) {
        let after = json.get(comma + 1..).unwrap_or_default();
        let space = after.len() - after.trim_ascii_start().len();
        let before = json.get(copied..comma).unwrap_or_default().trim_ascii_end();
        if after.get(space) == Some(&b'"')
            && let Some(text) = before.strip_suffix(b"\"")
        {
            push_ends(text, &mut seams);
            copied = comma + space + 2;
        }
    }
    if copied > 0 {
        push_ends(json.get(copied..).unwrap_or_default(), &mut seams);
    }
    seams
}

/// Appends how a text begins and how it ends.
fn push_ends(text: &[u8], into: &mut Vec<u8>) {
    const REACH: usize = MAX_MARKER_BYTES - 1;
    match (text.first_chunk::<REACH>(), text.last_chunk::<REACH>()) {
        (Some(beginning), Some(end)) if text.len() > 2 * REACH => {
            into.extend_from_slice(beginning);
            into.push(b'\n');
            into.extend_from_slice(end);
        }
        _ => into.extend_from_slice(text),
    }
}

#[cfg(test)]
mod tests;
