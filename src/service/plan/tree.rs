//! The plans, each with its scope and its place in its tree.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::state::Identity;
use super::{Ask, Fact, Plan, PlanError, PlanFilter, applied, decide};
use crate::emitter::Changes;
use crate::event::{Brief, Few, PlanId, Scope, Text, Timestamp};
use crate::service::restore::RestoreFault;

/// A plan and what belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) plan: Plan,
    /// The scope of what happens inside the plan: its ids, its opening event as the cause.
    pub(super) inside: Scope,
    /// Whether it is known to be applied and nothing tells what that came to: a process was killed between the two
    /// events.
    pub(super) is_untold: bool,
}

impl Entry {
    /// The scope in which an event of this plan is told: that of what runs now, with the plan's ids; what it does
    /// not say, above all a cause and a correlation, it has from the plan.
    pub(super) fn scope(&self, now: &Scope) -> Scope {
        let plan = &self.plan;
        let mut scope = plan_scope(now.clone(), &plan.identity(), plan.actor.as_ref(), &plan.project_names);
        if let (None, Some(cause)) = (now.causation_id(), self.inside.causation_id()) {
            scope = scope.with_causation_id(*cause);
        }
        if let (None, Some(correlation)) = (now.correlation_id(), self.inside.correlation_id()) {
            scope = scope.with_correlation_id(correlation.clone());
        }
        if let (None, Some(user)) = (now.user_identity(), self.inside.user_identity()) {
            scope = scope.with_user_identity(user.clone());
        }
        if let (None, Some(trace)) = (now.trace(), self.inside.trace()) {
            scope = scope.with_trace(*trace);
        }
        scope
    }

    /// Changes the plan as the facts tell, and tells them.
    fn take(&mut self, facts: Vec<Fact>, now: &Scope, events: &mut Changes<'_>) {
        let scope = self.scope(now);
        for fact in facts {
            self.plan.apply(&fact);
            self.plan.changed_at = match fact {
                Fact::PhaseChanged(moved) => events.emit_timed(&scope, || moved),
                Fact::StateChanged(changed) => events.emit_timed(&scope, || changed),
                Fact::Applied(applied) => events.emit_timed(&scope, || applied),
                Fact::Cancelled(cancelled) => events.emit_timed(&scope, || cancelled),
                Fact::Errored(errored) => events.emit_timed(&scope, || errored),
            };
        }
    }
}

/// `scope` with what the events of a plan carry in their envelope: a project if it is the only one, or that of `scope`
/// if it is among several.
pub(super) fn plan_scope(
    mut scope: Scope,
    identity: &Identity,
    actor: Option<&Text>,
    project_names: &Few<Text>,
) -> Scope {
    scope = scope.with_plan_id(&identity.id).with_root_plan_id(&identity.root_id);
    if let Some(session) = &identity.session_id {
        scope = scope.with_session_id(session);
    }
    if let Some(actor) = actor {
        scope = scope.with_actor_name(actor.clone());
    }
    match (project_names.items(), project_names.more()) {
        ([project], 0) => scope.with_project_name(project.clone()),
        ([], 0) => scope,
        (projects, more) => match scope.project_name() {
            Some(project) if more == 0 && !projects.contains(project) => scope.without_project_name(),
            _ => scope,
        },
    }
}

/// A place in a tree, and who stands there.
#[derive(Debug)]
struct Node {
    /// How many were placed before it.
    number: usize,
    /// Broken plans keep their place: what is below them belongs to the tree all the same.
    entry: Result<Entry, RestoreFault>,
    parent: Option<PlanId>,
    /// In the order in which they were spawned.
    children: Vec<PlanId>,
}

/// All plans of a service.
#[derive(Debug, Default)]
pub(super) struct Plans {
    nodes: HashMap<PlanId, Node>,
    /// The ids of those that are not broken, in the order of creation.
    order: Vec<PlanId>,
    /// Those that are neither broken nor finished, by when they last changed.
    unfinished: BTreeSet<(Timestamp, PlanId)>,
}

impl Plans {
    pub(super) fn entry(&self, id: &PlanId) -> Result<&Entry, PlanError> {
        match self.nodes.get(id).map(|node| &node.entry) {
            Some(Ok(entry)) => Ok(entry),
            Some(Err(fault)) => Err(broken(id, fault)),
            None => Err(PlanError::Unknown { plan: id.clone() }),
        }
    }

    /// Refuses an id that is taken.
    pub(super) fn check_free(&self, id: &PlanId) -> Result<(), PlanError> {
        match self.entry(id) {
            Ok(_) => Err(PlanError::Exists { plan: id.clone() }),
            Err(PlanError::Unknown { .. }) => Ok(()),
            Err(broken) => Err(broken),
        }
    }

    /// Puts a plan below its parent.
    pub(super) fn insert(&mut self, entry: Entry) {
        let (id, parent) = (entry.plan.id.clone(), entry.plan.parent_id.clone());
        self.order.push(id.clone());
        self.unfinished.extend(unfinished(&entry.plan));
        self.place(id, parent, Ok(entry));
    }

