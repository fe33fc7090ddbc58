//! [`Reconciled`]: which invariants hold together, and which lost.

use std::collections::{BTreeSet, HashMap};

use super::state::{Entry, Invariants};
use super::{Invariant, InvariantError, Reach, Setting};
use crate::event::{InvariantId, Text};

/// Which invariants hold for a plan, and which lost to a stronger one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciled {
    /// Those that hold: the strongest first, those of one strength in the order in which they were added.
    pub effective: Vec<Invariant>,
    /// Those that lost, in the same order.
    pub overridden: Vec<Overridden>,
    /// The keys that more than one wanted.
    pub conflicts: BTreeSet<Text>,
}

/// An invariant that lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overridden {
    /// It.
    pub invariant: Invariant,
    /// To which it lost.
    pub by: InvariantId,
}

impl Invariants {
    /// Which invariants hold in `setting`; with each of those that hold its check.
    pub(super) fn reconcile(&self, setting: &Setting) -> Result<(Reconciled, Vec<Entry>), InvariantError> {
        self.refuse_unnamed(setting)?;
        let is_one =
            |entry: &&Entry| entry.invariant.is_active && setting.is_reached_by(&entry.invariant.reach);
        let mut candidates: Vec<&Entry> = self.all().iter().filter(is_one).collect();
        // A stable sort: among equals the one that was added first stays first, and wins.
        candidates.sort_by_key(|entry| entry.invariant.strength());
        let (mut reconciled, mut holding) = (Reconciled::default(), Vec::new());
        let mut winners: HashMap<&Text, &InvariantId> = HashMap::new();
        for entry in candidates {
            let invariant = &entry.invariant;
            if let Some(key) = &invariant.key {
                if let Some(&winner) = winners.get(key) {
                    reconciled.conflicts.insert(key.clone());
                    let lost = Overridden { invariant: invariant.clone(), by: winner.clone() };
                    reconciled.overridden.push(lost);
                    continue;
                }
                winners.insert(key, &invariant.id);
            }
            reconciled.effective.push(invariant.clone());
            holding.push(entry.clone());
        }
        Ok((reconciled, holding))
    }

    /// A plan may have more projects than its events name. Whether an invariant of another project is one for it
    /// cannot be told then.
    fn refuse_unnamed(&self, setting: &Setting) -> Result<(), InvariantError> {
        let unnamed = setting.unnamed_projects();
        if unnamed == 0 {
            return Ok(());
        }
        let might_be_one = |invariant: &&Invariant| {
            let of_project = matches!(invariant.reach, Reach::Project(_));
            invariant.is_active && of_project && !setting.is_reached_by(&invariant.reach)
        };
        match self.all().iter().map(|entry| &entry.invariant).find(might_be_one) {
            None => Ok(()),
            Some(invariant) => Err(InvariantError::UnnamedProjects {
                plan: setting.plan_id().clone(),
                unnamed,
                invariant: invariant.id.clone(),
            }),
        }
    }
}
