//! [`BudgetSnapshot`]: what a [`BudgetService`] knows, to be kept outside of the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use super::account::Accounts;
use super::{BudgetService, BudgetTier};
use crate::bus::EventBus;
use crate::emitter::{Emitter, Outbox};
use crate::event::{BudgetTierKind, Fraction, PlanId, SessionId, Text, Usd};
use crate::journal::Position;
use crate::service::snapshot::{self, Version};

/// What was spent in each tier, its limit, and the threshold, at one moment.
///
/// Made by [`BudgetService::snapshot`]. By serde it has a JSON form of version 1, amounts exact:
///
/// ```json
/// {"version":1,"position":42,"threshold":0.8,"accounts":[
///   {"tier":"plan","scope_id":"plan-7","spent_usd":"2.5","limit_usd":"10"},
///   {"tier":"organisation","spent_usd":"2.5"}]}
/// ```
///
/// Reading takes nothing on trust. Refused are: another version, unknown keys, a tier twice or without its id,
/// negative amounts, a tier that spent more than the organisation (each cost counts there too), more than 2^24
/// accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetSnapshot {
    version: Version,
    position: Option<Position>,
    threshold: Fraction,
    accounts: Vec<Kept>,
}

/// The account of a tier, without what is reserved. No amount is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Form", try_from = "Form")]
pub(super) struct Kept {
    pub(super) tier: BudgetTier,
    pub(super) spent: Usd,
    pub(super) limit: Option<Usd>,
}

/// Its JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    tier: BudgetTierKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope_id: Option<Text>,
    spent_usd: Usd,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_usd: Option<Usd>,
}

impl From<Kept> for Form {
    fn from(kept: Kept) -> Self {
        let Kept { tier, spent, limit } = kept;
        let scope_id = (tier != BudgetTier::Organisation).then(|| tier.scope_id());
        Self { tier: tier.kind(), scope_id, spent_usd: spent, limit_usd: limit }
    }
}

/// An account without its id, or with a negative amount.
#[derive(Debug, thiserror::Error)]
#[error("must have the id of its tier, and amounts that are not negative")]
struct FormError;

impl TryFrom<Form> for Kept {
    type Error = FormError;

    fn try_from(form: Form) -> Result<Self, FormError> {
        let tier = match (form.tier, &form.scope_id) {
            (BudgetTierKind::Plan, Some(id)) => BudgetTier::Plan(PlanId::from(id.as_str())),
            (BudgetTierKind::Session, Some(id)) => BudgetTier::Session(SessionId::from(id.as_str())),
            (BudgetTierKind::Organisation, None) => BudgetTier::Organisation,
            _ => return Err(FormError),
        };
        let (spent, limit) = (form.spent_usd, form.limit_usd);
        let is_negative = spent < Usd::ZERO || limit.is_some_and(|limit| limit < Usd::ZERO);
        if is_negative { Err(FormError) } else { Ok(Self { tier, spent, limit }) }
    }
}

/// A snapshot as it is read, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    version: Version,
    position: Option<Position>,
    threshold: Fraction,
    #[serde(deserialize_with = "snapshot::list")]
    accounts: Vec<Kept>,
}

/// What does not fit together in a snapshot.
#[derive(Debug, thiserror::Error)]
enum Contradiction {
    #[error("account {place} of the snapshot is of a tier that another one is of")]
    Twice { place: usize },
    #[error("the organisation of the snapshot has spent less than {tier}")]
    Sum { tier: BudgetTier },
}

impl BudgetSnapshot {
    /// The place in the journal at which it was taken, as the caller said.
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl BudgetService {
    /// What was spent in each tier up to now, and the limits. `position` says at which place of the journal that is,
    /// if there is one: it is kept, not looked at.
    ///
    /// What is only reserved is left out: a reservation belongs to whoever holds it. A call that is under way now has
    /// to record what it cost in the service that goes on.
    pub fn snapshot(&self, position: Option<Position>) -> BudgetSnapshot {
        self.accounts.read(|accounts| BudgetSnapshot {
            version: Version,
            position,
            threshold: accounts.threshold(),
            accounts: accounts.keep(),
        })
    }

    /// A service that goes on from a snapshot, with its threshold. A threshold that was crossed before is not warned
    /// of again.
    pub fn from_snapshot(snapshot: BudgetSnapshot, bus: Option<Arc<dyn EventBus>>) -> Self {
        let accounts = Accounts::kept(snapshot.threshold, snapshot.accounts);
        Self { accounts: Arc::new(Outbox::new(accounts, Emitter::new(bus))) }
    }
}

impl TryFrom<Unchecked> for BudgetSnapshot {
    type Error = Contradiction;

    fn try_from(read: Unchecked) -> Result<Self, Contradiction> {
        let mut spent = BTreeMap::new();
        for (place, kept) in (1..).zip(&read.accounts) {
            if spent.insert(&kept.tier, kept.spent).is_some() {
                return Err(Contradiction::Twice { place });
            }
        }
        let in_all = spent.get(&BudgetTier::Organisation).copied().unwrap_or_default();
        if let Some((tier, _)) = spent.into_iter().find(|(_, spent)| *spent > in_all) {
            return Err(Contradiction::Sum { tier: tier.clone() });
        }
        let Unchecked { version, position, threshold, accounts } = read;
        Ok(Self { version, position, threshold, accounts })
    }
}

impl<'de> Deserialize<'de> for BudgetSnapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        snapshot::read::<D, Unchecked>(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
