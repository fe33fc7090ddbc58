//! [`BudgetTier`]: what a budget is for, and [`BudgetTiers`], several that hold at once.

use std::collections::BTreeSet;
use std::fmt;

use super::BudgetError;
use crate::event::text::check_name;
use crate::event::{BudgetTierKind, PlanId, Scope, SessionId, Text};

/// What a budget is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetTier {
    /// One plan.
    Plan(PlanId),
    /// One session.
    Session(SessionId),
    /// All of it.
    Organisation,
}

impl BudgetTier {
    /// Its kind, as events name it.
    pub fn kind(&self) -> BudgetTierKind {
        match self {
            Self::Plan(_) => BudgetTierKind::Plan,
            Self::Session(_) => BudgetTierKind::Session,
            Self::Organisation => BudgetTierKind::Organisation,
        }
    }

    /// The id of the plan or session; `organisation` for all.
    pub fn scope_id(&self) -> Text {
        match self {
            Self::Plan(plan) => Text::from(plan),
            Self::Session(session) => Text::from(session),
            Self::Organisation => Text::from("organisation"),
        }
    }

    /// Refuses an id that could not be read back from an event or a snapshot.
    pub(super) fn check(&self) -> Result<(), BudgetError> {
        let checked = match self {
            Self::Plan(plan) => check_name(&plan.to_string()),
            Self::Session(session) => check_name(&session.to_string()),
            Self::Organisation => Ok(()),
        };
        checked.map_err(|source| BudgetError::Invalid { tier: self.kind(), source })
    }

    /// The scope in which events of this tier are told: that of what runs now, and its own id.
    pub(super) fn scope(&self) -> Scope {
        let scope = Scope::current();
        match self {
            Self::Plan(plan) => scope.within_plan(plan),
            Self::Session(session) => scope.with_session_id(session),
            Self::Organisation => scope,
        }
    }
}

impl fmt::Display for BudgetTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(plan) => write!(f, "plan {plan}"),
            Self::Session(session) => write!(f, "session {session}"),
            Self::Organisation => f.write_str("the organisation"),
        }
    }
}

impl From<PlanId> for BudgetTier {
    fn from(plan: PlanId) -> Self {
        Self::Plan(plan)
    }
}

impl From<SessionId> for BudgetTier {
    fn from(session: SessionId) -> Self {
        Self::Session(session)
    }
}

/// The budgets that an amount counts against, all at once: those given, each once, and always
/// [`BudgetTier::Organisation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetTiers(BTreeSet<BudgetTier>);

impl BudgetTiers {
    /// The tiers: plans, then sessions, then the organisation.
    pub fn iter(&self) -> impl Iterator<Item = &BudgetTier> {
        self.0.iter()
    }
}

impl FromIterator<BudgetTier> for BudgetTiers {
    fn from_iter<I: IntoIterator<Item = BudgetTier>>(tiers: I) -> Self {
        Self(tiers.into_iter().chain([BudgetTier::Organisation]).collect())
    }
}

impl From<BudgetTier> for BudgetTiers {
    fn from(tier: BudgetTier) -> Self {
        Self::from_iter([tier])
    }
}

impl From<&BudgetTier> for BudgetTiers {
    fn from(tier: &BudgetTier) -> Self {
        Self::from(tier.clone())
    }
}

impl<const N: usize> From<[BudgetTier; N]> for BudgetTiers {
    fn from(tiers: [BudgetTier; N]) -> Self {
        Self::from_iter(tiers)
    }
}

impl From<Vec<BudgetTier>> for BudgetTiers {
    fn from(tiers: Vec<BudgetTier>) -> Self {
        Self::from_iter(tiers)
    }
}

impl From<&[BudgetTier]> for BudgetTiers {
    fn from(tiers: &[BudgetTier]) -> Self {
        tiers.iter().cloned().collect()
    }
}

impl From<&Self> for BudgetTiers {
    fn from(tiers: &Self) -> Self {
        tiers.clone()
    }
}
