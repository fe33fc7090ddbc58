//! [`Secret`]: a text that is never shown.

use std::fmt;

use crate::redact::{MASK, Redactor};

/// A text that debug output does not show.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that must have it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with this secret masked.
    pub(super) fn mask_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.0, &Redactor::new().mask(&self.0))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
