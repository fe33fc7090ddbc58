//! [`BudgetService`]: what may be spent, in three tiers that all hold at once.
//!
//! Money is reserved before it is spent: a [`Reservation`] holds its estimate in every tier it counts against, so
//! that calls that run at once cannot overrun a limit together. It is settled to what the call did cost, or gives
//! its estimate back when it is dropped. Sums are exact, in whole micro-dollars, whatever the concurrency.
//!
//! - Spent and reserved together never exceed a limit because of a reservation.
//! - A cost that was incurred is recorded, above the limit too. Beyond what an amount can say, about nine trillion
//!   dollars, the sum stays at that, and nothing more can be reserved.
//! - A tier without a limit is unlimited; a limit of zero lets nothing through.
//!
//! What goes wrong: a reservation that does not fit is [`BudgetError::Exceeded`] and told as `budget.exceeded`, once
//! for each tier that it does not fit, and nothing is reserved in any tier. A cost that does not fit is recorded and
//! told in the same way; a cost of nothing always fits. When what is spent in a tier comes to the threshold, that is
//! told once as `budget.warning`, and again only after the limit was raised (or removed and set); what is only
//! reserved may be given back and does not count there.
//! A negative amount, a reservation that no sum could hold, and the id of a plan or session that no event could hold
//! are refused, untold, and change nothing.
//!
//! The service keeps an account for each tier that has a limit, costs or reservations; how many those are is up to
//! the embedder. Its events do not tell every cost, so it cannot be restored from them: keep a [`BudgetSnapshot`],
//! from which [`BudgetService::from_snapshot`] goes on.
//!
//! ```
//! use agentbus::event::Usd;
//! use agentbus::service::budget::{BudgetError, BudgetService, BudgetTier};
//!
//! let budgets = BudgetService::new(None);
//! budgets.set_limit(&BudgetTier::Organisation, "10".parse()?)?;
//!
//! let plan = BudgetTier::Plan("plan-7".into());
//! let reservation = budgets.reserve(&plan, "4".parse()?)?;
//! assert!(matches!(budgets.reserve(&plan, "7".parse()?), Err(BudgetError::Exceeded { .. })));
//! reservation.settle("2.5".parse()?)?;
//!
//! assert_eq!(budgets.status(&plan).spent, "2.5".parse::<Usd>()?);
//! assert_eq!(budgets.status(&BudgetTier::Organisation).remaining(), Some("7.5".parse::<Usd>()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::sync::Arc;

use crate::bus::EventBus;
use crate::emitter::{Changes, Emitter, Outbox};
use crate::event::{BudgetExceeded, BudgetTierKind, BudgetWarning, Fraction, NameError, Usd};

mod account;
mod snapshot;
mod tier;

#[cfg(test)]
mod tests;

use account::{Accounts, Notice};
pub use snapshot::BudgetSnapshot;
pub use tier::{BudgetTier, BudgetTiers};

/// The share of a limit that is warned of, unless another is chosen: 0.8.
pub const DEFAULT_THRESHOLD: Fraction = Fraction::from_millionths(800_000);

/// Watches over what is spent. Cheap to clone; clones share their accounts.
#[derive(Clone, Debug)]
pub struct BudgetService {
    accounts: Arc<Outbox<Accounts>>,
}

/// Why an amount was not taken. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The reservation does not fit the limit of a tier; if of several, this is the narrowest.
    #[error(
        "cannot reserve {requested} USD for {tier}: of its limit of {limit} USD {spent} are spent and {reserved} \
         reserved; settle, or raise the limit"
    )]
    Exceeded {
        /// The tier.
        tier: BudgetTier,
        /// What was asked for.
        requested: Usd,
        /// What is spent.
        spent: Usd,
        /// What others have reserved.
        reserved: Usd,
        /// What may be spent.
        limit: Usd,
    },
    /// The amount is negative.
    #[error("cannot take a negative amount: {amount} USD")]
    Negative {
        /// The amount.
        amount: Usd,
    },
    /// The id of a plan or session cannot be one.
    #[error("cannot keep a budget of a {} of that id", tier)]
    Invalid {
        /// Of which it is.
        tier: BudgetTierKind,
        /// What is wrong with the id.
        #[source]
        source: NameError,
    },
    /// No sum could hold the reservation: the largest is about nine trillion dollars.
    #[error(
        "cannot reserve {amount} USD beside the {held} USD that {tier} holds: the sum is too large an amount"
    )]
    Overflow {
        /// The tier.
        tier: BudgetTier,
        /// What is spent and reserved in it.
        held: Usd,
        /// The amount.
        amount: Usd,
    },
}

/// Why a reservation was not settled; it is handed back and still holds its estimate.
#[derive(Debug, thiserror::Error)]
#[error("cannot settle a reservation of {} USD", reservation.estimate)]
pub struct SettleError {
    /// The reservation.
    pub reservation: Reservation,
    /// What is wrong with the cost.
    #[source]
    pub reason: BudgetError,
}

/// How a tier stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// The tier.
    pub tier: BudgetTier,
    /// What was spent.
    pub spent: Usd,
    /// What open reservations hold.
    pub reserved: Usd,
    /// What may be spent; none is unlimited.
    pub limit: Option<Usd>,
}

impl BudgetStatus {
    /// What can still be reserved, not below zero; none is unlimited.
    pub fn remaining(&self) -> Option<Usd> {
        let held = self.spent.saturating_add(self.reserved);
        self.limit.map(|limit| limit.checked_sub(held).map_or(Usd::ZERO, |left| left.max(Usd::ZERO)))
    }
}

