//! What can go wrong with an endpoint.

use std::io;
use std::time::Duration;

use crate::service::actor::chat::may_pass;

/// Why the endpoint of a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No connection came about, or it was cut.
    #[error("the connection failed: {reason}")]
    Connection {
        /// What the system says.
        reason: String,
    },
    /// An attempt took too long.
    #[error("it took longer than {} s", limit.as_secs_f64())]
    TimedOut {
        /// How long it might take.
        limit: Duration,
    },
    /// It answered with an error.
    #[error("status {status}{}", told(*status, message.as_deref()))]
    Status {
        /// The status of HTTP; 200 where an error was told with success.
        status: u16,
        /// The message of the error, if it has one: secrets masked, at most 500 bytes.
        message: Option<String>,
    },
    /// The answer is too large.
    #[error("the answer is larger than {limit} bytes, the most that are read")]
    TooLarge {
        /// How many bytes are read at most.
        limit: usize,
    },
}

impl EndpointError {
    /// Whether the same question may be answered later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::TimedOut { .. } => true,
            Self::Status { status, .. } => may_pass(*status),
            Self::TooLarge { .. } => false,
        }
    }
}

fn told(status: u16, message: Option<&str>) -> String {
    match message {
        Some(message) => format!(": {message}"),
        None if status == 401 => ": the endpoint does not take the key".to_owned(),
        None => String::new(),
    }
}

/// Why a model could not be built. It never says the URL or the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildModelError {
    /// The URL is none that can be asked.
    #[error("cannot ask a model at this URL: {reason}; expected one such as https://api.openai.com/v1")]
    Url {
        /// Why.
        reason: &'static str,
    },
    /// There is no key where it should be.
    #[error("cannot take the key of the model from {place}: {reason}")]
    Key {
        /// Where: the name of a variable, unless that might be the key itself.
        place: String,
        /// Why.
        reason: &'static str,
    },
    /// A setting has a value that it cannot have.
    #[error("cannot ask a model with this {setting}: {reason}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The certificates that `https` needs could not be read.
    #[error("cannot read the certificates that the system trusts")]
    Certificates {
        /// Why.
        source: io::Error,
    },
}
