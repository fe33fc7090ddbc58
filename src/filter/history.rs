//! [`History`]: what one event does not tell of itself, for `under`.

use std::collections::HashSet;

use super::Filter;
use super::term::{Test, is_plainly_under};
use crate::event::{DomainEvent, EventId, Payload, PlanId};

/// What was caused by what, as far as a filter asks: made of all events before, in their order.
///
/// It keeps the id of each event under one of the ids asked for: 16 bytes each.
#[derive(Debug)]
pub(crate) struct History {
    trees: Vec<Tree>,
}

/// What is under one id.
#[derive(Debug)]
struct Tree {
    root: PlanId,
    events: HashSet<EventId>,
    /// Plans that are children, at however many removes, or were created because of what is under the id.
    plans: HashSet<PlanId>,
}

impl History {
    /// That of no events; `None` if the filter does not [need one](Filter::needs_history).
    pub(crate) fn of(filter: &Filter) -> Option<Self> {
        let ids: HashSet<_> = filter.terms.iter().filter_map(|term| term.test.under()).flatten().collect();
        let tree = |root: &PlanId| Tree { root: root.clone(), events: HashSet::new(), plans: HashSet::new() };
        (!ids.is_empty()).then(|| Self { trees: ids.into_iter().map(tree).collect() })
    }

    /// Adds the event that comes next.
    pub(crate) fn learn(&mut self, event: &DomainEvent) {
        self.trees.iter_mut().for_each(|tree| tree.learn(event));
    }

    /// Whether an event that was learned lies under `id`.
    pub(super) fn is_under(&self, id: &PlanId, event: &DomainEvent) -> bool {
        self.trees.iter().any(|tree| tree.root == *id && tree.events.contains(&event.id()))
    }
}

impl Tree {
    fn learn(&mut self, event: &DomainEvent) {
        let is_of = |plan: Option<&PlanId>| plan.is_some_and(|plan| self.plans.contains(plan));
        let created = match event.payload() {
            Payload::PlanCreated(created) => Some(created),
            _ => None,
        };
        let parent = created.and_then(|created| created.parent_plan_id.as_ref());
        let is_under = is_plainly_under(&self.root, event)
            || event.causation_id().is_some_and(|cause| self.events.contains(&cause))
            || is_of(event.plan_id())
            || is_of(event.root_plan_id())
            || is_of(parent)
            || parent == Some(&self.root);
        if is_under {
            self.events.insert(event.id());
            self.plans.extend(created.and(event.plan_id()).cloned());
        }
    }
}

impl Test {
    /// The ids that `under` asks for.
    fn under(&self) -> Option<&[PlanId]> {
        match self {
            Self::Under(ids) => Some(ids),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{PlanCreated, PlanPhase, SessionCreated};

    fn created(plan: &str, parent: Option<&str>) -> DomainEvent {
        let mut details = PlanCreated::new(1, plan, PlanPhase::Action, ["greeter"], 3);
        details.parent_plan_id = parent.map(PlanId::from);
        DomainEvent::new(details).with_plan_id(plan)
    }

    fn told() -> DomainEvent {
        DomainEvent::new(SessionCreated::new(false))
    }

    /// Which of `events` the filter holds for, in their order.
    fn matched(filter: &str, events: &[DomainEvent]) -> Vec<usize> {
        let filter: Filter = filter.parse().unwrap();
        let mut history = History::of(&filter).unwrap();
        let mut holds = |event: &DomainEvent| {
            history.learn(event);
            filter.matches_in(event, &history)
        };
        (0..events.len()).filter(|number| holds(&events[*number])).collect()
    }

    #[test]
    fn a_filter_without_under_needs_none() {
        assert!(History::of(&Filter::all().plan("p")).is_none());
    }

    #[test]
    fn what_an_event_caused_at_any_remove_is_under_it() {
        let root = told();
        let child = told().with_causation_id(root.id());
        let grandchild = told().with_causation_id(child.id());
        let filter = format!("under={}", root.id());
        assert_eq!(matched(&filter, &[root, told(), child, told(), grandchild]), [2, 4]);
    }

    #[test]
    fn child_plans_at_any_remove_are_under_a_plan_and_what_they_cause_too() {
        let child = created("child", Some("plan"));
        let caused = told().with_causation_id(child.id());
        let events = [
            created("plan", None),
            child,
            created("other", None),
            created("grandchild", Some("child")),
            caused,
        ];
        let late = told().with_plan_id("grandchild");
        let events: Vec<_> = events.into_iter().chain([late]).collect();
        assert_eq!(matched("under=plan", &events), [0, 1, 3, 4, 5]);
    }

    #[test]
    fn a_plan_created_because_of_an_event_is_under_it() {
        let root = told();
        let plan = created("plan", None).with_causation_id(root.id());
        let later = told().with_plan_id("plan");
        let filter = format!("under={}", root.id());
        assert_eq!(matched(&filter, &[root, plan, later, told()]), [1, 2]);
    }

    #[test]
    fn several_ids_and_exclusions_are_kept_apart() {
        let (one, other) = (told(), told());
        let under_one = told().with_causation_id(one.id());
        let under_other = told().with_causation_id(other.id());
        let deep = told().with_causation_id(under_one.id());
        let (one_id, other_id) = (one.id(), other.id());
        let events = [one, other, under_one, under_other, deep];
        assert_eq!(matched(&format!("under={one_id},{other_id}"), &events), [2, 3, 4]);
        assert_eq!(matched(&format!("-under={one_id}"), &events), [0, 1, 3]);
        assert_eq!(matched(&format!("under={other_id} -under={one_id}"), &events), [3]);
        assert_eq!(matched(&format!("under={one_id} session.*"), &events), [2, 4]);
    }
}
