//! Telling at a glance that a line of JSON is clean, as most are, without reading it part by part.
//!
//! What is told to be clean surely is; of the rest nothing is known. Four things are looked for, each in one pass:
//! what stands in every secret that has its looks, the same where the texts of arrays follow one another, keys with a
//! word of a secret one in them, arguments that announce a secret.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3_iter, memmem, memrchr};

use super::MAX_DEPTH;
use super::rules::Rules;
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
/// kinds that are not the domain's. It may begin earlier and end later than that.
pub(super) fn keyed_part(event: &DomainEvent, line: &str) -> Range<usize> {
    // A quote within a text is escaped, so that these are keys.
    let (attributes, details) = ("\"attributes\":", "\"details\":");
    let is_custom = matches!(event.payload(), Payload::Custom(_));
    let start = if event.attributes().next().is_some() {
        memmem::find(line.as_bytes(), attributes.as_bytes())
    } else if event.unknown_keys().next().is_some() {
        Some(0)
    } else if is_custom {
        memmem::find(line.as_bytes(), details.as_bytes())
    } else {
        return 0..0;
    };
    let end = if is_custom { None } else { memmem::rfind(line.as_bytes(), details.as_bytes()) };
    start.unwrap_or_default()..end.unwrap_or(line.len())
}

/// Whether no key in it can be secret, and nothing is nested too deep.
fn are_keys_clean(rules: &Rules, json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut openings = 0;
    memchr3_iter(b':', b'{', b'[', bytes).all(|at| {
        if bytes.get(at) != Some(&b':') {
            openings += 1;
            return openings <= MAX_DEPTH;
        }
        let before = bytes.get(..at).unwrap_or_default().trim_ascii_end();
        let Some(key) = before.strip_suffix(b"\"") else { return true };
        let start = memrchr(b'"', key).map_or(0, |quote| quote + 1);
        json.get(start..key.len()).is_some_and(|key| is_key_clean(rules, key, json.get(..start)))
    })
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
    let announces = |quote: usize| {
        let text = json.get(quote + 1..).unwrap_or_default();
        rules.keys.is_secret(text.split(['"', '=']).next().unwrap_or_default())
    };
    !memmem::find_iter(json.as_bytes(), b"\"-").any(announces) && !rules.may_find(&joined(json))
}

/// The JSON with nothing between texts that follow one another. Where a text itself holds `","`, that goes too: what is
/// looked for has neither quote nor comma nor space, so it is not lost by it.
fn joined(json: &str) -> String {
    let bytes = json.as_bytes();
    let (mut joined, mut copied) = (String::with_capacity(json.len()), 0);
    for comma in memchr_iter(b',', bytes) {
        let before = bytes.get(copied..comma).unwrap_or_default().trim_ascii_end();
        let after = bytes.get(comma + 1..).unwrap_or_default();
        let space = after.len() - after.trim_ascii_start().len();
        if before.ends_with(b"\"") && after.get(space) == Some(&b'"') {
            joined.push_str(json.get(copied..copied + before.len() - 1).unwrap_or_default());
            copied = comma + space + 2;
        }
    }
    joined.push_str(json.get(copied..).unwrap_or_default());
    joined
}

#[cfg(test)]
mod tests;
