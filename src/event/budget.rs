//! What is told about budgets.

use super::wire::{details, wire_enum};
use super::{Fraction, Text, Usd};

wire_enum! {
    /// What a budget is for.
    BudgetTierKind {
        /// One plan.
        Plan = "plan",
        /// One session.
        Session = "session",
        /// All of it.
        Organisation = "organisation",
    }
}

details! {
    /// A share of a budget was spent.
    BudgetWarning {
        /// What the budget is for.
        tier: BudgetTierKind,
        /// The id of that plan or session; `organisation` for all.
        scope_id: Text,
        /// What is spent; what is only reserved does not count.
        spent_usd: Usd,
        /// What may be.
        limit_usd: Usd,
        /// The share that was crossed.
        threshold: Fraction,
    }

    /// A reservation or a cost did not fit a budget.
    BudgetExceeded {
        /// What the budget is for.
        tier: BudgetTierKind,
        /// The id of that plan or session; `organisation` for all.
        scope_id: Text,
        /// What is spent, without the request.
        spent_usd: Usd,
        /// What was asked for.
        requested_usd: Usd,
        /// What may be spent.
        limit_usd: Usd,
        @optional
        /// What is reserved besides; none if nothing is.
        reserved_usd: Usd,
    }
}