    /// Keeps the place of a plan that could not be restored.
    pub(super) fn insert_broken(&mut self, id: PlanId, parent: Option<PlanId>, fault: RestoreFault) {
        self.place(id, parent, Err(fault));
    }

    fn place(&mut self, id: PlanId, parent: Option<PlanId>, entry: Result<Entry, RestoreFault>) {
        if let Some(above) = parent.as_ref().and_then(|parent| self.nodes.get_mut(parent)) {
            above.children.push(id.clone());
        }
        let number = self.nodes.len();
        self.nodes.insert(id, Node { number, entry, parent, children: Vec::new() });
    }

    /// Does what is asked of a plan.
    pub(super) fn change(
        &mut self,
        id: &PlanId,
        ask: Ask,
        now: &Scope,
        events: &mut Changes<'_>,
    ) -> Result<Plan, PlanError> {
        let entry = match self.nodes.get_mut(id).map(|node| &mut node.entry) {
            Some(Ok(entry)) => entry,
            Some(Err(fault)) => return Err(broken(id, fault)),
            None => return Err(PlanError::Unknown { plan: id.clone() }),
        };
        let facts = match ask {
            Ask::Apply(done) if entry.is_untold => vec![applied(&entry.plan, entry.plan.revision + 1, done)],
            ask => decide(&entry.plan, ask)?,
        };
        entry.is_untold = false;
        let before = unfinished(&entry.plan);
        entry.take(facts, now, events);
        if let Some(before) = before {
            self.unfinished.remove(&before);
        }
        self.unfinished.extend(unfinished(&entry.plan));
        Ok(entry.plan.clone())
    }

    /// Cancels the plans below `id` that are not finished, each behind those below it, then `id`.
    pub(super) fn cancel(
        &mut self,
        id: &PlanId,
        reason: &Brief,
        now: &Scope,
        events: &mut Changes<'_>,
    ) -> Result<Plan, PlanError> {
        let cancel = |children_cancelled| Ask::Cancel { reason: reason.clone(), children_cancelled };
        decide(&self.entry(id)?.plan, cancel(0))?;
        // Of each plan, how many below it were cancelled: what each adds to its parent's count.
        let mut below: HashMap<PlanId, u64> = HashMap::new();
        for descendant in self.leaves_first(id) {
            let Some(node) = self.nodes.get(&descendant) else { continue };
            let unfinished = node.entry.as_ref().is_ok_and(|entry| !entry.plan.is_final());
            let parent = node.parent.clone();
            let cancelled = below.remove(&descendant).unwrap_or(0);
            if unfinished {
                self.change(&descendant, cancel(cancelled), now, events)?;
            }
            if let Some(parent) = parent {
                *below.entry(parent).or_default() += cancelled + u64::from(unfinished);
            }
        }
        Ok(self.entry(id)?.plan.clone())
    }

    /// The plans that are not finished and last changed `after` ago or more, in the order of creation. No others are
    /// looked at.
    pub(super) fn stalled(&self, now: Timestamp, after: Duration) -> impl Iterator<Item = &Plan> {
        let is_stalled = |(changed_at, _): &&_| now >= Timestamp::saturating_add(*changed_at, after);
        let ids = self.unfinished.iter().take_while(is_stalled).map(|(_, id)| id);
        let mut stalled: Vec<_> = ids.filter_map(|id| self.nodes.get(id)).collect();
        stalled.sort_unstable_by_key(|node| node.number);
        stalled.into_iter().filter_map(|node| node.entry.as_ref().ok()).map(|entry| &entry.plan)
    }

    pub(super) fn list(&self, filter: &PlanFilter) -> Vec<Plan> {
        let entries = self.order.iter().filter_map(|id| self.entry(id).ok());
        entries.map(|entry| &entry.plan).filter(|plan| filter.matches(plan)).cloned().collect()
    }

    /// The plan and those below it, each before its children.
    pub(super) fn tree(&self, top: &PlanId) -> Result<Vec<Plan>, PlanError> {
        self.entry(top)?;
        let mut waiting = vec![top];
        let mut plans = Vec::new();
        while let Some(node) = waiting.pop().and_then(|id| self.nodes.get(id)) {
            plans.extend(node.entry.as_ref().ok().map(|entry| entry.plan.clone()));
            waiting.extend(node.children.iter().rev());
        }
        Ok(plans)
    }

    /// The ids below `top` and its own, each behind its children. A loop and no recursion: trees may be deep.
    fn leaves_first(&self, top: &PlanId) -> Vec<PlanId> {
        let mut waiting = vec![top];
        let mut ids = Vec::new();
        while let Some((id, node)) = waiting.pop().and_then(|id| self.nodes.get_key_value(id)) {
            ids.push(id.clone());
            waiting.extend(&node.children);
        }
        ids.reverse();
        ids
    }
}

/// Where a plan stands among the unfinished ones.
fn unfinished(plan: &Plan) -> Option<(Timestamp, PlanId)> {
    (!plan.is_final()).then(|| (plan.changed_at, plan.id.clone()))
}

fn broken(id: &PlanId, fault: &RestoreFault) -> PlanError {
    PlanError::Broken { plan: id.clone(), source: fault.clone() }
}
