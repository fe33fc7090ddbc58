//! [`Stays`]: since when plans are in their phase.

use std::collections::{BTreeMap, HashMap};

use crate::event::{PlanId, PlanPhase, Timestamp};

/// How many plans are kept in mind.
const MAX_PLANS: usize = 4_096;

/// Since when plans are in their phase. Of too many the one that moved longest ago is forgotten.
#[derive(Debug, Default)]
pub(super) struct Stays {
    plans: HashMap<PlanId, Stay>,
    /// The plans by the number of their last move.
    moves: BTreeMap<u64, PlanId>,
    next: u64,
    forgotten: u64,
}

#[derive(Debug)]
struct Stay {
    number: u64,
    phase: PlanPhase,
    since: Timestamp,
}

impl Stays {
    /// A plan is in that phase from now on.
    pub(super) fn enter(&mut self, plan: &PlanId, phase: PlanPhase, since: Timestamp) {
        let number = self.next;
        self.next += 1;
        if let Some(before) = self.plans.insert(plan.clone(), Stay { number, phase, since }) {
            self.moves.remove(&before.number);
        }
        self.moves.insert(number, plan.clone());
        if self.plans.len() > MAX_PLANS
            && let Some((_, oldest)) = self.moves.pop_first()
        {
            self.plans.remove(&oldest);
            self.forgotten += 1;
        }
    }

    /// A plan leaves that phase; how long it was in it, in milliseconds, if that is known.
    pub(super) fn leave(&mut self, plan: &PlanId, phase: PlanPhase, at: Timestamp) -> Option<u64> {
        let stay = self.plans.remove(plan)?;
        self.moves.remove(&stay.number);
        let ms = u64::try_from(at.since(stay.since).as_millis()).unwrap_or(u64::MAX);
        (stay.phase == phase).then_some(ms)
    }

    /// How many were forgotten since the last call.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_stay_lasts_from_entering_to_leaving() {
        let (mut stays, plan) = (Stays::default(), PlanId::from("p"));
        stays.enter(&plan, PlanPhase::Action, at(10));
        assert_eq!(stays.leave(&plan, PlanPhase::Action, at(25)), Some(15));
        assert_eq!(stays.leave(&plan, PlanPhase::Action, at(30)), None);
        stays.enter(&plan, PlanPhase::Action, at(30));
        assert_eq!(stays.leave(&plan, PlanPhase::Apply, at(40)), None, "it was in another phase");
        stays.enter(&plan, PlanPhase::Apply, at(50));
        assert_eq!(stays.leave(&plan, PlanPhase::Apply, at(40)), Some(0), "a clock may go back");
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten_and_counted() {
        let mut stays = Stays::default();
        for number in 0..=MAX_PLANS {
            stays.enter(&PlanId::from(format!("p-{number}")), PlanPhase::Action, at(0));
        }
        assert_eq!((stays.take_forgotten(), stays.take_forgotten()), (1, 0));
        assert_eq!(stays.leave(&PlanId::from("p-0"), PlanPhase::Action, at(1)), None);
        assert_eq!(stays.leave(&PlanId::from("p-1"), PlanPhase::Action, at(1)), Some(1));
        assert_eq!((stays.plans.len(), stays.moves.len()), (MAX_PLANS - 1, MAX_PLANS - 1));
    }
}
