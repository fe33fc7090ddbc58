//! Plans from their events: each checked against the table of moves, then put in its tree.

use std::collections::HashMap;

use super::moves::can_follow;
use super::state::{Fact, Identity, Plan};
use super::tree::{Entry, Plans};
use crate::event::{Category, DomainEvent, Payload, PlanCreated, PlanId, PlanPhase, PlanState};
use crate::journal::{Position, Recorded};
use crate::service::restore::{BrokenPlan, Conflict, Rebuild, RestoreFault};

/// A plan as far as its events were taken.
#[derive(Debug)]
struct Opened {
    entry: Entry,
    /// Where its opening stands.
    position: Position,
    /// The states before and after, if the last event told a change of state.
    last: Option<(PlanState, PlanState)>,
}

/// The plans as far as their events were taken.
#[derive(Debug, Default)]
pub(super) struct Rebuilding {
    opened: HashMap<PlanId, Opened>,
    /// In the order of their openings.
    order: Vec<PlanId>,
}

impl Rebuild for Rebuilding {
    type State = Plans;

    const CATEGORY: Category = Category::Plan;

    fn revision(event: &DomainEvent) -> Option<u64> {
        Some(match event.payload() {
            Payload::PlanCreated(told) => told.revision,
            Payload::PlanPhaseChanged(told) => told.revision,
            Payload::PlanStateChanged(told) => told.revision,
            Payload::PlanApplied(told) => told.revision,
            Payload::PlanCancelled(told) => told.revision,
            Payload::PlanErrored(told) => told.revision,
            _ => return None,
        })
    }

    fn take(&mut self, plan: &PlanId, told: &Recorded) -> Result<(), Conflict> {
        let event = &*told.event;
        match (self.opened.get_mut(plan), event.details::<PlanCreated>()) {
            (None, Some(created)) => {
                let opened = open(plan, created, told)?;
                self.order.push(plan.clone());
                self.opened.insert(plan.clone(), opened);
                Ok(())
            }
            (Some(opened), None) => opened.take(event),
            _ => Err(Conflict::Opening),
        }
    }

    fn pass(&mut self, _plan: &PlanId, _told: &Recorded) {}

    fn complete(self, broken: &mut Vec<BrokenPlan>) -> Plans {
        self.planted(broken)
    }
}

fn open(id: &PlanId, created: &PlanCreated, told: &Recorded) -> Result<Opened, Conflict> {
    let event = &*told.event;
    if created.phase != PlanPhase::Action {
        return Err(Conflict::Move);
    }
    if created.parent_plan_id.as_ref() == Some(id) {
        return Err(Conflict::Parent);
    }
    let root = event.root_plan_id().ok_or(Conflict::Root)?;
    let is_root = created.parent_plan_id.is_none();
    if is_root != (root == id) {
        return Err(Conflict::Root);
    }
    let session_id = event.session_id().cloned();
    let identity = Identity { id: id.clone(), root_id: root.clone(), session_id };
    let plan = Plan::created(identity, created, event.timestamp());
    let entry = Entry { plan, inside: event.scope(), is_untold: false };
    Ok(Opened { entry, position: told.position, last: None })
}

impl Opened {
    fn take(&mut self, event: &DomainEvent) -> Result<(), Conflict> {
        let plan = &mut self.entry.plan;
        if event.root_plan_id() != Some(&plan.root_id) {
            return Err(Conflict::Root);
        }
        let fact = Fact::told(event.payload()).ok_or(Conflict::Opening)?;
        if !can_follow(plan, self.last, &fact) {
            return Err(Conflict::Move);
        }
        plan.apply(&fact);
        plan.changed_at = event.timestamp();
        self.last = match &fact {
            Fact::StateChanged(changed) => Some((changed.from, changed.to)),
            _ => None,
        };
        self.entry.is_untold = self.last.is_some_and(|(_, to)| to == PlanState::Applied);
        Ok(())
    }
}

impl Rebuilding {
    /// Puts the plans in their trees; `broken` gets those that have no place there.
    ///
    /// A parent is opened before its children. So every plan is put below one that stands already, and no loop can
    /// come about whatever the events say. A broken plan whose opening is not known stands below the root of its
    /// tree: what it spawned is reached from there.
    fn planted(mut self, broken: &mut Vec<BrokenPlan>) -> Plans {
        let mut faults: HashMap<PlanId, BrokenPlan> =
            broken.drain(..).map(|plan| (plan.plan_id.clone(), plan)).collect();
        let mut plans = Plans::default();
        for id in std::mem::take(&mut self.order) {
            let Some(opened) = self.opened.remove(&id) else { continue };
            let misplaced = self.misplaced(&opened, &mut plans, &mut faults, broken);
            let plan = &opened.entry.plan;
            let fault = faults.remove(&id).map(|known| known.fault);
            let parent = plan.parent_id.clone().filter(|_| misplaced.is_none());
            let Some(fault) = fault.or(misplaced) else {
                plans.insert(opened.entry);
                continue;
            };
            let root_plan_id = Some(plan.root_id.clone());
            plans.insert_broken(id.clone(), parent, fault.clone());
            broken.push(BrokenPlan { plan_id: id, root_plan_id, fault });
        }
        for unopened in faults.into_values() {
            place_below_root(&mut plans, &unopened);
            broken.push(unopened);
        }
        plans
    }

    /// Why a plan cannot stand below the parent that it names. One of which nothing is known gets a place.
    fn misplaced(
        &self,
        child: &Opened,
        plans: &mut Plans,
        faults: &mut HashMap<PlanId, BrokenPlan>,
        broken: &mut Vec<BrokenPlan>,
    ) -> Option<RestoreFault> {
        let (plan, position) = (&child.entry.plan, child.position);
        let parent = plan.parent_id.as_ref()?;
        let contradicts = |conflict| Some(RestoreFault::Contradiction { revision: 1, position, conflict });
        if self.opened.contains_key(parent) {
            return contradicts(Conflict::Parent);
        }
        match plans.entry(parent) {
            Ok(above) if above.plan.root_id != plan.root_id => return contradicts(Conflict::Root),
            Err(super::PlanError::Unknown { .. }) => {
                let missing = || BrokenPlan {
                    plan_id: parent.clone(),
                    root_plan_id: Some(plan.root_id.clone()),
                    fault: RestoreFault::Missing { child: plan.id.clone(), position },
                };
                let unopened = faults.remove(parent).unwrap_or_else(missing);
                place_below_root(plans, &unopened);
                broken.push(unopened);
            }
            _ => {}
        }
        None
    }
}

/// Gives a broken plan whose parent is not known a place below the root of its tree, if that is known.
fn place_below_root(plans: &mut Plans, unopened: &BrokenPlan) {
    let is_root = |root: &&PlanId| plans.entry(root).is_ok_and(|root| root.plan.parent_id.is_none());
    let root = unopened.root_plan_id.as_ref().filter(is_root).cloned();
    plans.insert_broken(unopened.plan_id.clone(), root, unopened.fault.clone());
}
