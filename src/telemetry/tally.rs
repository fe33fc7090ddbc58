//! [`Tally`]: what is counted under one name.

use super::interval::{TelemetryGroup, TelemetryRow};
use super::times::Times;
use crate::event::{Text, Usd};

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) began: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_usd: Usd,
    pub(super) times: Times,
}

impl Tally {
    /// Counts tokens and what they cost, as far as that was told. A foreign event may tell what no sum can hold.
    pub(super) fn pay(&mut self, input_tokens: Option<u64>, output_tokens: Option<u64>, cost: Option<Usd>) {
        self.input_tokens = self.input_tokens.saturating_add(input_tokens.unwrap_or(0));
        self.output_tokens = self.output_tokens.saturating_add(output_tokens.unwrap_or(0));
        self.cost_usd = self.cost_usd.saturating_add(cost.unwrap_or(Usd::ZERO).max(Usd::ZERO));
    }

    /// Adds what a row says.
    pub(super) fn merge(&mut self, row: &TelemetryRow) {
        self.count = self.count.saturating_add(row.count);
        self.began = self.began.saturating_add(row.began);
        self.failed = self.failed.saturating_add(row.failed);
        self.retried = self.retried.saturating_add(row.retried);
        self.pay(Some(row.input_tokens), Some(row.output_tokens), Some(row.cost_usd));
        self.times.merge(&row.times, row.sum_ms, row.max_ms);
    }

    /// The row of that name, its times with so many digits.
    pub(super) fn row(&self, group: TelemetryGroup, name: Option<Text>, digits: u8) -> TelemetryRow {
        TelemetryRow {
            group,
            name,
            count: self.count,
            began: self.began,
            failed: self.failed,
            retried: self.retried,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost_usd: self.cost_usd,
            sum_ms: self.times.sum_ms(),
            max_ms: self.times.max_ms(),
            times: self.times.slots(digits),
        }
    }
}
