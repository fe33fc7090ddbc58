//! What must not be told: [`Redactor`] masks secrets before anything leaves the process.
//!
//! It knows a secret by the key it stands under (`password`, `apiKey`, `client_secret`, ...) and by its looks (the
//! prefixes of providers' keys, bearer tokens, JSON web tokens, private keys, passwords in URLs, also where a text
//! was cut within one and ends in `…`). A program adds keys, patterns, paths and a longest length of texts of its own
//! ([`Redactor::builder`]).
//!
//! In the place of a secret stands a mask, `[redacted:3f1c0a9be52d]`. Its tag is 48 bits of a keyed hash: equal
//! secrets have equal tags, whatever rule found them, so that they can be told to be equal and nothing more. The key
//! is made anew in each process unless [`RedactorBuilder::tag_key`] or [`Redactor::give_process_tag_key`] gives one;
//! without the key nobody can try guesses against a tag.
//!
//! It promises that
//!
//! - what is clean stays as it was, byte for byte, and is not copied; so does what is a mask already;
//! - in JSON keys keep their order and numbers their digits, and the result can be read;
//! - by key only texts are masked, with all texts below that key: never numbers, booleans, null, empty texts, nor
//!   hashes (64 lower-case hexadecimal digits). Keys are compared by word and by their
//!   letters (`dbpassword`, `PassWord`), some words at the end only (`token`, `auth`, `pass`, `dsn`) and `tokens` alone,
//!   so that `input_tokens`, `token_count`, `auth_method` or `pass_count` is no secret;
//! - a secret in a key is masked as well; keys that become the same by it are numbered;
//! - a secret that stands in several texts of an array, one behind the other, is masked in each of them: a token in
//!   three at most, one of a fixed length in eight, a private key line by line, the argument behind `--password`
//!   unless that is an option too;
//! - what is nested more than [`MAX_DEPTH`] deep, which no reader takes, is masked whole;
//! - the time is linear in the length of the text, whatever stands in it.
//!
//! It cannot know a secret that has neither a telling key nor telling looks, nor one whose parts stand apart: in several
//! arrays or keys, or in more texts than that. A password in a URL is known as URLs have it, so without `/`, `?`, `#` and
//! space. Nothing fails while it masks but this: an event that could not be read again, as a path of the program's or a
//! secret in the name of its kind masks what it needs, is not written at all ([`Redactor::event_json`]).
//!
//! ```
//! use agentbus::Redactor;
//! use agentbus::redact::without_tags;
//!
//! let redactor = Redactor::new();
//! let told = redactor.redact_text("postgres://app:hunter2@db/main");
//! assert_eq!(without_tags(&told), "postgres://app:[redacted]@db/main");
//! let mask = redactor.mask("hunter2");
//! assert_eq!(told, format!("postgres://app:{mask}@db/main"));
//! let told = redactor.redact_json(r#"{"password":"hunter2","n":1.0}"#);
//! assert_eq!(told, format!(r#"{{"password":"{mask}","n":1.0}}"#));
//! assert_eq!((redactor.counts().of("url_password"), redactor.counts().of("key")), (1, 1));
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::ser::Error as _;
use serde_json::Value;

use crate::event::{DomainEvent, Payload};

mod adjacent;
mod builder;
mod clean;
mod counts;
mod error;
mod found;
mod json;
mod keys;
mod path;
mod pattern;
mod rules;
mod size;
mod tag;
#[cfg(test)]
mod tests;
mod text;

pub use builder::RedactorBuilder;
pub use counts::Counts;
pub use error::{PathFault, RedactError};
pub use size::MIN_TEXT_BYTES;
pub use tag::{MASK, is_mask, without_tags};

use counts::Rule;
use json::{Details, Of, Scan};
use rules::Rules;
use tag::Tags;

/// How deep JSON may be nested: as deep as `serde_json` reads it.
pub const MAX_DEPTH: usize = 127;

/// How long the lines of most events are at most, in bytes.
const LINE_BYTES: usize = 768;

/// Masks secrets. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Redactor {
    /// None if it masks nothing.
    rules: Option<Arc<Rules>>,
}

