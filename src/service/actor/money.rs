//! What a model costs and from which budgets that comes: [`TokenPrices`], [`ActorBudget`].

use super::model::{Conversation, Usage};
use crate::event::Usd;
use crate::service::budget::{BudgetService, BudgetTiers};

/// How many bytes of text a token has at least, roughly; for estimates alone.
const BYTES_PER_TOKEN: u64 = 3;

/// How many tokens a reply is expected to have at most, unless told otherwise.
const EXPECTED_OUTPUT: u64 = 4_096;

/// What a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// For a million tokens that it reads.
    pub input_per_million: Usd,
    /// For a million tokens that it writes.
    pub output_per_million: Usd,
}

impl TokenPrices {
    /// What so many tokens cost, rounded up to a millionth of a dollar.
    pub fn cost(&self, usage: Usage) -> Usd {
        let part = |tokens: u64, price: Usd| i128::from(tokens) * i128::from(price.as_micros());
        let millionths = part(usage.input_tokens, self.input_per_million)
            .saturating_add(part(usage.output_tokens, self.output_per_million));
        let micros = millionths.saturating_add(999_999).div_euclid(1_000_000);
        Usd::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// From which budgets an actor pays its model.
///
/// Before each call an estimate is reserved: of what the model reads, the conversation and what the tools say of
/// themselves, and of a reply as long as it is expected to be at most. A reservation that is refused escalates. After the
/// call the reservation is settled to what the call did cost, also above the limit. An answer that does not say what it
/// took, and one that cannot be read so far as to know, is settled to its whole estimate; what costs nothing says so, with
/// a usage of 0 tokens.
#[derive(Clone, Debug)]
pub struct ActorBudget {
    pub(super) service: BudgetService,
    pub(super) tiers: BudgetTiers,
    pub(super) prices: TokenPrices,
    expected_output: u64,
}

impl ActorBudget {
    /// Pays at these prices, from these budgets and the organisation's.
    pub fn new(service: BudgetService, tiers: impl Into<BudgetTiers>, prices: TokenPrices) -> Self {
        Self { service, tiers: tiers.into(), prices, expected_output: EXPECTED_OUTPUT }
    }

    /// The same, but a reply is expected to have so many tokens at most; 4096 otherwise.
    #[must_use]
    pub fn with_expected_output(mut self, tokens: u64) -> Self {
        self.expected_output = tokens;
        self
    }

    /// What the next call is expected to cost at most, where what the tools say of themselves has so many bytes.
    pub(super) fn estimate(&self, conversation: &Conversation, offered_bytes: usize) -> Usd {
        let bytes = (conversation.bytes() as u64).saturating_add(offered_bytes as u64);
        let input_tokens = bytes.div_ceil(BYTES_PER_TOKEN);
        self.prices.cost(Usage { input_tokens, output_tokens: self.expected_output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_and_never_wraps() {
        let prices = TokenPrices {
            input_per_million: Usd::from_micros(3_000_000),
            output_per_million: Usd::from_micros(1),
        };
        let usage = |input_tokens, output_tokens| Usage { input_tokens, output_tokens };
        assert_eq!(prices.cost(usage(1_000_000, 0)), Usd::from_micros(3_000_000));
        assert_eq!(prices.cost(usage(0, 1)), Usd::from_micros(1));
        assert_eq!(prices.cost(usage(0, 0)), Usd::from_micros(0));
        assert_eq!(prices.cost(usage(u64::MAX, u64::MAX)), Usd::from_micros(i64::MAX));
    }
}
