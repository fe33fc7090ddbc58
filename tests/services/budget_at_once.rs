//! Budgets of which sixty-four tasks reserve and spend at once, in all tiers, against a ledger of their own.
//!
//! The ledger is kept in such a way that it never says more than the service holds: a reservation is entered when it
//! was granted and taken out before it is given back, a cost is entered when it was told. So if the ledger is ever
//! above a limit, the service was. What it may hold at most is kept beside it, entered before anything is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agentbus::DomainEvent;
use agentbus::event::{BudgetExceeded, BudgetWarning, Scope, Usd};
use agentbus::service::budget::{BudgetError, BudgetService, BudgetTier};
use agentbus::testing::RecordingEventBus;
use tokio::sync::Barrier;

use crate::support::bus_of;

const TASKS: usize = 64;
const ROUNDS: usize = 40;

/// The limits of each time: of a tier that is soon full, one that never is, one that must not spend, and all.
const LIMITS: [[i64; 4]; 3] = [
    [20_000, 90_000_000, 0, 150_000],
    [150_000, 90_000_001, 0, 260_000],
    [900_000, 90_000_002, 0, 2_000_000],
];

fn tier(number: usize) -> BudgetTier {
    match number {
        0 => BudgetTier::Plan("full".into()),
        1 => BudgetTier::Session("rich".into()),
        2 => BudgetTier::Plan("poor".into()),
        _ => BudgetTier::Organisation,
    }
}

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// What the test itself knows of a tier.
#[derive(Debug, Default)]
struct Account {
    limit: AtomicI64,
    /// Granted and not yet given back.
    held: AtomicI64,
    /// Told as spent.
    spent: AtomicI64,
    /// Spent, or about to be.
    spent_at_most: AtomicI64,
}

type Ledger = BTreeMap<BudgetTier, Account>;

/// Something that was asked, in a correlation of its own.
#[derive(Debug)]
struct Asked {
    correlation: String,
    tiers: Vec<BudgetTier>,
    amount: i64,
    what: What,
    /// What each tier had spent before it, and at most behind it.
    spent: BTreeMap<BudgetTier, (i64, i64)>,
}

#[derive(Debug)]
enum What {
    Granted,
    Refused(BudgetError),
    Cost,
}

/// One of the tasks.
struct Spender {
    budgets: BudgetService,
    ledger: Arc<Ledger>,
    numbers: Numbers,
    asked: Vec<Asked>,
    name: String,
}

impl Spender {
    /// Asks in a correlation of its own, and keeps what came of it.
    fn ask<R>(
        &mut self,
        tiers: &[BudgetTier],
        amount: i64,
        ask: impl FnOnce(&BudgetService, Usd) -> (What, R),
    ) -> R {
        let correlation = format!("{}-{}", self.name, self.asked.len());
        let before: Vec<_> =
            tiers.iter().map(|tier| self.ledger[tier].spent.load(Ordering::SeqCst)).collect();
        let scope = Scope::new().with_correlation_id(correlation.as_str());
        let (what, result) = scope.enter(|| ask(&self.budgets, Usd::from_micros(amount)));
        let behind = tiers.iter().map(|tier| self.ledger[tier].spent_at_most.load(Ordering::SeqCst));
        let spent = tiers.iter().cloned().zip(before.into_iter().zip(behind)).collect();
        self.asked.push(Asked { correlation, tiers: tiers.to_vec(), amount, what, spent });
        result
    }

    fn cost<R>(
        &mut self,
        tiers: &[BudgetTier],
        amount: i64,
        charge: impl FnOnce(&BudgetService, Usd) -> R,
    ) -> R {
        for tier in tiers {
            self.ledger[tier].spent_at_most.fetch_add(amount, Ordering::SeqCst);
        }
        let result = self.ask(tiers, amount, |budgets, amount| (What::Cost, charge(budgets, amount)));
        for tier in tiers {
            self.ledger[tier].spent.fetch_add(amount, Ordering::SeqCst);
        }
        result
    }

