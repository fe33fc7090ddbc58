//! Snapshots: what a service goes on to do after one is what it would have done without.

use std::sync::Arc;

use agentbus::service::budget::{BudgetService, BudgetSnapshot};
use agentbus::service::invariant::{InvariantService, InvariantSnapshot};
use agentbus::service::session::{SessionService, SessionSnapshot};
use agentbus::testing::RecordingEventBus;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::bus_of;
use crate::{budget, invariant, session};

/// By way of its JSON form.
fn again<T: Serialize + DeserializeOwned>(snapshot: &T) -> T {
    serde_json::from_str(&serde_json::to_string(snapshot).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_budget_goes_on_from_its_snapshot_as_it_would_have_without(
        before in prop::collection::vec(budget::op(), 1..40),
        behind in prop::collection::vec(budget::op(), 1..40),
    ) {
        let bus = RecordingEventBus::new();
        let budgets = BudgetService::new(Some(Arc::new(bus.clone())));
        let (mut held, mut world) = (Vec::new(), budget::World::default());
        for op in &before {
            budget::act(&budgets, &mut held, &mut world, op);
        }
        let snapshot = again(&budgets.snapshot(None));
        // What is held is not in it.
        while !held.is_empty() {
            budget::act(&budgets, &mut held, &mut world, &budget::Op::Drop(0));
        }
        prop_assert_eq!(&snapshot, &budgets.snapshot(None));
        bus.take();

        let bus_behind = RecordingEventBus::new();
        let back = BudgetService::from_snapshot(snapshot, Some(bus_of(&bus_behind)));
        let (mut held_behind, mut world_behind) = (Vec::new(), world.clone());
        for op in &behind {
            let done = budget::act(&budgets, &mut held, &mut world, op);
            let done_behind = budget::act(&back, &mut held_behind, &mut world_behind, op);
            prop_assert_eq!(done, done_behind, "{:?}", op);
            for tier in (0..4).map(budget::tier) {
                prop_assert_eq!(budgets.status(&tier), back.status(&tier));
            }
        }
        prop_assert_eq!(budget::told(&bus), budget::told(&bus_behind));
    }

    #[test]
    fn sessions_go_on_from_their_snapshot_as_they_would_have_without(
        before in prop::collection::vec(session::op(), 1..40),
        behind in prop::collection::vec(session::op(), 1..20),
    ) {
        let (sessions, _bus) = session::service();
        let mut world = Vec::new();
        for op in [session::Op::Create].iter().chain(&before) {
            session::act(&sessions, &mut world, op);
        }
        let snapshot: SessionSnapshot = again(&sessions.snapshot(None));
        let bus = RecordingEventBus::new();
        let back = SessionService::from_snapshot(snapshot, Some(bus_of(&bus)));
        bus.assert_nothing();
        prop_assert_eq!(back.list(), sessions.list());
        for kept in sessions.list() {
            prop_assert_eq!(back.export(&kept.id), sessions.export(&kept.id));
            prop_assert_eq!(back.scope(&kept.id), sessions.scope(&kept.id));
        }
        for op in &behind {
            bus.take();
            let told = session::act(&back, &mut world, op);
            prop_assert_eq!(bus.types(), told, "{:?}", op);
            prop_assert_eq!(&session::seen(&back), &world);
        }
    }

    #[test]
    fn invariants_go_on_from_their_snapshot_as_they_would_have_without(
        before in prop::collection::vec(invariant::op(), 1..40),
        behind in prop::collection::vec(invariant::op(), 1..40),
    ) {
        let (before_bus, bus) = (RecordingEventBus::new(), RecordingEventBus::new());
        let invariants = InvariantService::new(Some(bus_of(&before_bus)));
        let mut world = invariant::World::new();
        invariant::run(invariant::act_all(&invariants, &before_bus, &mut world, &before));
        let snapshot: InvariantSnapshot = again(&invariants.snapshot(None));
        let back = InvariantService::from_snapshot(snapshot.clone(), Some(bus_of(&bus)));
        prop_assert_eq!(&snapshot, &back.snapshot(None));
        invariant::give_checks(&back, &world);
        bus.assert_nothing();
        invariant::run(invariant::act_all(&back, &bus, &mut world, &behind));
    }

    #[test]
    fn a_snapshot_with_a_byte_changed_is_refused_or_read_and_never_panics(
        at in 0..10_000_usize,
        byte in 32..127_u8,
        ops in prop::collection::vec(session::op(), 1..6),
    ) {
        let (sessions, _bus) = session::service();
        let (budgets, mut held) = (BudgetService::new(None), Vec::new());
        let (mut world, mut accounts) = (Vec::new(), budget::World::default());
        for op in [session::Op::Create].iter().chain(&ops) {
            session::act(&sessions, &mut world, op);
        }
        for op in [budget::Op::SetLimit(0, 10), budget::Op::Record(1, 5)] {
            budget::act(&budgets, &mut held, &mut accounts, &op);
        }
        let change = |text: String| {
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let text = change(serde_json::to_string(&sessions.snapshot(None)).unwrap());
        if let Ok(read) = serde_json::from_str::<SessionSnapshot>(&text) {
            let back = SessionService::from_snapshot(read, None);
            for session in back.list() {
                prop_assert!(SessionService::new(None).import(&back.export(&session.id).unwrap()).is_ok());
            }
        }
        let text = change(serde_json::to_string(&budgets.snapshot(None)).unwrap());
        if let Ok(read) = serde_json::from_str::<BudgetSnapshot>(&text) {
            prop_assert_eq!(&again(&read), &read);
        }
    }
}
