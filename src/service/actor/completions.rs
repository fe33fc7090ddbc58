//! [`ChatCompletionsModel`]: a model behind an endpoint that speaks the public format of chat completions.

use std::time::Duration;

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::body::Bytes;

use super::model::{Conversation, LanguageModel, ModelError, Reply};
use crate::service::backoff::delay_after;
use crate::service::time::millis;
use crate::service::tool::ToolSpec;

mod answer;
mod builder;
mod endpoint;
mod error;
mod request;
mod retry_after;
mod secret;

pub use builder::ChatCompletionsBuilder;
pub use error::{BuildModelError, EndpointError};

use endpoint::{Answer, Endpoint, Fault};
use request::Settings;
use retry_after::wait_asked_for;

/// Asks any endpoint that speaks the public format of chat completions: a provider's, a gateway's, a local server's.
/// Cheap to clone; clones share their connections.
///
/// It promises that
///
/// - an attempt is over within its timeout, reply and all, and no more of a reply is kept than allowed; the message of an
///   error is waited for a second at most, since its status says what to do;
/// - it asks again, at most as often as it was told, what may succeed then: where no connection comes about or it is
///   cut, where an attempt takes too long, and on the statuses 429 and 5xx but 501 and 505. It waits as long as a
///   `Retry-After` asks for, else exponentially longer each time with a part at random, and never longer than the
///   longest wait it was given;
/// - the key is in no log line, event, error or debug output, nor is what a reply holds. Only the message of an
///   endpoint's error is told: its secrets masked, cut to 500 bytes, and not with status 401, whose message may quote
///   the key in part.
///
/// What goes wrong is a [`ModelError`]: `Endpoint`, or `Malformed` for a reply that is none. Arguments of a tool that
/// are no JSON are not: the actor tells the model.
///
/// It speaks HTTP/1.1 and trusts the certificates of the system. It follows no redirection, asks no proxy, and reads
/// no stream of events. With `http` everything can be read on the way, the key too.
///
/// ```
/// use std::num::NonZeroU32;
/// use agentbus::service::actor::{ChatCompletionsModel, LanguageModel as _};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = ChatCompletionsModel::builder("http://localhost:11434/v1", "qwen3")
///     .temperature(0.2)
///     .max_output_tokens(NonZeroU32::new(4096).expect("it is not zero"))
///     .build()?;
/// assert_eq!(model.name(), "qwen3");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ChatCompletionsModel {
    endpoint: Endpoint,
    settings: Settings,
    patience: Patience,
}

/// How long it waits for what, and how much it reads.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Of one attempt.
    timeout: Duration,
    /// After the first attempt.
    retries: u32,
    /// The first wait between two attempts is at most that long.
    backoff: Duration,
    longest_wait: Duration,
    /// The most bytes of a reply.
    reply_limit: usize,
}

/// Why an attempt gave no reply.
enum Attempt {
    Ended(ModelError),
    Failed {
        error: EndpointError,
        /// How long the endpoint asks to wait.
        wait: Option<Duration>,
    },
}

impl ChatCompletionsModel {
    /// Begins a model of that name behind `base_url`, such as `https://api.openai.com/v1`: what stands before
    /// `/chat/completions`.
    pub fn builder(base_url: impl Into<String>, name: impl Into<String>) -> ChatCompletionsBuilder {
        ChatCompletionsBuilder::new(base_url.into(), name.into())
    }

    /// Where it is asked: scheme, host and port, as the URL has them.
    pub fn origin(&self) -> &str {
        self.endpoint.origin()
    }

    async fn attempt(&self, question: Bytes) -> Result<Reply, Attempt> {
        let Patience { timeout, reply_limit, .. } = self.patience;
        match self.endpoint.ask(question, timeout, reply_limit).await {
            Ok(answer) => self.read(&answer),
            Err(Fault::NoHttp) => Err(Attempt::Ended(ModelError::malformed("it is no HTTP"))),
            Err(Fault::Endpoint(error)) => Err(Attempt::Failed { error, wait: None }),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Reply, Attempt> {
        let status = answer.status;
        if status != StatusCode::OK {
            let message = match status {
                StatusCode::UNAUTHORIZED => None,
                _ => answer::error_message(&answer.body).map(|message| self.endpoint.tell(&message)),
            };
            let error = EndpointError::Status { status: status.as_u16(), message };
            return Err(Attempt::Failed { error, wait: wait_asked_for(&answer.headers) });
        }
        answer::reply(&answer.body).map_err(|malformed| match answer::error_message(&answer.body) {
            // Some gateways tell of an error with a status of success.
            Some(message) => {
                let message = Some(self.endpoint.tell(&message));
                Attempt::Failed {
                    error: EndpointError::Status { status: status.as_u16(), message },
                    wait: None,
                }
            }
            None => Attempt::Ended(malformed),
        })
    }

    /// How long to wait before the next attempt; none if there is to be none.
    fn delay(&self, attempts: u32, error: &EndpointError, wait: Option<Duration>) -> Option<Duration> {
        let Patience { retries, backoff, longest_wait, .. } = self.patience;
        (attempts <= retries && error.is_transient()).then(|| {
            wait.map_or_else(|| delay_after(attempts, backoff, longest_wait), |wait| wait.min(longest_wait))
        })
    }
}

#[async_trait]
impl LanguageModel for ChatCompletionsModel {
    fn name(&self) -> &str {
        &self.settings.model
    }

    async fn respond(&self, conversation: &Conversation, tools: &[ToolSpec]) -> Result<Reply, ModelError> {
        let question = request::body(&self.settings, conversation, tools);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (error, wait) = match self.attempt(question.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(Attempt::Ended(error)) => return Err(error),
                Err(Attempt::Failed { error, wait }) => (error, wait),
            };
            let endpoint = self.endpoint.origin();
            let Some(delay) = self.delay(attempts, &error, wait) else {
                return Err(ModelError::Endpoint { endpoint: endpoint.to_owned(), attempts, error });
            };
            tracing::warn!(
                target: "agentbus::actor",
                model = %self.settings.model, endpoint, attempt = attempts + 1, delay_ms = millis(delay), %error,
                "model_retried"
            );
            tokio::time::sleep(delay).await;
        }
    }
}