    async fn reserve(&mut self, tiers: &[BudgetTier]) {
        let estimate = self.numbers.below(400);
        let before: Vec<_> =
            tiers.iter().map(|tier| self.ledger[tier].spent.load(Ordering::SeqCst)).collect();
        let reserve = |budgets: &BudgetService, amount| match budgets.reserve(tiers, amount) {
            Ok(reservation) => (What::Granted, Some(reservation)),
            Err(refused) => (What::Refused(refused), None),
        };
        let Some(reservation) = self.ask(tiers, estimate, reserve) else {
            return;
        };
        for (tier, spent) in tiers.iter().zip(before) {
            let account = &self.ledger[tier];
            let held = account.held.fetch_add(estimate, Ordering::SeqCst) + estimate;
            assert!(held + spent <= account.limit.load(Ordering::SeqCst), "{tier} holds more than its limit");
        }
        tokio::task::yield_now().await;
        for tier in tiers {
            self.ledger[tier].held.fetch_sub(estimate, Ordering::SeqCst);
        }
        let cost = match self.numbers.below(5) {
            0 => return drop(reservation),
            1 => estimate + self.numbers.below(300),
            _ => self.numbers.below(estimate + 1),
        };
        self.cost(tiers, cost, |_budgets, cost| reservation.settle(cost).unwrap());
    }

    async fn spend(mut self) -> Vec<Asked> {
        for _ in 0..ROUNDS {
            // The organisation, and each of the others or not.
            let choice = self.numbers.below(8);
            let named = (0..3).filter(|number| choice & (1 << number) != 0);
            let tiers: Vec<_> = named.chain([3]).map(tier).collect();
            // So that not every reservation meets the tier that must not spend.
            let tiers: Vec<_> = tiers.into_iter().filter(|one| *one != tier(2) || choice % 3 == 0).collect();
            if self.numbers.below(4) == 0 {
                let cost = self.numbers.below(60);
                self.cost(&tiers, cost, |budgets, cost| budgets.record(tiers.as_slice(), cost).unwrap());
            } else {
                self.reserve(&tiers).await;
            }
            tokio::task::yield_now().await;
        }
        self.asked
    }
}

/// What was told in the correlation of what was asked: all of it is right, and nothing is missing.
fn check(asked: &Asked, told: &[Arc<DomainEvent>], ledger: &Ledger) {
    let exceeded: Vec<_> = told.iter().filter_map(|event| event.details::<BudgetExceeded>()).collect();
    let warned = told.iter().filter_map(|event| event.details::<BudgetWarning>());
    let named = |text: &str| asked.tiers.iter().find(|tier| tier.scope_id().as_str() == text).unwrap();
    let mut over = BTreeSet::new();
    for told in &exceeded {
        let tier = named(&told.scope_id);
        assert_eq!(told.tier, tier.kind());
        assert!(over.insert(tier.clone()), "told twice: {told:?}");
        let (limit, spent) = (told.limit_usd.as_micros(), told.spent_usd.as_micros());
        assert_eq!(
            (told.requested_usd.as_micros(), limit),
            (asked.amount, ledger[tier].limit.load(Ordering::SeqCst))
        );
        let (least, most) = asked.spent[tier];
        assert!((least..=most).contains(&spent), "{told:?} of {asked:?}");
        let held = spent + told.reserved_usd.unwrap_or_default().as_micros();
        assert!(held + asked.amount > limit, "it fits: {told:?}");
    }
    // What cannot have fitted, however the others stood, was told.
    let must_be = asked.tiers.iter().filter(|tier| {
        let counts = matches!(asked.what, What::Refused(_)) || asked.amount > 0;
        counts && asked.spent[*tier].0 + asked.amount > ledger[*tier].limit.load(Ordering::SeqCst)
    });
    let must_be: BTreeSet<_> = must_be.cloned().collect();
    match &asked.what {
        What::Granted => {
            assert!(told.is_empty() && must_be.is_empty(), "{asked:?}: {told:?}");
            return;
        }
        What::Refused(BudgetError::Exceeded { tier, requested, spent, reserved, limit }) => {
            let first = exceeded.first().expect("a refusal is told");
            assert_eq!(named(&first.scope_id), tier);
            let amounts = (first.requested_usd, first.spent_usd, first.reserved_usd.unwrap_or_default());
            assert_eq!((amounts, first.limit_usd), ((*requested, *spent, *reserved), *limit));
            assert_eq!(warned.clone().count(), 0, "nothing was spent: {told:?}");
        }
        What::Refused(other) => panic!("{other}"),
        What::Cost => {}
    }
    assert!(must_be.is_subset(&over), "not told: {must_be:?} of {asked:?}");
    for told in warned {
        // It was this cost that crossed the threshold.
        let (limit, spent) = (told.limit_usd.as_micros(), told.spent_usd.as_micros());
        assert!(
            spent > 0 && spent * 5 >= limit * 4 && ((spent - asked.amount) * 5 < limit * 4 || limit == 0)
        );
    }
}

