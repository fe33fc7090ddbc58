//! What the answers of a run cost: reserved before each, settled after it.

use super::running::{End, Running};
use crate::event::{EscalationReason, Text};
use crate::service::actor::model::Usage;
use crate::service::budget::{BudgetError, Reservation};

impl Running {
    /// Holds what the next answer is expected to cost at most.
    pub(super) fn reserve(&self) -> Result<Option<Reservation>, End> {
        let Some(budget) = &self.actor.budget else {
            return Ok(None);
        };
        let estimate = budget.estimate(&self.report.conversation, self.offered_bytes);
        let reserved = budget.service.reserve(budget.tiers.clone(), estimate);
        reserved.map(Some).map_err(|error| End::Limit(EscalationReason::Budget, limit_of(&error)))
    }

    /// Counts what an answer took, and pays for it; one that does not say is paid as it was estimated.
    pub(super) fn pay(&mut self, reservation: Option<Reservation>, usage: Option<Usage>) -> Result<(), End> {
        match usage {
            Some(usage) => self.report.usage = self.report.usage.plus(usage),
            None => self.report.unmetered += 1,
        }
        let (Some(reservation), Some(budget)) = (reservation, &self.actor.budget) else {
            return Ok(());
        };
        let cost = usage.map_or(reservation.estimate(), |usage| budget.prices.cost(usage));
        self.report.cost = self.report.cost.saturating_add(cost);
        let settled = reservation.settle(cost);
        settled.map_err(|error| End::Limit(EscalationReason::Budget, limit_of(&error.reason)))
    }
}

/// What a budget allows, with its unit.
fn limit_of(error: &BudgetError) -> String {
    match error {
        BudgetError::Exceeded { tier, limit, .. } => format!("{limit} USD for {tier}"),
        other => Text::from(other.to_string()).to_string(),
    }
}
