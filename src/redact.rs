//! What must not be told: [`Redactor`] masks secrets before anything leaves the process.
//!
//! It knows a secret by the key it stands under (`password`, `apiKey`, `client_secret`, ...) and by its looks (the
//! prefixes of providers' keys, bearer tokens, JSON web tokens, private keys, passwords in URLs, also where a text was
//! cut within one and ends in `…`), and puts [`MASK`] in its place.
//!
//! It promises that
//!
//! - what is clean stays as it was, byte for byte, and is not copied;
//! - in JSON keys keep their order and numbers their digits, and the result can be read;
//! - by key only texts are masked, with all texts below that key: never numbers, booleans, null, empty texts, nor
//!   hashes (64 lower-case hexadecimal digits). Keys are compared by word, so that `input_tokens` or
//!   `token_count` is no secret;
//! - a secret in a key is masked as well; keys that become the same by it are numbered;
//! - what is nested more than [`MAX_DEPTH`] deep, which no reader takes, is masked whole;
//! - the time is linear in the length of the text, whatever stands in it.
//!
//! It cannot know a secret that has neither a telling key nor telling looks.
//!
//! ```
//! use agentbus::Redactor;
//!
//! let redactor = Redactor::new();
//! assert_eq!(redactor.redact_text("postgres://app:hunter2@db/main"), "postgres://app:[redacted]@db/main");
//! assert_eq!(redactor.redact_json(r#"{"apiKey":"123","n":1.0}"#), r#"{"apiKey":"[redacted]","n":1.0}"#);
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::event::{DomainEvent, Payload};

mod json;
mod keys;
#[cfg(test)]
mod tests;
mod text;
mod value;

use json::Scan;
use text::TextRules;

/// What stands where a secret stood.
pub const MASK: &str = "[redacted]";

/// How deep JSON may be nested: as deep as `serde_json` reads it.
pub const MAX_DEPTH: usize = 127;

/// Masks secrets. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    /// None if it masks nothing.
    rules: Option<Arc<Rules>>,
}

/// What a redactor knows secrets by.
struct Rules {
    text: TextRules,
}

static BUILT_IN: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(Rules { text: TextRules::built_in() }));

impl Redactor {
    /// A redactor with all built-in rules. They are compiled once in a process.
    pub fn new() -> Self {
        Self { rules: Some(Arc::clone(&BUILT_IN)) }
    }

    /// A redactor that masks nothing.
    pub fn none() -> Self {
        Self { rules: None }
    }

    /// Masks secrets in a text, by their looks. Borrowed if there is none.
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.rules {
            Some(rules) => rules.text.mask(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Masks secrets in a JSON value, by key and by their looks.
    pub fn redact_value(&self, value: &mut Value) {
        if let Some(rules) = &self.rules {
            value::mask(&rules.text, value, 0, false);
        }
    }

    /// Masks secrets in a JSON text, by key and by their looks. Borrowed if there is none.
    ///
    /// What is no JSON is taken as a plain text.
    pub fn redact_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let Some(rules) = &self.rules else { return Cow::Borrowed(json) };
        if serde_json::from_str::<IgnoredAny>(json).is_err() {
            return rules.text.mask(json);
        }
        Scan::new(&rules.text, json).run().map_or(Cow::Borrowed(json), Cow::Owned)
    }

    /// The event as one line of JSON, without the newline, its secrets masked.
    ///
    /// The names of the details of the domain's kinds are known to hold no secrets: those are masked by their
    /// looks only. The details of other kinds, and attributes, are masked by key as well.
    ///
    /// # Errors
    /// `serde_json`'s, if custom details have no JSON form.
    #[expect(clippy::missing_panics_doc, reason = "serde_json writes UTF-8")]
    pub fn event_json(&self, event: &DomainEvent) -> Result<String, serde_json::Error> {
        let mut line = Vec::new();
        self.write_event_json(event, &mut line)?;
        Ok(String::from_utf8(line).expect("serde_json writes UTF-8"))
    }

    /// Appends what [`Redactor::event_json`] gives to `into`; whether anything was masked. After an error part of it
    /// may stand there.
    pub(crate) fn write_event_json(
        &self,
        event: &DomainEvent,
        into: &mut Vec<u8>,
    ) -> Result<bool, serde_json::Error> {
        let start = into.len();
        serde_json::to_writer(&mut *into, event)?;
        let Some(rules) = &self.rules else { return Ok(false) };
        let line = into.get(start..).and_then(|line| std::str::from_utf8(line).ok());
        let line = line.expect("serde_json writes UTF-8");
        let is_custom = matches!(event.payload(), Payload::Custom(_));
        let has_own_keys =
            is_custom || event.attributes().next().is_some() || event.unknown_keys().next().is_some();
        if !has_own_keys && !rules.text.may_mask_json(line) {
            return Ok(false);
        }
        let scan = Scan::new(&rules.text, line);
        let scan = if is_custom { scan } else { scan.of_known_event() };
        let Some(masked) = scan.run() else { return Ok(false) };
        into.truncate(start);
        into.extend_from_slice(masked.as_bytes());
        Ok(true)
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rules.is_some() { "Redactor(built-in rules)" } else { "Redactor(no rules)" })
    }
}