impl Redactor {
    /// A redactor with all built-in rules. They are compiled once in a process.
    pub fn new() -> Self {
        Self { rules: Some(Arc::new(Rules::built_in())) }
    }

    /// Adds rules to the built-in ones.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder::new()
    }

    /// The same whose masks have no tags: for what a model reads, where a tag costs tokens and makes equal texts
    /// differ.
    pub fn untagged() -> Self {
        Self { rules: Some(Arc::new(Rules { tags: Tags::None, ..Rules::built_in() })) }
    }

    /// A redactor that masks nothing.
    pub fn none() -> Self {
        Self { rules: None }
    }

    /// Gives all redactors of this process that have no key of their own this one, so that several processes and runs
    /// give equal secrets equal tags; whether it came in time, before there was a redactor and a key before it. Who has
    /// the key can try guesses against a tag: keep it as secret as what is masked.
    pub fn give_process_tag_key(key: [u8; 32]) -> bool {
        tag::give_to_process(key)
    }

    /// How often each of its rules masked; nothing if it masks nothing.
    pub fn counts(&self) -> Counts {
        self.rules.as_ref().map(|rules| rules.counters.read()).unwrap_or_default()
    }

    /// What stands for a secret that the program itself knows to be one, with its tag. It is not counted.
    pub fn mask(&self, secret: &str) -> String {
        self.rules.as_ref().map_or_else(|| MASK.to_owned(), |rules| rules.tags.mask(secret))
    }

    /// Masks secrets in a text, by their looks. Borrowed if there is none.
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.rules {
            Some(rules) => rules.mask(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Masks secrets in texts that follow one another, also those that stand in several of them, as in an array of
    /// JSON: as many texts as were given. Borrowed if there is none.
    pub fn redact_texts<'a>(&self, texts: &'a [Cow<'_, str>]) -> Vec<Cow<'a, str>> {
        match &self.rules {
            Some(rules) => rules.mask_adjacent(texts),
            None => texts.iter().map(|text| Cow::Borrowed(&**text)).collect(),
        }
    }

    /// Masks secrets in a JSON value, by key, path and their looks.
    #[expect(clippy::missing_panics_doc, reason = "masking leaves JSON")]
    pub fn redact_value(&self, value: &mut Value) {
        let Some(rules) = &self.rules else { return };
        let json = value.to_string();
        if let Some(masked) = Scan::new(rules, &json, Of::Json).run() {
            *value =
                serde_json::from_str(&masked.json).expect("masking leaves JSON, not too deep to be read");
        }
    }

    /// Masks secrets in a JSON text, by key, path and their looks. Borrowed if there is none.
    ///
    /// What is no JSON is taken as a plain text.
    pub fn redact_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let Some(rules) = &self.rules else { return Cow::Borrowed(json) };
        if serde_json::from_str::<IgnoredAny>(json).is_err() {
            return rules.mask(json);
        }
        if clean::is_clean(rules, json, 0..json.len()) {
            return Cow::Borrowed(json);
        }
        Scan::new(rules, json, Of::Json).run().map_or(Cow::Borrowed(json), |masked| Cow::Owned(masked.json))
    }

    /// The event as one line of JSON, without the newline, its secrets masked.
    ///
    /// The names of the details of the domain's kinds are known to hold no secrets: those are masked by their looks
    /// and by path only. The details of other kinds, and attributes, are masked by key as well.
    ///
    /// # Errors
    /// `serde_json`'s, if custom details have no JSON form; one that says so, if the event could not be read again: a
    /// path masks what has a fixed form, or the name of its kind looks like a secret.
    #[expect(clippy::missing_panics_doc, reason = "serde_json writes UTF-8")]
    pub fn event_json(&self, event: &DomainEvent) -> Result<String, serde_json::Error> {
        let mut line = Vec::with_capacity(LINE_BYTES);
        let details = event.write_json(&mut line)?;
        let line = String::from_utf8(line).expect("serde_json writes UTF-8");
        Ok(self.masked(event, &line, details)?.unwrap_or(line))
    }

    /// The event without its secrets; borrowed if it has none. One that was masked is read from its JSON, so that
    /// details of a custom kind are JSON, and it is not marked as replayed.
    ///
    /// # Errors
    /// As [`Redactor::event_json`].
    pub fn redact_event<'a>(
        &self,
        event: &'a DomainEvent,
    ) -> Result<Cow<'a, DomainEvent>, serde_json::Error> {
        let mut line = Vec::with_capacity(LINE_BYTES);
        if self.write_event_json(event, &mut line)? {
            serde_json::from_slice(&line).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(event))
        }
    }

    /// Appends what [`Redactor::event_json`] gives to `into`; whether anything was masked. After an error part of it
    /// may stand there.
    pub(crate) fn write_event_json(
        &self,
        event: &DomainEvent,
        into: &mut Vec<u8>,
    ) -> Result<bool, serde_json::Error> {
        let start = into.len();
        let details = event.write_json(into)? - start;
        let line = into.get(start..).and_then(|line| std::str::from_utf8(line).ok());
        let Some(masked) = self.masked(event, line.expect("serde_json writes UTF-8"), details)? else {
            return Ok(false);
        };
        into.truncate(start);
        into.extend_from_slice(masked.as_bytes());
        Ok(true)
    }

    /// An event's line, of which the details begin at `details`, without its secrets; `None` if it has none.
    fn masked(
        &self,
        event: &DomainEvent,
        line: &str,
        details: usize,
    ) -> Result<Option<String>, serde_json::Error> {
        let Some(rules) = &self.rules else { return Ok(None) };
        if clean::is_clean(rules, line, clean::keyed_part(event, line, details)) {
            return Ok(None);
        }
        let Some(masked) = Scan::new(rules, line, Of::Event(details_of(event))).run() else {
            return Ok(None);
        };
        if !rules.find(event.type_name()).is_empty() {
            return Err(serde_json::Error::custom("the name of its kind holds what looks like a secret"));
        }
        if masked.by_path && serde_json::from_str::<DomainEvent>(&masked.json).is_err() {
            return Err(serde_json::Error::custom(
                "a path of the redactor masks what it could not be read without",
            ));
        }
        Ok(Some(masked.json))
    }

    /// Whether nothing in the JSON of an event is masked. It is not surely told of what somebody else wrote: with
    /// escapes, or with keys that mean something, it is read again to be written as [`Redactor::event_json`] does.
    #[cfg(feature = "audit")]
    pub(crate) fn is_clean(&self, event: &DomainEvent, json: &str) -> bool {
        let Some(rules) = &self.rules else { return true };
        let is_keyed = event.attributes().next().is_some()
            || event.unknown_keys().next().is_some()
            || matches!(event.payload(), Payload::Custom(_));
        let keyed = if is_keyed { 0..json.len() } else { 0..0 };
        !json.contains('\\') && clean::is_clean(rules, json, keyed)
    }

    /// The JSON of what stands under a key of an event's envelope, its secrets masked as in [`Redactor::event_json`].
    pub(crate) fn redact_part<'a>(&self, event: &DomainEvent, key: &str, json: &'a str) -> Cow<'a, str> {
        let Some(rules) = &self.rules else { return Cow::Borrowed(json) };
        let masked = Scan::new(rules, json, Of::Part(key, details_of(event))).run();
        masked.map_or(Cow::Borrowed(json), |masked| Cow::Owned(masked.json))
    }

    /// A name that stands under a key of an event's envelope, so masked.
    pub(crate) fn redact_name<'a>(&self, key: &str, name: &'a str) -> Cow<'a, str> {
        match &self.rules {
            Some(rules) if rules.paths.step(rules.paths.at_root(), 0, key).1 && !is_mask(name) => {
                Cow::Owned(rules.secret(name, Rule::Path))
            }
            _ => self.redact_text(name),
        }
    }
}

fn details_of(event: &DomainEvent) -> Details {
    if matches!(event.payload(), Payload::Custom(_)) { Details::Other } else { Details::Known }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.rules {
            None => "Redactor(no rules)",
            Some(rules) if rules.are_built_in_only() => "Redactor(built-in rules)",
            Some(_) => "Redactor(built-in rules and more)",
        })
    }
}
