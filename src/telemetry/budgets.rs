//! [`Budgets`]: what was told of budgets.

use std::collections::BTreeMap;

use super::interval::{MAX_BUDGETS, TelemetryBudget};
use crate::event::{BudgetExceeded, BudgetTierKind, BudgetWarning, Text, Usd};

/// What was told of budgets: of so many, and how often of others.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    budgets: BTreeMap<(&'static str, Text), TelemetryBudget>,
    others: u64,
}

impl Budgets {
    pub(super) fn warned(&mut self, told: &BudgetWarning) {
        let BudgetWarning { tier, scope_id, spent_usd, limit_usd, .. } = told;
        self.last_told(*tier, scope_id, (*spent_usd, *limit_usd), (1, 0));
    }

    pub(super) fn exceeded(&mut self, told: &BudgetExceeded) {
        let BudgetExceeded { tier, scope_id, spent_usd, limit_usd, .. } = told;
        self.last_told(*tier, scope_id, (*spent_usd, *limit_usd), (0, 1));
    }

    /// Adds what an interval tells that came later than those before.
    pub(super) fn merge(&mut self, later: &[TelemetryBudget], others: u64) {
        for told in later {
            let amounts = (told.spent_usd, told.limit_usd);
            self.last_told(told.tier, &told.scope_id, amounts, (told.warnings, told.exceeded));
        }
        self.others = self.others.saturating_add(others);
    }

    fn last_told(
        &mut self,
        tier: BudgetTierKind,
        scope_id: &Text,
        (spent_usd, limit_usd): (Usd, Usd),
        (warnings, exceeded): (u64, u64),
    ) {
        let key = (tier.as_str(), scope_id.clone());
        if scope_id.is_empty() || (self.budgets.len() >= MAX_BUDGETS && !self.budgets.contains_key(&key)) {
            self.others = self.others.saturating_add(warnings).saturating_add(exceeded);
            return;
        }
        let budget = self.budgets.entry(key).or_insert_with(|| TelemetryBudget {
            tier,
            scope_id: scope_id.clone(),
            spent_usd,
            limit_usd,
            warnings: 0,
            exceeded: 0,
        });
        (budget.spent_usd, budget.limit_usd) = (spent_usd, limit_usd);
        budget.warnings = budget.warnings.saturating_add(warnings);
        budget.exceeded = budget.exceeded.saturating_add(exceeded);
    }

    /// What was told, and how often of others.
    pub(super) fn into_parts(self) -> (Vec<TelemetryBudget>, u64) {
        (self.budgets.into_values().collect(), self.others)
    }
}
