//! Masking in a JSON text, without building its value: what is clean is copied as it is written.

use super::MAX_DEPTH;
use super::counts::Rule;
use super::keys::is_secret_text;
use super::path::{Alive, is_fixed, is_of_envelope};
use super::rules::Rules;
use super::tag::is_mask;

mod escape;
mod frame;
mod pieces;

use escape::unescape;
use frame::Frame;
use pieces::Piece;

/// What a JSON text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of<'a> {
    /// Anything.
    Json,
    /// A whole event.
    Event(Details),
    /// What stands under a key of an event's envelope.
    Part(&'a str, Details),
}

/// What the details of an event are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Details {
    /// Those of a kind of the domain: their names hold no secrets, and they have types.
    Known,
    Other,
}

/// A text without its secrets.
pub(super) struct Masked {
    pub(super) json: String,
    /// Whether some were found by a path.
    pub(super) by_path: bool,
}

/// What the keys above a value say of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// Nothing.
    Plain,
    /// That it is secret.
    Secret,
    /// That the program chose it.
    Path,
    /// That keys below it say nothing.
    Known,
}

/// One pass over a text that is known to be JSON.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the place that was reached")]
pub(super) struct Scan<'a> {
    rules: &'a Rules,
    json: &'a str,
    of: Of<'a>,
    /// How far it was read, in bytes.
    at: usize,
    /// How far it was copied to `masked`, in bytes; 0 if nothing was masked.
    copied: usize,
    masked: String,
    by_path: bool,
    /// The arrays and objects that are open.
    open: Vec<Frame>,
    /// Whether the next text is a key.
    awaits_key: bool,
    /// What the last key says of its value.
    under: Under,
    /// The paths that its value is on.
    alive: Alive,
    /// Whether its value is of a known kind's details.
    is_typed: bool,
    /// Whether anything in it may look like a secret.
    has_looks: bool,
    /// The texts right before in the same array.
    pieces: Vec<Piece<'a>>,
    /// Whether the last item of an array was one of them.
    was_text: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, json: &'a str, of: Of<'a>) -> Self {
        let (mut alive, mut under, mut is_typed) = (rules.paths.at_root(), Under::Plain, false);
        if let Of::Part(key, details) = of {
            let ends;
            (alive, ends) = rules.paths.step(alive, 0, key);
            is_typed = key == "details" && details == Details::Known;
            under = if ends {
                Under::Path
            } else if is_typed {
                Under::Known
            } else {
                Under::Plain
            };
        }
        Self {
            rules,
            json,
            of,
            at: 0,
            copied: 0,
            masked: String::new(),
            by_path: false,
            open: Vec::with_capacity(8),
            awaits_key: false,
            under,
            alive,
            is_typed,
            has_looks: rules.may_find(json),
            pieces: Vec::new(),
            was_text: false,
        }
    }

    /// The text with its secrets masked; `None` if it has none.
    pub(super) fn run(mut self) -> Option<Masked> {
        while let Some((start, byte)) = self.next_mark() {
            match byte {
                b'{' => self.enter(true),
                b'[' => self.enter(false),
                b'}' | b']' => self.leave(),
                b',' => self.begin_item(),
                b'"' => self.string(start),
                _ => self.number(start),
            }
        }
        if self.copied == 0 {
            return None;
        }
        self.masked.push_str(self.json.get(self.copied..)?);
        Some(Masked { json: self.masked, by_path: self.by_path })
    }

    /// Goes behind the next byte that matters, and gives its place.
    fn next_mark(&mut self) -> Option<(usize, u8)> {
        let rest = self.json.as_bytes().get(self.at..)?;
        // Where types are fixed a number could not be a text.
        let has_numbers = self.under == Under::Path && !self.is_typed && !self.awaits_key;
        let is_mark = |byte: &u8| match byte {
            b'{' | b'[' | b'}' | b']' | b',' | b'"' => true,
            b'-' | b'0'..=b'9' => has_numbers,
            _ => false,
        };
        let (found, byte) = rest.iter().enumerate().find(|(_, byte)| is_mark(byte))?;
        let start = self.at + found;
        self.at = start + 1;
        Some((start, *byte))
    }

    fn enter(&mut self, is_object: bool) {
        self.settle_pieces();
        if self.open.len() >= MAX_DEPTH {
            let start = self.at - 1;
            self.skip_container();
            let whole = self.json.get(start..self.at).unwrap_or_default();
            let mask = self.rules.secret(whole, Rule::Depth);
            self.replace(start, self.at, &mask);
            return;
        }
        self.open.push(Frame::new(is_object, self.under, self.alive, self.is_typed));
        self.begin_item();
    }

    fn leave(&mut self) {
        self.settle_pieces();
        self.open.pop();
        self.awaits_key = false;
        self.was_text = false;
    }

    /// Before a key of an object or an item of an array.
    fn begin_item(&mut self) {
        if !self.was_text {
            self.settle_pieces();
        }
        self.was_text = false;
        let depth = self.depth();
        let Some(frame) = self.open.last_mut() else { return };
        (self.awaits_key, self.under, self.is_typed) = (frame.is_object, frame.under, frame.is_typed);
        self.alive = 0;
        if frame.alive != 0 && !frame.is_object {
            let ends;
            (self.alive, ends) = self.rules.paths.step(frame.alive, depth, &frame.items.to_string());
            if ends {
                self.under = Under::Path;
            }
        }
        frame.items += 1;
    }

    /// How many steps the values of the innermost container are below the root, less one.
    fn depth(&self) -> usize {
        self.open.len().saturating_sub(usize::from(!matches!(self.of, Of::Part(..))))
    }

    /// Goes behind the end of the array or object that begins right before.
    fn skip_container(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            let Some((_, byte)) = self.next_mark() else { return };
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => drop(self.skip_string()),
                _ => {}
            }
        }
    }

    /// Goes behind the end of the string whose quote was just read, and gives what stands in it.
    fn skip_string(&mut self) -> &'a str {
        let (start, bytes) = (self.at, self.json.as_bytes());
        let mut at = start;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            at += found;
            if bytes.get(at) == Some(&b'"') {
                self.at = at + 1;
                return self.json.get(start..at).unwrap_or_default();
            }
            // Whatever is escaped, a quote too, ends nothing.
            at += 2;
        }
        self.at = self.json.len();
        self.json.get(start..).unwrap_or_default()
    }

    /// A key or a text whose quote stands at `start`.
    fn string(&mut self, start: usize) {
        let raw = self.skip_string();
        if self.awaits_key {
            return self.key(start, raw);
        }
        let piece = Piece { start, end: self.at, raw };
        let rule = match self.under {
            Under::Secret => Rule::Key,
            Under::Path => Rule::Path,
            Under::Plain | Under::Known => {
                if self.open.last().is_some_and(|frame| !frame.is_object) {
                    self.was_text = true;
                    self.pieces.push(piece);
                } else {
                    self.text(&piece);
                }
                return;
            }
        };
        let text = unescape(raw);
        let is_secret =
            if rule == Rule::Path { !text.is_empty() && !is_mask(&text) } else { is_secret_text(&text) };
        if is_secret {
            self.by_path |= rule == Rule::Path;
            let mask = self.rules.secret(&text, rule);
            self.replace(start, self.at, &mask);
        }
    }

    fn key(&mut self, start: usize, raw: &'a str) {
        self.awaits_key = false;
        let key = unescape(raw);
        let is_in_envelope = self.open.len() == 1 && matches!(self.of, Of::Event(_));
        let alive = self.open.last().map_or(0, |frame| frame.alive);
        self.alive = 0;
        if alive != 0 && !(is_in_envelope && is_fixed(&key)) {
            let ends;
            (self.alive, ends) = self.rules.paths.step(alive, self.depth(), &key);
            if ends {
                self.under = Under::Path;
            }
        }
        let is_known = is_in_envelope && self.of == Of::Event(Details::Known) && key == "details";
        self.is_typed |= is_known;
        if self.under == Under::Plain {
            if is_known {
                self.under = Under::Known;
            } else if self.rules.keys.is_secret(&key) && !(is_in_envelope && is_of_envelope(&key)) {
                self.under = Under::Secret;
            }
        }
        self.mask_key(start, &key);
    }

    /// Masks what looks like a secret in a key. Keys that become the same are numbered.
    fn mask_key(&mut self, start: usize, key: &str) {
        if !self.has_looks {
            return;
        }
        let masked = self.rules.mask_key(key);
        let Some(frame) = self.open.last_mut() else { return };
        let name = frame.name(masked.unwrap_or_else(|| key.to_owned()));
        if name != key {
            self.replace(start, self.at, &name);
        }
    }

    /// A number that the program chose.
    fn number(&mut self, start: usize) {
        let rest = self.json.as_bytes().get(start..).unwrap_or_default();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        self.at = start + rest.iter().take_while(|byte| is_part(byte)).count();
        self.by_path = true;
        let mask = self.rules.secret(self.json.get(start..self.at).unwrap_or_default(), Rule::Path);
        self.replace(start, self.at, &mask);
    }

    /// Puts `text` in the place of what stands from `start` to `end`.
    fn replace(&mut self, start: usize, end: usize, text: &str) {
        self.masked.push_str(self.json.get(self.copied..start).unwrap_or_default());
        let quoted = serde_json::to_string(text).expect("a text has a JSON form");
        self.masked.push_str(&quoted);
        self.copied = end;
    }
}
