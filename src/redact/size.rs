//! Cutting texts that are longer than told.

use super::tag::masks;

/// The least that texts may be cut to, in bytes: more than a hash or an id has, so that none is ever cut.
pub const MIN_TEXT_BYTES: usize = 80;

/// What the note of a cut takes at most: its words and the digits of any length.
const NOTE_BYTES: usize = 36;

/// The longest escape that is not cut in two, in bytes: of a colour in a terminal.
const ESCAPE_BYTES: usize = 16;

/// The beginning of a masked text that is longer than `max` bytes, and how much is gone; `None` if it is not.
pub(super) fn cut(text: &str, max: usize) -> Option<String> {
    if text.len() <= max {
        return None;
    }
    let end = text.floor_char_boundary(max.saturating_sub(NOTE_BYTES));
    let end = masks(text).find(|mask| mask.start < end && end < mask.end).map_or(end, |mask| mask.start);
    let kept = text.get(..end).unwrap_or_default();
    let kept = kept.get(..escape_at_the_end(kept).unwrap_or(end)).unwrap_or_default();
    Some(format!("{kept}{} ({} more bytes)", crate::event::CUT_MARK, text.len() - kept.len()))
}

/// Where an escape begins that the end of the text cuts in two: of JSON in a text, of an URL, of a terminal.
fn escape_at_the_end(kept: &str) -> Option<usize> {
    let near = kept.ceil_char_boundary(kept.len().saturating_sub(ESCAPE_BYTES));
    let tail = kept.get(near..)?;
    let at = tail.rfind(['\\', '\u{1b}', '%'])?;
    let escape = tail.get(at..)?;
    let is_cut = match escape.as_bytes() {
        // Of two backslashes the second is what the first escapes.
        [b'\\'] => tail.get(..at)?.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0,
        [b'\\', b'u', digits @ ..] => digits.len() < 4,
        [b'%', digits @ ..] => digits.len() < 2,
        [0x1b] => true,
        [0x1b, b'[', rest @ ..] => !rest.iter().any(u8::is_ascii_alphabetic),
        _ => false,
    };
    is_cut.then_some(near + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_how_much_is_gone() {
        let cut_to_80 = cut(&"x".repeat(1_000), 80).unwrap();
        assert_eq!(cut_to_80, format!("{}\u{2026} (956 more bytes)", "x".repeat(44)));
        assert_eq!(cut(&"x".repeat(80), 80), None);
        let long = cut(&"é".repeat(70_000), 100).unwrap();
        assert!(long.len() <= 100 && long.ends_with("é\u{2026} (139936 more bytes)"), "{long}");
        assert_eq!(cut(&long, 100), None, "what was cut stays");
    }

    #[test]
    fn neither_a_mask_nor_an_escape_is_cut_in_two() {
        let kept = |before: usize, middle: &str| {
            let text = [&"x".repeat(before), middle, &"y".repeat(200)].concat();
            cut(&text, 80).unwrap().split('\u{2026}').next().unwrap().to_owned()
        };
        for mask in ["[redacted]", "[redacted:0123456789ab]"] {
            for before in 45 - mask.len()..44 {
                assert_eq!(kept(before, mask), "x".repeat(before), "{mask} {before}");
            }
        }
        for escape in ["\\n", "\\u0041", "%2F", "\u{1b}[1;31m"] {
            for before in 45 - escape.len()..44 {
                assert_eq!(kept(before, escape), "x".repeat(before), "{escape:?} {before}");
            }
            assert!(kept(44 - escape.len(), escape).ends_with(escape), "{escape:?} is whole");
        }
        assert_eq!(kept(42, "\\\\").len(), 44, "two backslashes are one escape");
    }
}
