//! [`ToolOptions`]: what holds for every call.

use std::time::Duration;

use super::profile::SafetyProfile;

/// What holds for every call of a [`ToolRuntime`](super::ToolRuntime).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolOptions {
    /// Which calls are allowed; every one.
    pub profile: SafetyProfile,
    /// How long one attempt may take, unless the tool says otherwise: 30 s.
    pub timeout: Duration,
    /// How often a call is tried again at most: 2.
    pub max_retries: u32,
    /// How long the first wait between two attempts is at most, of which the later ones are multiples: 200 ms.
    pub backoff: Duration,
    /// How many bytes of an output are passed on: 64 KiB.
    pub output_limit: usize,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            profile: SafetyProfile::new(),
            timeout: Duration::from_secs(30),
            max_retries: 2,
            backoff: Duration::from_millis(200),
            output_limit: 64 << 10,
        }
    }
}

impl ToolOptions {
    /// The same with another profile.
    #[must_use]
    pub fn with_profile(mut self, profile: SafetyProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The same with another timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with another number of retries.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// The same with another first wait.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// The same with another limit of outputs, in bytes.
    #[must_use]
    pub fn with_output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }
}
