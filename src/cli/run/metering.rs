//! [`Meter`]: how many tokens the answers of a run took, in all of its processes.
//!
//! Counted where the model answers, so that it is known when that answer is paid: what an actor tells at its end is lost
//! with the process that is killed before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentbus::service::actor::{Conversation, LanguageModel, ModelError, Reply, Usage};
use agentbus::service::budget::{BudgetService, BudgetSnapshot};
use agentbus::service::tool::ToolSpec;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What the answers took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metered {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// How many of them did not say.
    pub(super) unmetered: u64,
}

/// What was spent, as it is kept with each answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spent {
    pub(super) budgets: BudgetSnapshot,
    pub(super) tokens: Metered,
}

impl Spent {
    pub(super) fn now(budgets: &BudgetService, meter: &Meter) -> Self {
        Self { budgets: budgets.snapshot(None), tokens: meter.read() }
    }
}

/// Counts what answers take. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// Guards the count; held for single moves.
    metered: Arc<Mutex<Metered>>,
}

impl Meter {
    /// One that goes on counting.
    pub(super) fn from(metered: Metered) -> Self {
        Self { metered: Arc::new(Mutex::new(metered)) }
    }

    pub(super) fn read(&self) -> Metered {
        *self.metered()
    }

    /// The same model, whose answers are counted.
    pub(super) fn on(&self, model: &Arc<dyn LanguageModel>) -> Arc<dyn LanguageModel> {
        Arc::new(MeteredModel { model: Arc::clone(model), meter: self.clone() })
    }

    fn count(&self, usage: Option<Usage>) {
        let mut metered = self.metered();
        match usage {
            Some(Usage { input_tokens, output_tokens }) => {
                metered.input_tokens = metered.input_tokens.saturating_add(input_tokens);
                metered.output_tokens = metered.output_tokens.saturating_add(output_tokens);
            }
            None => metered.unmetered = metered.unmetered.saturating_add(1),
        }
    }

    fn metered(&self) -> MutexGuard<'_, Metered> {
        self.metered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct MeteredModel {
    model: Arc<dyn LanguageModel>,
    meter: Meter,
}

#[async_trait]
impl LanguageModel for MeteredModel {
    fn name(&self) -> &str {
        self.model.name()
    }

    async fn respond(&self, conversation: &Conversation, tools: &[ToolSpec]) -> Result<Reply, ModelError> {
        let answered = self.model.respond(conversation, tools).await;
        // An answer that could not be used took something too.
        self.meter.count(answered.as_ref().map_or_else(ModelError::usage, |reply| reply.usage));
        answered
    }
}
