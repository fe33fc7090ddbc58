//! How often each rule masked.

use std::sync::atomic::{AtomicU64, Ordering};

/// The built-in rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Key,
    Path,
    Argument,
    PrivateKey,
    UrlPassword,
    Bearer,
    OpenAiKey,
    AnthropicKey,
    GitHubToken,
    AwsKey,
    GoogleKey,
    SlackToken,
    SendGridKey,
    WebToken,
    Depth,
    Size,
    /// The program's own pattern of that number.
    Pattern(usize),
}

/// What the built-in rules are called, in the order of [`Rule`].
const NAMES: [&str; 16] = [
    "key",
    "path",
    "argument",
    "private_key",
    "url_password",
    "bearer",
    "openai_key",
    "anthropic_key",
    "github_token",
    "aws_key",
    "google_key",
    "slack_token",
    "sendgrid_key",
    "web_token",
    "depth",
    "size",
];

impl Rule {
    /// Its place among all.
    fn place(self) -> usize {
        match self {
            Self::Key => 0,
            Self::Path => 1,
            Self::Argument => 2,
            Self::PrivateKey => 3,
            Self::UrlPassword => 4,
            Self::Bearer => 5,
            Self::OpenAiKey => 6,
            Self::AnthropicKey => 7,
            Self::GitHubToken => 8,
            Self::AwsKey => 9,
            Self::GoogleKey => 10,
            Self::SlackToken => 11,
            Self::SendGridKey => 12,
            Self::WebToken => 13,
            Self::Depth => 14,
            Self::Size => 15,
            Self::Pattern(number) => NAMES.len() + number,
        }
    }

    /// The rule that knows a provider's key that begins so.
    pub(super) fn of_provider_key(secret: &str) -> Self {
        let begins = |with: &str| secret.starts_with(with);
        match secret.get(..2) {
            Some("sk") if begins("sk-ant-") => Self::AnthropicKey,
            Some("sk") => Self::OpenAiKey,
            Some("gh" | "gi") => Self::GitHubToken,
            Some("AI") => Self::GoogleKey,
            Some("xo") => Self::SlackToken,
            Some("SG") => Self::SendGridKey,
            _ => Self::AwsKey,
        }
    }
}

/// Counts of what was masked; touched only when something is.
pub(super) struct Counters {
    /// The built-in rules, then the program's own.
    names: Vec<String>,
    masked: Vec<AtomicU64>,
}

impl Counters {
    pub(super) fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).chain(patterns).collect();
        let masked = names.iter().map(|_| AtomicU64::new(0)).collect();
        Self { names, masked }
    }

    pub(super) fn add(&self, rule: Rule) {
        // Nothing is ordered by it.
        if let Some(count) = self.masked.get(rule.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Counts {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { rules: self.names.iter().cloned().zip(self.masked.iter().map(count)).collect() }
    }
}

/// How often each rule of a redactor masked, as one moment shows it.
///
/// A secret that stands in several texts of an array is counted once for each. The rules are `key`, `path`, `argument`
/// (what follows `--password` in a list of arguments), `private_key`, `url_password`, `bearer`, `openai_key`,
/// `anthropic_key`, `github_token`, `aws_key`, `google_key`, `slack_token`, `sendgrid_key`, `web_token`, `depth` (what
/// was nested too deep), `size` (a text that was cut), and the program's own patterns by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    rules: Vec<(String, u64)>,
}

impl Counts {
    /// How often the rules of that name masked; 0 if there is none.
    pub fn of(&self, rule: &str) -> u64 {
        self.iter().filter(|(name, _)| *name == rule).map(|(_, count)| count).sum()
    }

    /// How often all of them did.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }

    /// Each rule and how often it masked, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().map(|(name, count)| (name.as_str(), *count))
    }
}
