//! The endpoint of chat completions that a task may name in place of a recording.

use std::sync::Arc;

use agentbus::event::Text;
use agentbus::service::actor::LanguageModel;
use toml::Spanned;

use super::{Source, TaskError};

#[cfg(feature = "openai")]
pub(super) use asked::EndpointTable;
#[cfg(not(feature = "openai"))]
pub(super) use serde::de::IgnoredAny as EndpointTable;

/// The model of that name behind the endpoint.
#[cfg(feature = "openai")]
pub(super) fn open(
    table: Spanned<EndpointTable>,
    name: Option<Text>,
    source: &Source<'_>,
) -> Result<Arc<dyn LanguageModel>, TaskError> {
    let span = table.span();
    let Some(name) = name else {
        return Err(source.fault(span, "an endpoint has many models; expected `model` in the actor"));
    };
    match table.into_inner().model(&name) {
        Ok(model) => Ok(Arc::new(model)),
        Err(error) => Err(source.fault(span, crate::cli::report::with_causes(&error))),
    }
}

/// Refuses it: this build asks no endpoint.
#[cfg(not(feature = "openai"))]
#[expect(clippy::needless_pass_by_value, reason = "a build that asks endpoints consumes them")]
pub(super) fn open(
    table: Spanned<EndpointTable>,
    _name: Option<Text>,
    source: &Source<'_>,
) -> Result<Arc<dyn LanguageModel>, TaskError> {
    Err(source.fault(table.span(), "this program was built without the feature `openai`"))
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
        key_variable: Option<String>,
        timeout_s: Option<NonZeroU64>,
        retries: Option<u32>,
        temperature: Option<f64>,
        max_output_tokens: Option<NonZeroU32>,
    }

    impl EndpointTable {
        pub(super) fn model(self, name: &str) -> Result<ChatCompletionsModel, BuildModelError> {
            let mut model = ChatCompletionsModel::builder(self.url, name);
            if let Some(variable) = self.key_variable {
                model = model.key_variable(variable);
            }
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
