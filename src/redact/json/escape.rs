//! What JSON writes as an escape.

use std::borrow::Cow;

/// The text that is written as `raw` between quotes. Half a surrogate pair, which is no text, becomes U+FFFD.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut behind = escaped.chars();
        match behind.next() {
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => text.push(unicode(&mut behind)),
            other => text.extend(other),
        }
        rest = behind.as_str();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character whose four digits come next, with those of the second half of its pair if it has one.
fn unicode(behind: &mut std::str::Chars<'_>) -> char {
    let first = unit(behind);
    let second = first.filter(|unit| (0xD800..0xDC00).contains(unit)).and_then(|_| {
        let mut ahead = behind.as_str().strip_prefix("\\u")?.chars();
        let low = unit(&mut ahead).filter(|unit| (0xDC00..0xE000).contains(unit))?;
        *behind = ahead;
        Some(low)
    });
    let mut decoded = char::decode_utf16(first.into_iter().chain(second));
    decoded.next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn unit(behind: &mut std::str::Chars<'_>) -> Option<u16> {
    let (digits, rest) = behind.as_str().split_at_checked(4)?;
    *behind = rest.chars();
    u16::from_str_radix(digits, 16).ok()
}
