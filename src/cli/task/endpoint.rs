//! The endpoint of chat completions that a task may name in place of a recording.
//!
//! A task file may come from anybody, so what it says never decides alone where a key goes: the one who runs it allows
//! that, for this variable and this origin.

use std::sync::Arc;

use agentbus::event::Text;
use agentbus::service::actor::LanguageModel;
use toml::Spanned;

use super::TaskError;
use super::actor::Place;
#[cfg(feature = "openai")]
use crate::cli::args::KeyGrant;

#[cfg(feature = "openai")]
pub(super) use asked::EndpointTable;
#[cfg(not(feature = "openai"))]
pub(super) use serde::de::IgnoredAny as EndpointTable;

/// The model of that name behind the endpoint.
#[cfg(feature = "openai")]
pub(super) fn open(
    table: Spanned<EndpointTable>,
    name: Option<Text>,
    place: &Place<'_>,
) -> Result<Arc<dyn LanguageModel>, TaskError> {
    let source = place.source;
    let span = table.span();
    let Some(name) = name else {
        return Err(source.fault(span, "an endpoint has many models; expected `model` in the actor"));
    };
    let table = table.into_inner();
    let variable = table.key_variable.clone();
    let model = table.model(&name);
    let model = model.map_err(|error| source.fault(span.clone(), crate::cli::report::with_causes(&error)))?;
    if let Some(variable) = variable {
        may_send(&variable, model.origin(), place.keys).map_err(|refusal| source.fault(span, refusal))?;
    }
    Ok(Arc::new(model))
}

/// Whether the key in the variable may be sent there; if not, why.
#[cfg(feature = "openai")]
fn may_send(variable: &str, origin: &str, keys: &[KeyGrant]) -> Result<(), String> {
    if !origin.to_ascii_lowercase().starts_with("https://") && !is_on_this_machine(origin) {
        return Err(format!("a key is not sent to {origin}, where everybody on the way could read it"));
    }
    if keys.iter().any(|key| key.allows(variable, origin)) {
        return Ok(());
    }
    // A name that is none of a variable may be the key itself.
    let is_usual = variable.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let shown = if is_usual { variable } else { "VARIABLE" };
    Err(format!(
        "the task asks to send a key to {origin}; if it may, say so with `--send-key {shown}={origin}`"
    ))
}

/// Whether what is sent there does not leave this machine.
#[cfg(feature = "openai")]
fn is_on_this_machine(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or("", |(_scheme, authority)| authority);
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses it: this build asks no endpoint.
#[cfg(not(feature = "openai"))]
#[expect(clippy::needless_pass_by_value, reason = "a build that asks endpoints consumes them")]
pub(super) fn open(
    table: Spanned<EndpointTable>,
    _name: Option<Text>,
    place: &Place<'_>,
) -> Result<Arc<dyn LanguageModel>, TaskError> {
    Err(place.source.fault(table.span(), "this program was built without the feature `openai`"))
}

#[cfg(feature = "openai")]
mod asked {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use agentbus::service::actor::{BuildModelError, ChatCompletionsModel};
    use serde::Deserialize;

    /// The endpoint as it is written. Without debug output, since the URL may hold what it should not.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(in super::super) struct EndpointTable {
        url: String,
        pub(super) key_variable: Option<String>,
        timeout_s: Option<NonZeroU64>,
        retries: Option<u32>,
        temperature: Option<f64>,
        max_output_tokens: Option<NonZeroU32>,
    }

    impl EndpointTable {
        /// The model; with a key if the table names its variable.
        pub(super) fn model(self, name: &str) -> Result<ChatCompletionsModel, BuildModelError> {
            let mut model = ChatCompletionsModel::builder(self.url, name);
            model = match self.key_variable {
                Some(variable) => model.key_variable(variable),
                None => model.without_key(),
            };
            if let Some(seconds) = self.timeout_s {
                model = model.timeout(Duration::from_secs(seconds.get()));
            }
            if let Some(retries) = self.retries {
                model = model.retries(retries);
            }
            if let Some(temperature) = self.temperature {
                model = model.temperature(temperature);
            }
            if let Some(tokens) = self.max_output_tokens {
                model = model.max_output_tokens(tokens);
            }
            model.build()
        }
    }
}

#[cfg(all(test, feature = "openai"))]
mod tests {
    use super::*;

    fn grant(text: &str) -> KeyGrant {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_goes_only_where_the_one_who_runs_the_task_allows_it() {
        let origin = "https://api.example.com";
        assert_eq!(may_send("KEY", origin, &[grant("KEY=https://api.example.com")]), Ok(()));
        assert_eq!(may_send("KEY", origin, &[grant("KEY=https://API.example.com/")]), Ok(()));
        for other in [
            "OTHER=https://api.example.com",
            "KEY=https://api.example.com.evil.org",
            "KEY=http://api.example.com",
            "KEY=https://api.example.com:8443",
            "KEY=",
            "KEY",
            "",
        ] {
            let refusal = may_send("KEY", origin, &[grant(other)]).unwrap_err();
            assert!(refusal.ends_with("`--send-key KEY=https://api.example.com`"), "{refusal}");
        }
        assert!(may_send("KEY", origin, &[]).is_err());
        assert!(!may_send("sk-hunter2", origin, &[]).unwrap_err().contains("hunter2"));
    }

    #[test]
    fn a_key_is_sent_in_the_clear_on_this_machine_alone() {
        for origin in ["http://localhost:1", "http://127.0.0.9", "http://[::1]:80", "http://LOCALHOST"] {
            assert_eq!(may_send("KEY", origin, &[grant(&format!("KEY={origin}"))]), Ok(()), "{origin}");
        }
        for origin in [
            "http://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::2]",
        ] {
            let refusal = may_send("KEY", origin, &[grant(&format!("KEY={origin}"))]).unwrap_err();
            assert!(refusal.contains("everybody on the way"), "{refusal}");
        }
    }
}
