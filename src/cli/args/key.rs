//! [`KeyGrant`]: where a key may be sent.

use std::convert::Infallible;
use std::str::FromStr;

/// That the key in a variable may be sent to an origin. A text that does not say that allows nothing; it is not told
/// as bad, since it may be the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyGrant {
    variable: String,
    origin: String,
}

impl KeyGrant {
    #[cfg_attr(
        not(feature = "openai"),
        expect(dead_code, reason = "a build that asks no endpoint sends no key")
    )]
    pub(crate) fn allows(&self, variable: &str, origin: &str) -> bool {
        !variable.is_empty() && self.variable == variable && self.origin.eq_ignore_ascii_case(origin)
    }
}

impl KeyGrant {
    /// As it was said; nothing of a text that may be something else.
    pub(crate) fn said(&self) -> Option<String> {
        let is_origin = self.origin.starts_with("https://") || self.origin.starts_with("http://");
        is_origin.then(|| format!("{}={}", self.variable, self.origin))
    }
}

impl FromStr for KeyGrant {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (variable, origin) = text.split_once('=').unwrap_or_default();
        let origin = origin.strip_suffix('/').unwrap_or(origin);
        Ok(Self { variable: variable.to_owned(), origin: origin.to_owned() })
    }
}
