//! Causes that come late, stand twice or are gone: what the index says of them is what a search of the list says.

use std::collections::BTreeSet;
use std::time::Duration;

use agentbus::DomainEvent;
use agentbus::audit::{AuditIndex, AuditQuery, AuditRetention};
use agentbus::event::{EventId, Payload, PlanCreated, PlanPhase};
use agentbus::journal::Recorded;
use agentbus::testing::FixedClock;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::{Home, positions, second, told};

/// Ids that events have and name as their cause; of the last few there is no event.
const IDS: u8 = 24;
const OUTSIDE: u8 = 3;

fn id(number: u8) -> EventId {
    EventId::from_bytes([number + 1; 16])
}

fn plan(number: u8) -> String {
    format!("plan-{number}")
}

/// A plan that is created, maybe as the child of another.
#[derive(Clone, Copy, Debug)]
struct Created {
    parent: Option<u8>,
}

/// What an event is told by: its id, its cause, its plan, and whether and under which it creates that.
#[derive(Clone, Debug)]
struct Told {
    id: u8,
    cause: Option<u8>,
    plan: Option<u8>,
    root: Option<u8>,
    creates: Option<Created>,
    at: i64,
}

fn event(told_by: &Told) -> DomainEvent {
    let event = match &told_by.creates {
        Some(Created { parent }) => {
            let mut details = PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3);
            details.parent_plan_id = parent.map(|parent| plan(parent).as_str().into());
            DomainEvent::new(details)
        }
        None => told(1),
    };
    let event = told_by.cause.into_iter().fold(event, |event, cause| event.with_causation_id(id(cause)));
    let event =
        told_by.plan.into_iter().fold(event, |event, number| event.with_plan_id(plan(number).as_str()));
    let event =
        told_by.root.into_iter().fold(event, |event, number| event.with_root_plan_id(plan(number).as_str()));
    event.with_timestamp(second(told_by.at)).with_id(id(told_by.id))
}

fn told_by() -> impl Strategy<Value = Told> {
    let number = |of| prop::option::weighted(0.3, 0..of);
    let creates = prop::option::weighted(0.3, number(3_u8).prop_map(|parent| Created { parent }));
    (0..IDS - OUTSIDE, prop::option::weighted(0.7, 0..IDS), number(3), number(3), creates, 0_i64..10)
        .prop_map(|(id, cause, plan, root, creates, at)| Told { id, cause, plan, root, creates, at })
}

/// Positions of what that event caused.
fn caused(by: EventId, present: &[Recorded]) -> Vec<u64> {
    let caused = present.iter().filter(|recorded| recorded.event.causation_id() == Some(by));
    caused.map(|recorded| recorded.position.get()).collect()
}

/// Positions of what is under an id, found by looking at all until nothing is new.
fn under(root: &str, present: &[Recorded]) -> Vec<u64> {
    let (mut found, mut plans) = (BTreeSet::new(), BTreeSet::from([root.to_owned()]));
    loop {
        let before = (found.len(), plans.len());
        for Recorded { position, event, .. } in present {
            let is_of_plan = [event.plan_id(), event.root_plan_id()];
            let is_of_plan = is_of_plan.into_iter().flatten().any(|plan| plans.contains(&plan.to_string()));
            let created = match event.payload() {
                Payload::PlanCreated(created) => Some(created),
                _ => None,
            };
            let parent = created.and_then(|created| created.parent_plan_id.as_ref());
            let is_child = parent.is_some_and(|parent| plans.contains(&parent.to_string()));
            let cause = event.causation_id().map(|cause| cause.to_string());
            let is_effect = cause.is_some_and(|cause| {
                let is_found = |other: &Recorded| {
                    found.contains(&other.position.get()) && other.event.id().to_string() == cause
                };
                cause == root || present.iter().any(is_found)
            });
            if is_of_plan || is_child || is_effect {
                found.insert(position.get());
                plans.extend(created.and(event.plan_id()).map(ToString::to_string));
            }
        }
        if before == (found.len(), plans.len()) {
            return found.into_iter().collect();
        }
    }
}

fn check(index: &mut AuditIndex, present: &[Recorded]) -> Result<(), TestCaseError> {
    let all: Vec<_> = present.iter().map(|recorded| recorded.position.get()).collect();
    prop_assert_eq!(positions(index, &AuditQuery::new()), all);
    for id in (0..IDS).map(id) {
        prop_assert_eq!(positions(index, &AuditQuery::new().caused_by(id)), caused(id, present), "by {}", id);
        let of_id = present.iter().filter(|recorded| recorded.event.id() == id);
        let of_id: Vec<_> = of_id.map(|recorded| recorded.position.get()).collect();
        prop_assert_eq!(positions(index, &AuditQuery::new().id(id)), of_id);
    }
    for root in (0..IDS).map(|number| id(number).to_string()).chain((0..3).map(plan)) {
        let found = positions(index, &AuditQuery::new().under(root.as_str()));
        prop_assert_eq!(found, under(&root, present), "under {}", root);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_an_event_caused_is_found_whatever_came_first_and_whatever_is_gone(
        parts in prop::collection::vec((prop::collection::vec(told_by(), 1..12), prop::option::of(0_u64..10)), 1..4),
        again in any::<Index>(),
    ) {
        let home = Home::with([]);
        let mut index = home.index();
        let _clock = FixedClock::at(second(10));
        let mut gone = BTreeSet::new();
        for (told, kept) in &parts {
            home.append(told.iter().map(event));
            index.index().unwrap();
            if let Some(kept) = kept {
                let span = Some(Duration::from_secs(*kept));
                index.retain(&AuditRetention::new(span, span, span).unwrap()).unwrap();
                let cut = second(10 - i64::try_from(*kept).unwrap());
                let recorded = home.recorded();
                let old = recorded.iter().filter(|recorded| recorded.event.timestamp() < cut);
                gone.extend(old.map(|recorded| recorded.position));
            }
            let mut present = home.recorded();
            present.retain(|recorded| !gone.contains(&recorded.position));
            check(&mut index, &present)?;
        }
        if again.index(4) == 0 {
            AuditIndex::rebuild(home.path(), &agentbus::Redactor::new()).unwrap();
            check(&mut index, &home.recorded())?;
        }
    }
}
