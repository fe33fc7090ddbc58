//! [`ChatCompletionsBuilder`]: the settings of a model, checked once.

use std::env;
use std::num::NonZeroU32;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::error::BuildModelError;
use super::request::{OutputLimit, Settings};
use super::secret::Secret;
use super::{ChatCompletionsModel, Patience};
use crate::redact::Redactor;

/// The variable that holds the key, unless told otherwise.
const KEY_VARIABLE: &str = "OPENAI_API_KEY";

/// Builds a [`ChatCompletionsModel`]. Its debug output shows neither the URL nor a key.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ChatCompletionsBuilder {
    /// It may hold a password, for which it is refused later.
    base_url: Secret,
    key: Key,
    settings: Settings,
    patience: Patience,
}

/// Where the key is.
#[derive(Clone, Debug)]
enum Key {
    /// In the usual variable, if that is set.
    Usual,
    /// Whoever takes the setting for the key itself must not see it shown.
    Variable(Secret),
    Given(Secret),
    /// None is sent.
    Absent,
}

impl ChatCompletionsBuilder {
    pub(super) fn new(base_url: String, model: String) -> Self {
        Self {
            base_url: Secret::new(base_url),
            key: Key::Usual,
            settings: Settings { model, temperature: None, output_limit: None },
            patience: Patience {
                timeout: Duration::from_mins(2),
                retries: 3,
                backoff: Duration::from_millis(500),
                longest_wait: Duration::from_mins(1),
                reply_limit: 8 << 20,
            },
        }
    }

    /// Takes the key from this variable of the environment, which must be set. Otherwise it is taken from
    /// `OPENAI_API_KEY`, and none is sent where that is not set.
    pub fn key_variable(mut self, variable: impl Into<String>) -> Self {
        self.key = Key::Variable(Secret::new(variable));
        self
    }

    /// Takes this key, whatever the environment holds.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Key::Given(Secret::new(key));
        self
    }

    /// Sends no key, whatever the environment holds.
    pub fn without_key(mut self) -> Self {
        self.key = Key::Absent;
        self
    }

    /// How long one attempt may take, from connecting to the last byte: 2 minutes. Not zero.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience.timeout = timeout;
        self
    }

    /// How often it asks again at most: 3.
    pub fn retries(mut self, retries: u32) -> Self {
        self.patience.retries = retries;
        self
    }

    /// How long the first wait between two attempts is at most, of which the later ones are multiples: 500 ms.
    pub fn backoff(mut self, first: Duration) -> Self {
        self.patience.backoff = first;
        self
    }

    /// How long it waits between two attempts at most, whatever the endpoint asks for: 1 minute.
    pub fn longest_wait(mut self, longest: Duration) -> Self {
        self.patience.longest_wait = longest;
        self
    }

    /// The most bytes of a reply; a larger one is refused: 8 MiB.
    pub fn reply_limit(mut self, bytes: usize) -> Self {
        self.patience.reply_limit = bytes;
        self
    }

    /// How freely the model answers, from 0 to 2; otherwise as the endpoint has it.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.settings.temperature = Some(temperature);
        self
    }

    /// How many tokens a reply has at most, told as `max_tokens`; otherwise as the endpoint has it.
    pub fn max_output_tokens(mut self, tokens: NonZeroU32) -> Self {
        self.settings.output_limit = Some(OutputLimit::MaxTokens(tokens));
        self
    }

    /// The same, told as `max_completion_tokens`, which newer models of `OpenAI` want in place of `max_tokens`.
    pub fn max_completion_tokens(mut self, tokens: NonZeroU32) -> Self {
        self.settings.output_limit = Some(OutputLimit::MaxCompletionTokens(tokens));
        self
    }

    /// Checks the settings, and reads the key. With `https` it reads the certificates of the system, from disk.
    ///
    /// # Errors
    /// [`BuildModelError`], which says what is wrong with which setting.
    pub fn build(self) -> Result<ChatCompletionsModel, BuildModelError> {
        let Self { base_url, key, settings, patience } = self;
        let refused = |setting, reason| Err(BuildModelError::Setting { setting, reason });
        if settings.model.trim().is_empty() {
            return refused("name of the model", "it is empty");
        }
        if settings.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
            return refused("temperature", "it is not between 0 and 2");
        }
        if patience.timeout.is_zero() {
            return refused("timeout", "no attempt can succeed in no time");
        }
        let endpoint = Endpoint::open(&base_url, key.read()?)?;
        Ok(ChatCompletionsModel { endpoint, settings, patience })
    }
}

