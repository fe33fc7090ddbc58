//! What may be kept.

use serde_json::json;

use super::error::{InvalidPart, MemoryError, MemoryPart};
use super::model::{Kept, MAX_SUMMARY_BYTES};
use crate::event::Text;
use crate::redact::Redactor;

/// What may be kept, and who says what is a secret.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) redactor: Redactor,
}

impl Rules {
    /// The key and the author, if that may be kept.
    pub(super) fn check(&self, key: &str, summary: &str, author: &str) -> Result<(Text, Text), MemoryError> {
        let names = (check_key(key)?, name(author, MemoryPart::Author)?);
        if summary.len() > MAX_SUMMARY_BYTES {
            let (actual, at_most) = (summary.len(), MAX_SUMMARY_BYTES);
            return Err(MemoryError::TooLarge { part: MemoryPart::Summary, actual, at_most });
        }
        if !is_summary(summary) {
            return Err(MemoryError::Invalid { part: MemoryPart::Summary, reason: InvalidPart::Text });
        }
        for (part, is_secret) in [
            (MemoryPart::Key, self.is_secret(key)),
            (MemoryPart::Author, self.is_secret(author)),
            (MemoryPart::Summary, self.is_secret_under(key, summary)),
        ] {
            if is_secret {
                return Err(MemoryError::Secret { part });
            }
        }
        Ok(names)
    }

    /// Whether a memory that was read holds a secret.
    pub(super) fn holds_secret(&self, kept: &Kept) -> bool {
        self.is_secret(&kept.key)
            || kept
                .revisions
                .iter()
                .any(|set| self.is_secret(&set.author) || self.is_secret_under(&kept.key, &set.summary))
    }

    /// A text without the secrets that the redactor knows.
    pub(super) fn masked(&self, text: &str) -> Text {
        Text::from(&*self.redactor.redact_text(text))
    }

    fn is_secret(&self, text: &str) -> bool {
        self.redactor.redact_text(text) != text
    }

    /// Whether a text is a secret by its looks, or by the key it stands under.
    fn is_secret_under(&self, key: &str, text: &str) -> bool {
        let json = json!({ key: text }).to_string();
        self.redactor.redact_json(&json) != json
    }
}

/// Whether a text may be a summary: neither blank nor too long, and its only control characters break lines or tabulate.
pub(super) fn is_summary(text: &str) -> bool {
    !text.trim().is_empty()
        && text.len() <= MAX_SUMMARY_BYTES
        && !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The key, if a memory can have it.
pub(super) fn check_key(key: &str) -> Result<Text, MemoryError> {
    name(key, MemoryPart::Key)
}

fn name(text: &str, part: MemoryPart) -> Result<Text, MemoryError> {
    text.parse().map_err(|fault| MemoryError::Invalid { part, reason: InvalidPart::Name(fault) })
}
