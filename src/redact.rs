//! Stand-in until the real one lands.
use std::borrow::Cow;
/// Masks.
#[derive(Clone, Debug, Default)]
pub struct Redactor;
impl Redactor {
    /// Text.
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
    /// JSON.
    pub fn redact_json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
}
