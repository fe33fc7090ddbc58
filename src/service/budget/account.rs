//! The arithmetic of budgets, without locks and events: what a change does, and what has to be told of it.

use std::collections::BTreeMap;

use super::snapshot::Kept;
use super::{BudgetError, BudgetTier, BudgetTiers};
use crate::event::{Fraction, Usd};

/// The money of one tier. `spent` and `reserved` are never negative; nothing is reserved that their sum has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) spent: Usd,
    pub(super) reserved: Usd,
    /// None is unlimited; zero is a limit.
    pub(super) limit: Option<Usd>,
    /// Whether the threshold was crossed since the limit was last raised.
    warned: bool,
}

/// What a change has to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// What a tier spent came to the threshold.
    Warning { tier: BudgetTier, spent: Usd, limit: Usd },
    /// An amount does not fit a tier.
    Exceeded { tier: BudgetTier, spent: Usd, reserved: Usd, requested: Usd, limit: Usd },
}

impl Account {
    /// What is spent and reserved; none if no amount can say it.
    fn held(&self) -> Option<Usd> {
        self.spent.checked_add(self.reserved)
    }

    /// The limit, if `amount` on top of what is held would be over it.
    fn limit_below(&self, amount: Usd) -> Option<Usd> {
        let sum = self.held().and_then(|held| held.checked_add(amount));
        self.limit.filter(|limit| sum.is_none_or(|sum| sum > *limit))
    }

    /// The limit, if what is spent crossed the threshold just now; what is only reserved may be given back. Nothing
    /// spent crosses nothing, whatever the limit.
    fn crosses(&mut self, threshold: Fraction) -> Option<Usd> {
        let limit = self.limit?;
        let share = i128::from(limit.as_micros()) * i128::from(threshold.as_millionths());
        let reached = self.spent > Usd::ZERO && i128::from(self.spent.as_micros()) * 1_000_000 >= share;
        if self.warned || !reached {
            return None;
        }
        self.warned = true;
        Some(limit)
    }

    fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

/// The accounts of all tiers. A tier that was never heard of is blank: nothing spent, no limit.
#[derive(Debug)]
pub(super) struct Accounts {
    by_tier: BTreeMap<BudgetTier, Account>,
    threshold: Fraction,
}

impl Accounts {
    pub(super) fn new(threshold: Fraction) -> Self {
        Self { by_tier: BTreeMap::new(), threshold }
    }

    /// Those that a snapshot has. Nothing is reserved.
    pub(super) fn kept(threshold: Fraction, kept: Vec<Kept>) -> Self {
        let mut accounts = Self::new(threshold);
        for Kept { tier, spent, limit } in kept {
            let mut account = Account { spent, limit, ..Account::default() };
            // Whether the threshold was crossed follows from the rest, and was told when it was.
            account.crosses(threshold);
            accounts.by_tier.insert(tier, account);
        }
        accounts
    }

    /// What a snapshot has of them: not those that hold reservations alone.
    pub(super) fn keep(&self) -> Vec<Kept> {
        let accounts = self
            .by_tier
            .iter()
            .filter(|(_, Account { spent, limit, .. })| *spent > Usd::ZERO || limit.is_some());
        accounts
            .map(|(tier, Account { spent, limit, .. })| Kept {
                tier: tier.clone(),
                spent: *spent,
                limit: *limit,
            })
            .collect()
    }

    pub(super) fn threshold(&self) -> Fraction {
        self.threshold
    }

    pub(super) fn account(&self, tier: &BudgetTier) -> Account {
        self.by_tier.get(tier).copied().unwrap_or_default()
    }

    /// Sets or, with none, removes a limit. A raised limit lets the threshold be crossed anew.
    pub(super) fn set_limit(&mut self, tier: &BudgetTier, limit: Option<Usd>, notices: &mut Vec<Notice>) {
        let was = self.account(tier).limit;
        let raised = match (was, limit) {
            (Some(was), Some(limit)) => limit > was,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.update(tier, notices, |account| {
            account.limit = limit;
            account.warned &= !raised;
        });
    }

    /// Reserves `amount` in every tier, or in none.
    pub(super) fn reserve(
        &mut self,
        tiers: &BudgetTiers,
        amount: Usd,
        notices: &mut Vec<Notice>,
    ) -> Result<(), BudgetError> {
        self.check_sums(tiers, amount)?;
        let mut refused = None;
        for tier in tiers.iter() {
            let account = self.account(tier);
            if let Some(limit) = account.limit_below(amount) {
                notices.push(exceeded(tier, &account, amount, limit));
                refused.get_or_insert(BudgetError::Exceeded {
                    tier: tier.clone(),
                    requested: amount,
                    spent: account.spent,
                    reserved: account.reserved,
                    limit,
                });
            }
        }
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        for tier in tiers.iter() {
            self.update(tier, notices, |account| account.reserved = account.reserved.saturating_add(amount));
        }
        Ok(())
    }

    /// Turns a reservation of `reserved` (zero, if there was none) into `cost`, whatever the limits and whatever others
    /// reserved: it was spent. A sum that no amount can say is the largest one.
    pub(super) fn charge(
        &mut self,
        tiers: &BudgetTiers,
        reserved: Usd,
        cost: Usd,
        notices: &mut Vec<Notice>,
    ) {
        for tier in tiers.iter() {
            let mut over = None;
            self.update(tier, notices, |account| {
                account.reserved = less(account.reserved, reserved);
                if cost > Usd::ZERO {
                    over = account.limit_below(cost).map(|limit| exceeded(tier, account, cost, limit));
                }
                account.spent = account.spent.saturating_add(cost);
            });
            notices.extend(over);
        }
    }

    /// Gives back a reservation.
    pub(super) fn release(&mut self, tiers: &BudgetTiers, reserved: Usd) {
        for tier in tiers.iter() {
            if let Some(account) = self.by_tier.get_mut(tier) {
                account.reserved = less(account.reserved, reserved);
                if account.is_blank() {
                    self.by_tier.remove(tier);
                }
            }
        }
    }

    /// Refuses what no account could add up, before anything is changed.
    fn check_sums(&self, tiers: &BudgetTiers, amount: Usd) -> Result<(), BudgetError> {
        for tier in tiers.iter() {
            let held = self.account(tier).held();
            if held.and_then(|held| held.checked_add(amount)).is_none() {
                let held = held.unwrap_or(Usd::MAX);
                return Err(BudgetError::Overflow { tier: tier.clone(), held, amount });
            }
        }
        Ok(())
    }

    fn update(&mut self, tier: &BudgetTier, notices: &mut Vec<Notice>, change: impl FnOnce(&mut Account)) {
        let account = self.by_tier.entry(tier.clone()).or_default();
        change(account);
        if let Some(limit) = account.crosses(self.threshold) {
            notices.push(Notice::Warning { tier: tier.clone(), spent: account.spent, limit });
        }
        if account.is_blank() {
            self.by_tier.remove(tier);
        }
    }
}

fn exceeded(tier: &BudgetTier, account: &Account, requested: Usd, limit: Usd) -> Notice {
    let Account { spent, reserved, .. } = *account;
    Notice::Exceeded { tier: tier.clone(), spent, reserved, requested, limit }
}

fn less(amount: Usd, part: Usd) -> Usd {
    amount.checked_sub(part).expect("neither is negative: the difference fits")
}
