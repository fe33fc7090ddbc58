//! [`Sent`]: what a server was told that nobody else may hear.

use std::borrow::Cow;
use std::fmt;

use crate::redact::MASK;

/// Shorter values are not masked: they would be found in words that have nothing to do with them.
const LEAST: usize = 6;

/// A single word or number is masked from this length on; a shorter one is the name of a mode, a limit or the like, and
/// found in texts that have nothing to do with it.
const LEAST_OF_A_WORD: usize = 16;

/// The values of headers and variables that a server was given. It may say them back: they are masked wherever it does,
/// within other words too, unless they are short or plain ([`is_secret`]).
#[derive(Clone, Default)]
pub(super) struct Sent {
    /// As they may stand in a text or in JSON; what contains another comes before it.
    values: Vec<String>,
}

impl Sent {
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let long = values.into_iter().map(str::trim).filter(|value| is_secret(value));
        let mut values: Vec<_> = long.flat_map(|value| [value.to_owned(), in_json(value)]).collect();
        values.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        values.dedup();
        Self { values }
    }

    /// The values of headers. Of `Bearer <key>` the key alone may come back.
    pub(super) fn in_headers<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = values.into_iter().flat_map(|value| {
            let value = value.trim();
            [value, value.split_once(' ').map_or("", |(_scheme, rest)| rest)]
        });
        Self::new(parts)
    }

    /// Whether one of them stands in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.values.iter().any(|value| text.contains(value))
    }

    /// A text without them.
    pub(super) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.is_in(text) {
            return Cow::Borrowed(text);
        }
        let masked = self.values.iter().fold(text.to_owned(), |text, value| text.replace(value, MASK));
        Cow::Owned(masked)
    }
}

/// Whether a value is one that nobody else may hear, as far as can be seen: neither very short nor a short plain word,
/// `issues` or `Bearer` or `STRICT`, nor a short plain number.
fn is_secret(value: &str) -> bool {
    let behind = value.strip_prefix(|first: char| first.is_ascii_uppercase()).unwrap_or(value);
    let is_plain = behind.bytes().all(|byte| byte.is_ascii_lowercase())
        || value.bytes().all(|byte| byte.is_ascii_uppercase())
        || value.bytes().all(|byte| byte.is_ascii_digit());
    value.len() >= if is_plain { LEAST_OF_A_WORD } else { LEAST }
}

/// As it stands between the quotes of JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_plain_word_or_number_is_none_that_is_masked() {
        for plain in ["string", "Production", "VERBOSE", "300000", "abcdefghijklmno", "a-b-c"] {
            assert_eq!(Sent::new([plain]).mask(plain), plain);
        }
        for secret in ["hunter2", "aBcDeF", "open-sesame", "abcdefghijklmnop", "0123456789012345"] {
            assert_eq!(Sent::new([secret]).mask(&format!("the{secret}s")), "the[redacted]s");
        }
    }

    #[test]
    fn a_value_is_masked_whole_without_its_scheme_and_as_json_has_it() {
        let sent = Sent::in_headers(["Bearer open-sesame", "say \"friend\"", "1", "", " padded-key "]);
        for (text, masked) in [
            ("I got `Bearer open-sesame`.", "I got `[redacted]`."),
            ("open-sesame, open-sesame", "[redacted], [redacted]"),
            (r#"{"said": "say \"friend\""}"#, r#"{"said": "[redacted]"}"#),
            ("padded-key 1", "[redacted] 1"),
            ("Bearer of news", "Bearer of news"),
        ] {
            assert_eq!(sent.mask(text), masked);
            assert_eq!(sent.is_in(text), text != masked);
        }
        assert_eq!(Sent::new(["many words"]).mask("words, many words"), "words, [redacted]");
        assert_eq!(Sent::default().mask("all of it"), "all of it");
        assert!(!format!("{sent:?}").contains("sesame"));
    }
}
