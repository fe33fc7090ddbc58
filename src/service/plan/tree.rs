//! The plans, each with its scope and its children.

use std::collections::HashMap;

use super::state::Identity;
use super::{Ask, Fact, Plan, PlanError, PlanFilter, decide};
use crate::emitter::Changes;
use crate::event::{Brief, Few, PlanId, Scope, Text};

/// A plan and what belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) plan: Plan,
    /// The scope of what happens inside the plan: its ids, its opening event as the cause.
    pub(super) inside: Scope,
    /// In the order in which they were spawned.
    children: Vec<PlanId>,
}

impl Entry {
    pub(super) fn new(plan: Plan, inside: Scope) -> Self {
        Self { plan, inside, children: Vec::new() }
    }

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

/// `scope` with what the events of a plan carry in their envelope. A project stands there if it is the only one.
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
        _ => scope,
    }
}

/// All plans of a service.
#[derive(Debug, Default)]
pub(super) struct Plans {
    by_id: HashMap<PlanId, Entry>,
    /// The ids in the order of creation.
    order: Vec<PlanId>,
}

impl Plans {
    pub(super) fn contains(&self, id: &PlanId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn entry(&self, id: &PlanId) -> Result<&Entry, PlanError> {
        self.by_id.get(id).ok_or_else(|| PlanError::Unknown { plan: id.clone() })
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let id = entry.plan.id.clone();
        if let Some(parent) = entry.plan.parent_id.as_ref().and_then(|parent| self.by_id.get_mut(parent)) {
            parent.children.push(id.clone());
        }
        self.order.push(id.clone());
        self.by_id.insert(id, entry);
    }

    /// Does what is asked of a plan.
    pub(super) fn change(
        &mut self,
        id: &PlanId,
        ask: Ask,
        now: &Scope,
        events: &mut Changes<'_>,
    ) -> Result<Plan, PlanError> {
        let unknown = || PlanError::Unknown { plan: id.clone() };
        let entry = self.by_id.get_mut(id).ok_or_else(unknown)?;
        let facts = decide(&entry.plan, ask)?;
        entry.take(facts, now, events);
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
            let entry = self.entry(&descendant)?;
            let (unfinished, parent) = (!entry.plan.is_final(), entry.plan.parent_id.clone());
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

    pub(super) fn list(&self, filter: &PlanFilter) -> Vec<Plan> {
        let plans = self.order.iter().filter_map(|id| self.by_id.get(id)).map(|entry| &entry.plan);
        plans.filter(|plan| filter.matches(plan)).cloned().collect()
    }

    /// The plan and those below it, each before its children.
    pub(super) fn tree(&self, top: &PlanId) -> Result<Vec<Plan>, PlanError> {
        self.entry(top)?;
        let mut waiting = vec![top];
        let mut plans = Vec::new();
        while let Some(entry) = waiting.pop().and_then(|id| self.by_id.get(id)) {
            plans.push(entry.plan.clone());
            waiting.extend(entry.children.iter().rev());
        }
        Ok(plans)
    }

    /// The ids below `top` and its own, each behind its children. A loop and no recursion: trees may be deep.
    fn leaves_first(&self, top: &PlanId) -> Vec<PlanId> {
        let mut waiting = vec![top];
        let mut ids = Vec::new();
        while let Some(entry) = waiting.pop().and_then(|id| self.by_id.get(id)) {
            ids.push(entry.plan.id.clone());
            waiting.extend(&entry.children);
        }
        ids.reverse();
        ids
    }
}