/// Runs all tasks at once to their end.
async fn spend_all(budgets: &BudgetService, ledger: &Arc<Ledger>, time: usize) -> Vec<Asked> {
    let start = Arc::new(Barrier::new(TASKS));
    let begin = |task: usize| {
        let seed = u64::try_from(task * 31 + time).unwrap();
        let (budgets, ledger, start) = (budgets.clone(), Arc::clone(ledger), Arc::clone(&start));
        let name = format!("{time}-{task}");
        tokio::spawn(async move {
            start.wait().await;
            Spender { budgets, ledger, numbers: Numbers(seed), asked: Vec::new(), name }.spend().await
        })
    };
    let tasks: Vec<_> = (0..TASKS).map(begin).collect();
    let mut asked = Vec::new();
    for task in tasks {
        asked.extend(task.await.unwrap());
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_tasks_never_overrun_a_limit_and_all_that_is_spent_and_told_adds_up_exactly() {
    let bus = RecordingEventBus::new();
    let budgets = BudgetService::new(Some(bus_of(&bus)));
    let ledger: Arc<Ledger> = Arc::new((0..4).map(|number| (tier(number), Account::default())).collect());
    let mut warnings = 0;
    for (time, limits) in LIMITS.into_iter().enumerate() {
        for (number, limit) in limits.into_iter().enumerate() {
            budgets.set_limit(&tier(number), Usd::from_micros(limit)).unwrap();
            ledger[&tier(number)].limit.store(limit, Ordering::SeqCst);
        }
        let asked = spend_all(&budgets, &ledger, time).await;

        let mut told: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for event in bus.take() {
            told.entry(event.correlation_id().to_string()).or_default().push(event);
        }
        let warned: Vec<_> =
            told.values().flatten().filter_map(|event| event.details::<BudgetWarning>()).collect();
        for (tier, account) in &*ledger {
            let status = budgets.status(tier);
            let (spent, limit) = (account.spent.load(Ordering::SeqCst), account.limit.load(Ordering::SeqCst));
            assert_eq!((status.spent.as_micros(), status.reserved), (spent, Usd::ZERO), "{tier}");
            // Once, if it was crossed since the limit was raised; the limit of zero never was.
            let is_crossed = spent > 0 && spent * 5 >= limit * 4 && (limit > 0 || time == 0);
            let of_tier = warned.iter().filter(|told| told.scope_id == tier.scope_id()).count();
            assert_eq!(of_tier, usize::from(is_crossed), "{tier} at {time}: {spent} of {limit}");
            warnings += of_tier;
        }
        let refused = asked.iter().filter(|asked| matches!(asked.what, What::Refused(_))).count();
        assert!((1..asked.len() / 2).contains(&refused), "{refused} of {} were refused", asked.len());
        for asked in asked {
            check(&asked, &told.remove(&asked.correlation).unwrap_or_default(), &ledger);
        }
        // What is left was told when the limits were raised: nothing but warnings of what is spent already.
        assert!(told.values().flatten().all(|event| event.details::<BudgetWarning>().is_some()), "{told:?}");
    }
    assert!(warnings > 2, "some thresholds were crossed: {warnings}");
    let snapshot = serde_json::to_value(budgets.snapshot(None)).unwrap();
    let kept: BTreeMap<_, _> = snapshot["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kept| {
            let id = kept["scope_id"].as_str().unwrap_or("organisation").to_owned();
            (id, kept["spent_usd"].as_str().unwrap().parse::<Usd>().unwrap().as_micros())
        })
        .collect();
    for (tier, account) in &*ledger {
        assert_eq!(kept[tier.scope_id().as_str()], account.spent.load(Ordering::SeqCst));
    }
}
