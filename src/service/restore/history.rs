//! Bringing the events of each plan into the order of their revisions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{BrokenPlan, Conflict, RestoreFault, Restored};
use crate::event::{Category, Details as _, DomainEvent, EventType, Hash, PlanId};
use crate::journal::{Entry, JournalGap, JournalRefused, Position, Recorded};

/// A state under way, that is built from events.
pub(in crate::service) trait Rebuild: Default {
    /// What the service keeps of it.
    type State;

    /// The category of those events.
    const CATEGORY: Category;

    /// The revision that an event has, if it is of a kind that the state is built from.
    fn revision(event: &DomainEvent) -> Option<u64>;

    /// Takes the next event of a plan, in the order of the plan's revisions.
    fn take(&mut self, plan: &PlanId, told: &Recorded) -> Result<(), Conflict>;

    /// Hears of an event of a plan that is broken, which will not be taken.
    fn pass(&mut self, plan: &PlanId, told: &Recorded);

    /// What it comes to once everything was taken, with the place of what is `broken` kept. Adds to `broken` what does
    /// not show before.
    fn complete(self, broken: &mut Vec<BrokenPlan>) -> Self::State;
}

/// What is known of the events of one plan.
#[derive(Debug, Default)]
struct History {
    root_plan_id: Option<PlanId>,
    /// The events that were taken, by revision from 1: as one that is recorded twice is known again.
    taken: Vec<Hash>,
    /// The events that stand before one of a lower revision.
    early: BTreeMap<u64, (Hash, Recorded)>,
    fault: Option<RestoreFault>,
}

impl History {
    /// The revision that can be taken next.
    fn next(&self) -> u64 {
        self.taken.len() as u64 + 1
    }

    /// The event that is known to be that revision.
    fn known(&self, revision: u64) -> Option<Hash> {
        let early = || self.early.get(&revision).map(|(digest, _)| *digest);
        let place = usize::try_from(revision.checked_sub(1)?).ok()?;
        self.taken.get(place).copied().or_else(early)
    }

    /// Takes an event, and those that waited for it, into `state`.
    fn take<R: Rebuild>(
        &mut self,
        state: &mut R,
        plan: &PlanId,
        revision: u64,
        told: Recorded,
    ) -> Result<(), RestoreFault> {
        let position = told.position;
        let digest = digest(&told.event);
        match self.known(revision) {
            _ if revision == 0 => return Err(contradiction(revision, position, Conflict::Revision)),
            Some(known) if known == digest => return Ok(()),
            Some(_) => return Err(contradiction(revision, position, Conflict::Twice)),
            None => self.early.insert(revision, (digest, told)),
        };
        loop {
            let revision = self.next();
            let Some((digest, told)) = self.early.remove(&revision) else { return Ok(()) };
            if let Err(conflict) = state.take(plan, &told) {
                state.pass(plan, &told);
                return Err(contradiction(revision, told.position, conflict));
            }
            self.taken.push(digest);
        }
    }

    /// Nothing more is taken.
    fn fail<R: Rebuild>(&mut self, state: &mut R, plan: &PlanId, fault: RestoreFault) {
        for (_, told) in std::mem::take(&mut self.early).into_values() {
            state.pass(plan, &told);
        }
        self.taken = Vec::new();
        self.fault = Some(fault);
    }
}

fn contradiction(revision: u64, position: Position, conflict: Conflict) -> RestoreFault {
    RestoreFault::Contradiction { revision, position, conflict }
}

/// What makes an event the same when it is recorded once more: all of it but its place, which another bus may have
/// given it, and what the state does not keep.
fn digest(event: &DomainEvent) -> Hash {
    let details = event.details_json().unwrap_or_default();
    let root = event.root_plan_id().map(ToString::to_string).unwrap_or_default();
    Hash::of(format!("{} {} {root} {details}", event.id(), event.timestamp()))
}

/// Whether an event says that the journal lacks events that the state may be built from.
fn tells_of_loss<R: Rebuild>(event: &DomainEvent) -> bool {
    let is_ours = |refused: &JournalRefused| {
        let kind = EventType::ALL.into_iter().find(|kind| kind.as_str() == refused.event_type);
        kind.is_some_and(|kind| kind.category() == R::CATEGORY)
    };
    let is_of = |kind: EventType| event.type_name() == kind.as_str();
    is_of(JournalGap::TYPE)
        || is_of(JournalRefused::TYPE) && event.details::<JournalRefused>().is_none_or(is_ours)
}

/// A journal on its way into a state.
#[derive(Debug, Default)]
pub(in crate::service) struct Restoring<R> {
    state: R,
    histories: HashMap<PlanId, History>,
    restored: Restored,
}

impl<R: Rebuild> Restoring<R> {
    /// Takes what stands next in the journal.
    pub(in crate::service) fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Event(recorded) => {
                self.restored.through = Some(recorded.position);
                self.take_event(recorded);
            }
            Entry::Unreadable(unreadable) => self.restored.unreadable.push(unreadable),
            Entry::Removed { through } => {
                self.restored.removed = Some(through);
                self.restored.through = Some(through);
            }
        }
    }

    /// Everything up to that place was taken, as far as it is of the state's kinds.
    pub(in crate::service) fn reached(&mut self, through: Option<Position>) {
        self.restored.through = self.restored.through.max(through);
    }

    fn take_event(&mut self, told: Recorded) {
        let Some(revision) = R::revision(&told.event) else {
            self.restored.gaps += u64::from(tells_of_loss::<R>(&told.event));
            return;
        };
        let Some(plan) = told.event.plan_id().cloned() else {
            self.restored.strays += 1;
            return;
        };
        let history = self.histories.entry(plan.clone()).or_insert_with(|| History {
            root_plan_id: told.event.root_plan_id().cloned(),
            ..History::default()
        });
        if history.fault.is_some() {
            self.state.pass(&plan, &told);
        } else if let Err(fault) = history.take(&mut self.state, &plan, revision, told) {
            history.fail(&mut self.state, &plan, fault);
        }
    }

    /// Up to where the journal has nothing any more.
    pub(in crate::service) fn removed(&self) -> Option<Position> {
        self.restored.removed
    }

    /// The state, and what came of restoring it: holes are those that nothing has filled by now.
    pub(in crate::service) fn finish(mut self) -> (R::State, Arc<Restored>) {
        for (plan_id, mut history) in self.histories {
            let first = history.early.first_key_value();
            let hole = first.map(|(found, (_, told))| RestoreFault::Hole {
                expected: history.next(),
                found: *found,
                position: told.position,
            });
            if let Some(hole) = hole {
                history.fail(&mut self.state, &plan_id, hole);
            }
            if let Some(fault) = history.fault {
                let root_plan_id = history.root_plan_id;
                self.restored.broken.push(BrokenPlan { plan_id, root_plan_id, fault });
            }
        }
        let state = self.state.complete(&mut self.restored.broken);
        (state, Arc::new(self.restored.settled(R::CATEGORY.as_str())))
    }
}

impl<R: Rebuild> FromIterator<Entry> for Restoring<R> {
    /// Takes what a journal has, in its order.
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut restoring = Self::default();
        entries.into_iter().for_each(|entry| restoring.take(entry));
        restoring
    }
}