impl Key {
    /// The key itself; an empty one is none.
    fn read(self) -> Result<Option<Secret>, BuildModelError> {
        let (key, variable) = match self {
            Self::Absent => return Ok(None),
            Self::Given(key) => (Some(key), None),
            Self::Usual => (read_variable(KEY_VARIABLE)?, None),
            Self::Variable(variable) => (read_variable(variable.expose())?, Some(variable)),
        };
        match (key, variable) {
            (None, Some(variable)) => {
                Err(BuildModelError::Key { place: shown(variable.expose()), reason: "it is not set" })
            }
            (key, _) => Ok(key),
        }
    }
}

/// What a variable holds, without the white space around it; none if that is nothing.
fn read_variable(variable: &str) -> Result<Option<Secret>, BuildModelError> {
    let refused = |reason| BuildModelError::Key { place: shown(variable), reason };
    // To look up such a name is a panic on some systems.
    if variable.is_empty() || variable.contains(['=', '\0']) {
        return Err(refused("no variable can be called that"));
    }
    match env::var(variable) {
        Ok(key) => Ok(Some(key.trim()).filter(|key| !key.is_empty()).map(Secret::new)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_holds_it)) => Err(refused("it holds no text")),
    }
}

/// What a variable is called in an error: by its name, if that cannot well be the key itself.
fn shown(variable: &str) -> String {
    let is_usual = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    let is_shown = (1..=64).contains(&variable.len()) && variable.bytes().all(is_usual);
    if is_shown {
        Redactor::new().redact_text(variable).into_owned()
    } else {
        "the variable named for it".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> ChatCompletionsBuilder {
        ChatCompletionsModel::builder("http://localhost:1/v1", "m")
    }

    #[track_caller]
    fn assert_refused(builder: ChatCompletionsBuilder, expected: &str) {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_setting_that_cannot_be_is_refused() {
        assert_refused(ChatCompletionsModel::builder("http://localhost:1/v1", " "), "name of the model");
        assert_refused(ChatCompletionsModel::builder("http://me:hunter2@h/v1", "m"), "a user or a password");
        assert_refused(ChatCompletionsModel::builder("hunter2", "m"), "cannot ask a model at this URL");
        for temperature in [-0.1, 2.1, f64::NAN, f64::INFINITY] {
            assert_refused(builder().temperature(temperature), "not between 0 and 2");
        }
        assert_refused(builder().timeout(Duration::ZERO), "timeout");
        assert_refused(builder().key("hunter2\n"), "characters that no header can hold");
    }

    #[test]
    fn a_variable_that_is_named_must_hold_a_key() {
        assert_refused(builder().key_variable("NO_SUCH_KEY"), "from NO_SUCH_KEY: it is not set");
        for variable in ["hunter2", "sk-hunter2", "", "HUNTER=hunter2", "HUNTER\0hunter2"] {
            assert_refused(builder().key_variable(variable), "from the variable named for it: ");
        }
    }

    #[test]
    fn debug_output_shows_neither_password_nor_key() {
        let builder = ChatCompletionsModel::builder("http://me:hunter2@h/v1", "m").key("hunter3");
        let named = self::builder().key_variable("hunter4");
        let debug = format!("{builder:?} {named:?} {:?}", self::builder().key("hunter2").build().unwrap());
        assert!(!debug.contains("hunter") && debug.contains("http://localhost:1"), "{debug}");
    }
}
