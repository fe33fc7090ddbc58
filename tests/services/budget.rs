//! Budgets: accounts kept a second time in wide integers.

use std::sync::Arc;

use agentbus::event::{BudgetExceeded, BudgetWarning, EventType, Text, Usd};
use agentbus::service::budget::{BudgetService, BudgetTier, Reservation};
use agentbus::testing::RecordingEventBus;
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Op {
    SetLimit(usize, i64),
    RemoveLimit(usize),
    /// In the tiers whose bits are set.
    Reserve(u8, i64),
    Settle(usize, i64),
    Drop(usize),
    Record(u8, i64),
}

pub(crate) fn tier(number: usize) -> BudgetTier {
    match number {
        0 => BudgetTier::Plan("p".into()),
        1 => BudgetTier::Plan("root".into()),
        2 => BudgetTier::Session("s".into()),
        _ => BudgetTier::Organisation,
    }
}

/// The tiers whose bits are set, and always the last.
fn tiers(bits: u8) -> impl Iterator<Item = usize> + Clone {
    (0..4).filter(move |number| *number == 3 || bits & (1 << number) != 0)
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let amount = prop_oneof![20 => 0..100_i64, 1 => -5..0_i64, 1 => (i64::MAX - 50)..=i64::MAX];
    let limit = prop_oneof![10 => 0..300_i64, 1 => -5..0_i64];
    prop_oneof![
        3 => (0..4_usize, limit).prop_map(|(tier, limit)| Op::SetLimit(tier, limit)),
        1 => (0..4_usize).prop_map(Op::RemoveLimit),
        6 => (0..8_u8, amount.clone()).prop_map(|(tiers, amount)| Op::Reserve(tiers, amount)),
        4 => (0..100_usize, amount.clone()).prop_map(|(which, amount)| Op::Settle(which, amount)),
        2 => (0..100_usize).prop_map(Op::Drop),
        3 => (0..8_u8, amount).prop_map(|(tiers, amount)| Op::Record(tiers, amount)),
    ]
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Account {
    spent: i128,
    reserved: i128,
    limit: Option<i128>,
    warned: bool,
}

impl Account {
    fn held(&self) -> i128 {
        self.spent + self.reserved
    }

    fn is_over_with(&self, amount: i128) -> bool {
        self.limit.is_some_and(|limit| self.held() + amount > limit)
    }

    /// Whether it comes to four fifths of the limit now.
    fn warns(&mut self) -> bool {
        let crossed = self.limit.is_some_and(|limit| self.spent > 0 && self.spent * 5 >= limit * 4);
        let warns = crossed && !self.warned;
        self.warned |= warns;
        warns
    }
}

/// The kind, the tier, what is spent and, where the event says so, what is reserved besides.
pub(crate) type Told = (EventType, Text, i128, Option<i128>);

#[derive(Debug, Default, Clone)]
pub(crate) struct World {
    accounts: [Account; 4],
    /// The tiers and the estimate of each open reservation.
    open: Vec<(u8, i64)>,
    told: Vec<Told>,
}

impl World {
    /// Whether that much beside what each account holds can be added up.
    fn fits(&self, bits: u8, amount: i64) -> bool {
        let sum = |at: usize| self.accounts[at].held() + i128::from(amount);
        amount >= 0 && tiers(bits).all(|at| i64::try_from(sum(at)).is_ok())
    }

    fn warn(&mut self, at: usize) {
        if self.accounts[at].warns() {
            self.told.push((EventType::BudgetWarning, tier(at).scope_id(), self.accounts[at].spent, None));
        }
    }

    fn exceed(&mut self, at: usize, spent: i128, reserved: i128) {
        let besides = (reserved > 0).then_some(reserved);
        self.told.push((EventType::BudgetExceeded, tier(at).scope_id(), spent, besides));
    }

    fn reserve(&mut self, bits: u8, amount: i64) -> bool {
        if !self.fits(bits, amount) {
            return false;
        }
        let wide = i128::from(amount);
        let over: Vec<_> = tiers(bits).filter(|at| self.accounts[*at].is_over_with(wide)).collect();
        for at in &over {
            self.exceed(*at, self.accounts[*at].spent, self.accounts[*at].reserved);
        }
        if !over.is_empty() {
            return false;
        }
        for at in tiers(bits) {
            self.accounts[at].reserved += wide;
            self.warn(at);
        }
        true
    }

    fn charge(&mut self, bits: u8, freed: i64, cost: i64) -> bool {
        if cost < 0 {
            return false;
        }
        for at in tiers(bits) {
            let account = &mut self.accounts[at];
            account.reserved -= i128::from(freed);
            let (spent, reserved) = (account.spent, account.reserved);
            let over = cost > 0 && account.is_over_with(i128::from(cost));
            account.spent = (account.spent + i128::from(cost)).min(i64::MAX.into());
            self.warn(at);
            if over {
                self.exceed(at, spent, reserved);
            }
        }
        true
    }

    fn set_limit(&mut self, at: usize, limit: Option<i128>) {
        let account = &mut self.accounts[at];
        let raised = account.limit.is_some_and(|was| limit.is_none_or(|limit| limit > was));
        (account.limit, account.warned) = (limit, account.warned && !raised);
        self.warn(at);
    }
}

/// Does `op` to both; whether each did it.
pub(crate) fn act(
    budgets: &BudgetService,
    held: &mut Vec<Reservation>,
    world: &mut World,
    op: &Op,
) -> (bool, bool) {
    let named = |bits: u8| tiers(bits).map(tier).collect::<Vec<_>>();
    match *op {
        Op::SetLimit(at, limit) => {
            let done = budgets.set_limit(&tier(at), Usd::from_micros(limit)).is_ok();
            if limit >= 0 {
                world.set_limit(at, Some(limit.into()));
            }
            (done, limit >= 0)
        }
        Op::RemoveLimit(at) => {
            budgets.remove_limit(&tier(at));
            world.set_limit(at, None);
            (true, true)
        }
        Op::Reserve(bits, amount) => {
            let done = budgets.reserve(named(bits), Usd::from_micros(amount));
            let expected = world.reserve(bits, amount);
            let was = done.is_ok();
            if let Ok(reservation) = done {
                held.push(reservation);
                world.open.push((bits, amount));
            }
            (was, expected)
        }
        Op::Settle(which, cost) => {
            if held.is_empty() {
                return (true, true);
            }
            let at = which % held.len();
            let (bits, estimate) = world.open[at];
            let expected = world.charge(bits, estimate, cost);
            match held.remove(at).settle(Usd::from_micros(cost)) {
                Ok(()) => {
                    world.open.remove(at);
                    (true, expected)
                }
                Err(refused) => {
                    held.insert(at, refused.reservation);
                    (false, expected)
                }
            }
        }
        Op::Drop(which) => {
            if !held.is_empty() {
                let at = which % held.len();
                drop(held.remove(at));
                let (bits, estimate) = world.open.remove(at);
                tiers(bits).for_each(|at| world.accounts[at].reserved -= i128::from(estimate));
            }
            (true, true)
        }
        Op::Record(bits, cost) => {
            let done = budgets.record(named(bits), Usd::from_micros(cost)).is_ok();
            (done, world.charge(bits, 0, cost))
        }
    }
}

pub(crate) fn told(bus: &RecordingEventBus) -> Vec<Told> {
    let events = bus.events().into_iter().map(|event| {
        let (scope_id, spent, reserved) =
            match (event.details::<BudgetWarning>(), event.details::<BudgetExceeded>()) {
                (Some(told), _) => (told.scope_id.clone(), told.spent_usd, None),
                (_, Some(told)) => (told.scope_id.clone(), told.spent_usd, told.reserved_usd),
                _ => panic!("{event:?}"),
            };
        let micros = |amount: Usd| i128::from(amount.as_micros());
        (event.event_type(), scope_id, micros(spent), reserved.map(micros))
    });
    events.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn budgets_add_up_and_tell_exactly_what_does_not_fit(ops in prop::collection::vec(op(), 1..80)) {
        let bus = RecordingEventBus::new();
        let budgets = BudgetService::new(Some(Arc::new(bus.clone())));
        let (mut held, mut world) = (Vec::new(), World::default());
        for op in ops {
            bus.take();
            world.told.clear();
            let (done, expected) = act(&budgets, &mut held, &mut world, &op);
            prop_assert_eq!(done, expected, "{:?}", op);
            prop_assert_eq!(told(&bus), world.told.clone(), "{:?}", op);
            for (at, account) in world.accounts.iter().enumerate() {
                let status = budgets.status(&tier(at));
                prop_assert_eq!(i128::from(status.spent.as_micros()), account.spent);
                prop_assert_eq!(i128::from(status.reserved.as_micros()), account.reserved);
                prop_assert_eq!(status.limit.map(|limit| i128::from(limit.as_micros())), account.limit);
            }
        }
    }
}