impl BudgetService {
    /// A service without limits, that warns at [`DEFAULT_THRESHOLD`].
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::with_threshold(DEFAULT_THRESHOLD, bus)
    }

    /// A service without limits, that warns at `threshold`.
    pub fn with_threshold(threshold: Fraction, bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { accounts: Arc::new(Outbox::new(Accounts::new(threshold), Emitter::new(bus))) }
    }

    /// Sets what may be spent in a tier. Zero is a limit: nothing may be spent. A limit below what is already spent
    /// lets nothing through; one that brings the tier to the threshold is warned of.
    ///
    /// # Errors
    /// [`BudgetError::Negative`], [`BudgetError::Invalid`].
    pub fn set_limit(&self, tier: &BudgetTier, limit: Usd) -> Result<(), BudgetError> {
        refuse_negative(limit)?;
        tier.check()?;
        self.change(|accounts, notices| accounts.set_limit(tier, Some(limit), notices));
        Ok(())
    }

    /// Lets a tier be unlimited again. What is spent and reserved in it still counts.
    pub fn remove_limit(&self, tier: &BudgetTier) {
        self.change(|accounts, notices| accounts.set_limit(tier, None, notices));
    }

    /// Reserves `estimate` in each of `tiers` and in the organisation: in all of them, or in none.
    ///
    /// # Errors
    /// [`BudgetError::Exceeded`] if it does not fit the limit of one (nothing at all fits one that is spent above its
    /// limit); [`BudgetError::Negative`], [`BudgetError::Overflow`], [`BudgetError::Invalid`].
    pub fn reserve(&self, tiers: impl Into<BudgetTiers>, estimate: Usd) -> Result<Reservation, BudgetError> {
        let tiers = tiers.into();
        refuse_negative(estimate)?;
        tiers.iter().try_for_each(BudgetTier::check)?;
        self.change(|accounts, notices| accounts.reserve(&tiers, estimate, notices))?;
        Ok(Reservation { service: self.clone(), tiers, estimate, open: true })
    }

    /// Records a cost that was incurred without a reservation, above a limit too, in each of `tiers` and in the
    /// organisation.
    ///
    /// # Errors
    /// [`BudgetError::Negative`], [`BudgetError::Invalid`].
    pub fn record(&self, tiers: impl Into<BudgetTiers>, cost: Usd) -> Result<(), BudgetError> {
        let tiers = tiers.into();
        refuse_negative(cost)?;
        tiers.iter().try_for_each(BudgetTier::check)?;
        self.change(|accounts, notices| accounts.charge(&tiers, Usd::ZERO, cost, notices));
        Ok(())
    }

    /// How a tier stands; one that was never heard of has spent nothing and has no limit.
    pub fn status(&self, tier: &BudgetTier) -> BudgetStatus {
        let account = self.accounts.read(|accounts| accounts.account(tier));
        BudgetStatus {
            tier: tier.clone(),
            spent: account.spent,
            reserved: account.reserved,
            limit: account.limit,
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Accounts, &mut Vec<Notice>) -> R) -> R {
        self.accounts.change(|accounts, events| {
            let mut notices = Vec::new();
            let result = change(accounts, &mut notices);
            for notice in notices {
                tell(notice, accounts.threshold(), events);
            }
            result
        })
    }
}

fn tell(notice: Notice, threshold: Fraction, events: &mut Changes<'_>) {
    match notice {
        Notice::Warning { tier, spent, limit } => events.emit_in(&tier.scope(), || {
            BudgetWarning::new(tier.kind(), tier.scope_id(), spent, limit, threshold)
        }),
        Notice::Exceeded { tier, spent, reserved, requested, limit } => events.emit_in(&tier.scope(), || {
            let mut details = BudgetExceeded::new(tier.kind(), tier.scope_id(), spent, requested, limit);
            details.reserved_usd = Some(reserved).filter(|reserved| *reserved > Usd::ZERO);
            details
        }),
    }
}

fn refuse_negative(amount: Usd) -> Result<(), BudgetError> {
    if amount < Usd::ZERO { Err(BudgetError::Negative { amount }) } else { Ok(()) }
}

/// Money held for a call that is under way. Settling it records the cost; dropping it gives the estimate back.
#[must_use = "a dropped reservation gives back what it holds"]
pub struct Reservation {
    service: BudgetService,
    tiers: BudgetTiers,
    estimate: Usd,
    /// Whether the estimate is still held.
    open: bool,
}

impl Reservation {
    /// What it holds.
    pub fn estimate(&self) -> Usd {
        self.estimate
    }

    /// The budgets in which it holds it.
    pub fn tiers(&self) -> &BudgetTiers {
        &self.tiers
    }

    /// Records what the call did cost, in place of the estimate: less, or more, above a limit too.
    ///
    /// # Errors
    /// [`SettleError`] if the cost is negative; it hands the reservation back.
    pub fn settle(mut self, actual: Usd) -> Result<(), SettleError> {
        if let Err(reason) = refuse_negative(actual) {
            return Err(SettleError { reservation: self, reason });
        }
        let Self { service, tiers, estimate, .. } = &self;
        service.change(|accounts, notices| accounts.charge(tiers, *estimate, actual, notices));
        self.open = false;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            self.service.change(|accounts, _notices| accounts.release(&self.tiers, self.estimate));
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("tiers", &self.tiers)
            .field("estimate", &self.estimate)
            .finish_non_exhaustive()
    }
}
