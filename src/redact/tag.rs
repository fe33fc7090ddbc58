//! Masks and their tags: equal secrets can be told to be equal, and nothing more can be told of them.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::OnceLock;

/// A mask without a tag: what stands for a secret of which nothing more is told.
pub const MASK: &str = "[redacted]";

/// How every mask begins.
const OPENING: &str = "[redacted";

/// How many hexadecimal digits a tag has; 48 bits.
const TAG_DIGITS: usize = 12;

/// What may stand before a secret in a header, and is no part of it.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];

/// The key of a process: nobody outside of it can try secrets against its tags, unless it was given one.
static OF_PROCESS: OnceLock<[u8; 32]> = OnceLock::new();

/// Gives the process its key; whether it had none before.
pub(super) fn give_to_process(key: [u8; 32]) -> bool {
    OF_PROCESS.set(key).is_ok()
}

fn made_anew() -> [u8; 32] {
    // The standard library has seeded these from the operating system, with 128 bits.
    let state = RandomState::new();
    let mut seed = Vec::with_capacity(64);
    (0..8_u64).for_each(|number| seed.extend(state.hash_one(number).to_le_bytes()));
    blake3::derive_key("agentbus 2026 tags of masked secrets in one process", &seed)
}

/// What makes the tags of masks.
#[derive(Clone)]
pub(super) enum Tags {
    None,
    Keyed([u8; 32]),
}

impl Tags {
    pub(super) fn of_process() -> Self {
        Self::Keyed(*OF_PROCESS.get_or_init(made_anew))
    }

    /// The mask of a secret.
    pub(super) fn mask(&self, secret: &str) -> String {
        let Self::Keyed(key) = self else { return MASK.to_owned() };
        let hash = blake3::keyed_hash(key, told_apart(secret).as_bytes());
        let tag = hash.to_hex();
        format!("{OPENING}:{}]", tag.get(..TAG_DIGITS).unwrap_or_default())
    }
}

/// What of a secret its tag is made of: without what differs from place to place, a scheme before it, space around it,
/// the line breaks of a private key.
fn told_apart(secret: &str) -> Cow<'_, str> {
    let secret = secret.trim();
    if secret.contains("PRIVATE") && secret.contains("-----") {
        let mut bare = secret.replace("\\n", "").replace("\\r", "");
        bare.retain(|c| !c.is_ascii_whitespace());
        return Cow::Owned(bare);
    }
    let is_scheme = |text: &str| SCHEMES.iter().any(|scheme| text.eq_ignore_ascii_case(scheme));
    let behind = secret.split_once(' ').filter(|(scheme, _)| is_scheme(scheme));
    Cow::Borrowed(behind.map_or(secret, |(_, rest)| rest.trim_start()))
}

/// The masks in a text, in their order.
pub(super) fn masks(text: &str) -> impl Iterator<Item = Range<usize>> {
    memchr::memmem::find_iter(text.as_bytes(), OPENING)
        .filter_map(|start| Some(start..start + OPENING.len() + ending(text.get(start + OPENING.len()..)?)?))
}

/// How long the rest of a mask is that begins a text: its bracket, and before that its tag if it has one.
fn ending(rest: &str) -> Option<usize> {
    if rest.starts_with(']') {
        return Some(1);
    }
    let tag = rest.strip_prefix(':')?.get(..=TAG_DIGITS)?;
    let digits = tag.strip_suffix(']')?;
    let is_tag = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_tag.then_some(1 + tag.len())
}

/// Whether a text is a mask, with a tag or without, and nothing else.
pub fn is_mask(text: &str) -> bool {
    text.starts_with(OPENING) && masks(text).next().is_some_and(|mask| mask == (0..text.len()))
}

/// The text with [`MASK`] for each mask: two texts that were masked under different keys can be compared so.
///
/// ```
/// use agentbus::redact::{Redactor, without_tags};
///
/// let masked = Redactor::new().redact_text("postgres://app:hunter2@db/main").into_owned();
/// assert_eq!(without_tags(&masked), "postgres://app:[redacted]@db/main");
/// ```
pub fn without_tags(text: &str) -> Cow<'_, str> {
    let (mut bare, mut copied) = (String::new(), 0);
    for mask in masks(text).filter(|mask| mask.len() > MASK.len()) {
        bare.push_str(text.get(copied..mask.start).unwrap_or_default());
        bare.push_str(MASK);
        copied = mask.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    bare.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(key: u8) -> Tags {
        Tags::Keyed([key; 32])
    }

    #[test]
    fn a_mask_has_the_tag_that_its_secret_has_under_that_key() {
        let mask = tags(7).mask("hunter2");
        let hash = blake3::keyed_hash(&[7; 32], b"hunter2").to_hex();
        assert_eq!(mask, format!("[redacted:{}]", &hash[..12]));
        assert_ne!(mask, tags(8).mask("hunter2"));
        assert_ne!(mask, tags(7).mask("hunter3"));
        assert_eq!(Tags::None.mask("hunter2"), MASK);
        assert_eq!(Tags::of_process().mask("a"), Tags::of_process().mask("a"));
        assert_ne!(Tags::of_process().mask("a"), Tags::Keyed([0; 32]).mask("a"));
    }

    #[test]
    fn a_secret_is_the_same_whatever_stands_around_it() {
        let of = |secret: &str| tags(1).mask(secret);
        for other in ["Bearer abc", "bearer  abc", " abc\n", "Basic abc", "token abc"] {
            assert_eq!(of(other), of("abc"), "{other}");
        }
        assert_ne!(of("a b"), of("b"));
        let key = |between: &str| {
            of(&["-----BEGIN PRIVATE KEY-----", "AAAA", "-----END PRIVATE KEY-----"].join(between))
        };
        assert_eq!([key("\n"), key("\\n"), key(" "), key("\r\n")], [const { "" }; 4].map(|_| key("")));
    }

    #[test]
    fn masks_are_told_from_what_only_resembles_them() {
        for mask in ["[redacted]", "[redacted:0123456789ab]"] {
            assert!(is_mask(mask), "{mask}");
            assert_eq!(without_tags(&format!("é{mask}{mask}é")), "é[redacted][redacted]é");
        }
        for other in [
            "",
            "[redacted",
            "[redacted:]",
            "[redacted:0123456789a]",
            "[redacted:0123456789AB]",
            "[redacted:0123456789abc]",
            "[redacted:0123456789aé]",
            "[redacted]x",
            "x[redacted]",
        ] {
            assert!(!is_mask(other), "{other}");
            assert_eq!(without_tags(other), other);
        }
    }
}
