//! Masking in a JSON text, without building its value: what is clean is copied as it is written.

use std::borrow::Cow;

use super::keys::is_secret;
use super::text::TextRules;
use super::value::is_secret_text;
use super::{MASK, MAX_DEPTH};

/// One pass over a text that is known to be JSON.
pub(super) struct Scan<'a> {
    rules: &'a TextRules,
    json: &'a str,
    /// How far it was read, in bytes.
    at: usize,
    /// How far it was copied to `masked`, in bytes; 0 if nothing was masked.
    copied: usize,
    masked: String,
    /// The arrays and objects that are open.
    open: Vec<Frame>,
    /// Whether the next text is a key.
    awaits_key: bool,
    /// What the last key says of its value.
    under: Under,
    /// Whether the details on the first level hold no keys of the embedder's.
    knows_details: bool,
    /// Whether anything in it may look like a secret.
    has_looks: bool,
}

#[derive(Clone, Copy)]
struct Frame {
    is_object: bool,
    /// What holds for all of it.
    under: Under,
    /// How many keys were masked in it.
    masked_keys: usize,
}

/// What the keys above a value say of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// Nothing.
    Plain,
    /// That it is secret.
    Secret,
    /// That keys below it say nothing.
    Known,
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a TextRules, json: &'a str) -> Self {
        Self {
            rules,
            json,
            at: 0,
            copied: 0,
            masked: String::new(),
            open: Vec::new(),
            awaits_key: false,
            under: Under::Plain,
            knows_details: false,
            has_looks: rules.may_mask_json(json),
        }
    }

    /// The same pass over an event whose details have names that hold no secrets.
    pub(super) fn of_known_event(self) -> Self {
        Self { knows_details: true, ..self }
    }

    /// The text with its secrets masked; `None` if it has none.
    pub(super) fn run(mut self) -> Option<String> {
        while let Some(start) = self.next_mark() {
            match self.json.as_bytes().get(start) {
                Some(b'{') => self.enter(true),
                Some(b'[') => self.enter(false),
                Some(b'}' | b']') => self.leave(),
                Some(b',') => self.begin_item(),
                _ => self.string(start),
            }
        }
        if self.copied == 0 {
            return None;
        }
        self.masked.push_str(self.json.get(self.copied..)?);
        Some(self.masked)
    }

    /// Goes behind the next byte that matters, and gives its place.
    fn next_mark(&mut self) -> Option<usize> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let found = rest.iter().position(|byte| matches!(byte, b'{' | b'[' | b'}' | b']' | b',' | b'"'))?;
        let start = self.at + found;
        self.at = start + 1;
        Some(start)
    }

    fn enter(&mut self, is_object: bool) {
        if self.open.len() >= MAX_DEPTH {
            let start = self.at - 1;
            self.skip_container();
            self.replace(start, MASK);
            return;
        }
        self.open.push(Frame { is_object, under: self.under, masked_keys: 0 });
        self.begin_item();
    }

    fn leave(&mut self) {
        self.open.pop();
        self.awaits_key = false;
    }

    /// Before a key of an object or an item of an array.
    fn begin_item(&mut self) {
        if let Some(frame) = self.open.last() {
            self.awaits_key = frame.is_object;
            self.under = frame.under;
        }
    }

    /// Goes behind the end of the array or object that begins right before.
    fn skip_container(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            let Some(start) = self.next_mark() else { return };
            match self.json.as_bytes().get(start) {
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(b'"') => drop(self.skip_string()),
                _ => {}
            }
        }
    }

    /// Goes behind the end of the string whose quote was just read, and gives what stands in it.
    fn skip_string(&mut self) -> &'a str {
        let start = self.at;
        let mut bytes = self.json.as_bytes().iter().enumerate().skip(start);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return self.json.get(start..at).unwrap_or_default();
                }
                // Whatever is escaped, a quote too, ends nothing.
                b'\\' => drop(bytes.next()),
                _ => {}
            }
        }
        self.at = self.json.len();
        self.json.get(start..).unwrap_or_default()
    }

    /// A key or a text whose quote stands at `start`.
    fn string(&mut self, start: usize) {
        let raw = self.skip_string();
        if !self.awaits_key && self.under != Under::Secret && !self.has_looks {
            return;
        }
        let text = unescape(raw);
        if self.awaits_key {
            self.key(start, &text);
        } else if self.under == Under::Secret && is_secret_text(&text) {
            self.replace(start, MASK);
        } else if let Cow::Owned(masked) = self.rules.mask(&text) {
            self.replace(start, &masked);
        }
    }

    fn key(&mut self, start: usize, key: &str) {
        self.awaits_key = false;
        if self.under == Under::Plain {
            if self.knows_details && self.open.len() == 1 && key == "details" {
                self.under = Under::Known;
            } else if is_secret(key) {
                self.under = Under::Secret;
            }
        }
        if !self.has_looks {
            return;
        }
        if let Cow::Owned(mut masked) = self.rules.mask(key) {
            if let Some(frame) = self.open.last_mut() {
                frame.masked_keys += 1;
                if frame.masked_keys > 1 {
                    masked = format!("{masked}#{}", frame.masked_keys);
                }
            }
            self.replace(start, &masked);
        }
    }

    /// Puts `text` in the place of what was read from `start` on.
    fn replace(&mut self, start: usize, text: &str) {
        self.masked.push_str(self.json.get(self.copied..start).unwrap_or_default());
        let quoted = serde_json::to_string(text).expect("a text has a JSON form");
        self.masked.push_str(&quoted);
        self.copied = self.at;
    }
}

/// The text that is written as `raw` between quotes. Half a surrogate pair, which is no text, becomes U+FFFD.
fn unescape(raw: &str) -> Cow<'_, str> {
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
