//! Steps of `features/budget.feature`.

use std::convert::Infallible;
use std::str::FromStr;

use agentbus::event::{Fraction, PlanCreated, PlanPhase, Scope, SessionCreated, Text, Usd};
use agentbus::service::budget::{BudgetService, BudgetTier, Reservation};
use agentbus::{DomainEvent, EventBus as _};
use cucumber::{Parameter, World, given, then, when};

use crate::told::{Told, told_steps};

pub(crate) async fn run() -> bool {
    crate::told::run::<Budgets>("budget.feature").await
}

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Budgets {
    told: Told,
    service: BudgetService,
    /// Those that are open; the last is meant.
    reservations: Vec<Reservation>,
    /// What runs now.
    scope: Scope,
}

told_steps!(Budgets);

impl Budgets {
    fn new() -> Self {
        let told = Told::default();
        Self {
            service: BudgetService::new(Some(told.bus())),
            told,
            reservations: Vec::new(),
            scope: Scope::new(),
        }
    }

    fn reserve(&mut self, tiers: Vec<BudgetTier>, amount: Usd) {
        self.told.listen();
        let result = self.scope.clone().enter(|| self.service.reserve(tiers, amount));
        if let Some(reservation) = self.told.outcome(result) {
            self.reservations.push(reservation);
        }
    }

    fn reservation(&mut self) -> Reservation {
        self.told.listen();
        self.reservations.pop().expect("the scenario reserved something")
    }
}

/// An amount, as the scenarios write it.
#[derive(Debug, Clone, Copy, Parameter)]
#[param(name = "usd", regex = r"-?\d+(?:\.\d+)?")]
struct Amount(Usd);

impl FromStr for Amount {
    type Err = agentbus::event::ParseUsdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// A tier, as the scenarios write it.
#[derive(Debug, Clone, Parameter)]
#[param(name = "tier", regex = r#"plan "[^"]*"|session "[^"]*"|the organisation"#)]
struct Tier(BudgetTier);

impl FromStr for Tier {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let quoted = |rest: &str| rest.trim_matches('"').to_owned();
        Ok(Self(match (text.strip_prefix("plan "), text.strip_prefix("session ")) {
            (Some(plan), _) => BudgetTier::Plan(quoted(plan).into()),
            (_, Some(session)) => BudgetTier::Session(quoted(session).into()),
            (None, None) => BudgetTier::Organisation,
        }))
    }
}

#[given(expr = "{tier} may spend {usd}")]
fn may_spend(world: &mut Budgets, tier: Tier, limit: Amount) {
    world.service.set_limit(&tier.0, limit.0).expect("the limit is not negative");
}

#[given(expr = "{usd} was reserved for {tier}")]
fn was_reserved(world: &mut Budgets, amount: Amount, tier: Tier) {
    world.reserve(vec![tier.0], amount.0);
    world.told.expect_done();
}

#[given("a session was created")]
fn a_session_was_created(world: &mut Budgets) {
    let event = DomainEvent::new(SessionCreated::new(false)).with_session_id("s-1");
    world.scope = event.scope();
    world.told.bus().emit(event);
}

#[given(expr = "budgets that warn at {float}")]
fn that_warn_at(world: &mut Budgets, threshold: f64) {
    let threshold = Fraction::try_from(threshold).expect("between 0 and 1");
    world.service = BudgetService::with_threshold(threshold, Some(world.told.bus()));
}

#[given(expr = "plan {string} was opened in the tree of {string}")]
fn a_plan_was_opened(world: &mut Budgets, plan: String, root: String) {
    let created = PlanCreated::new(1, plan.as_str(), PlanPhase::Action, Vec::<Text>::new(), 3);
    let event = DomainEvent::new(created).with_plan_id(plan.as_str()).with_root_plan_id(root.as_str());
    world.scope = event.scope();
    world.told.bus().emit(event);
}

#[when(expr = "{tier} may spend without a limit from now on")]
fn may_spend_without_a_limit(world: &mut Budgets, tier: Tier) {
    world.told.listen();
    world.service.remove_limit(&tier.0);
}

#[when(expr = "{tier} may spend {usd} from now on")]
fn may_spend_from_now_on(world: &mut Budgets, tier: Tier, limit: Amount) {
    world.told.listen();
    let result = world.service.set_limit(&tier.0, limit.0);
    world.told.outcome(result);
}

#[when(expr = "{usd} is reserved for {tier}")]
#[when(expr = "{usd} is reserved for {tier} inside that plan")]
fn reserved(world: &mut Budgets, amount: Amount, tier: Tier) {
    world.reserve(vec![tier.0], amount.0);
}

#[when(expr = "{usd} is reserved for {tier} and {tier}")]
fn reserved_for_two(world: &mut Budgets, amount: Amount, tier: Tier, other: Tier) {
    world.reserve(vec![tier.0, other.0], amount.0);
}

#[when(expr = "{usd} is recorded for {tier}")]
#[when(expr = "{usd} is recorded for {tier} inside the session")]
fn recorded(world: &mut Budgets, amount: Amount, tier: Tier) {
    world.told.listen();
    let result = world.scope.clone().enter(|| world.service.record(tier.0, amount.0));
    world.told.outcome(result);
}

#[when(expr = "the reservation is settled at {usd}")]
fn settled(world: &mut Budgets, actual: Amount) {
    let result = world.reservation().settle(actual.0).map_err(|refused| {
        let text = refused.to_string();
        world.reservations.push(refused.reservation);
        std::io::Error::other(text)
    });
    world.told.outcome(result);
}

#[when("the reservation is dropped")]
fn dropped(world: &mut Budgets) {
    drop(world.reservation());
}

/// The service goes on from what `change` makes of its snapshot.
fn go_on(world: &mut Budgets, change: impl FnOnce(String) -> String) {
    world.told.listen();
    let text = serde_json::to_string(&world.service.snapshot(None)).expect("it has a JSON form");
    let read = serde_json::from_str(&change(text));
    if let Some(snapshot) = world.told.outcome(read) {
        world.service = BudgetService::from_snapshot(snapshot, Some(world.told.bus()));
    }
}

#[when("the budgets go on from a snapshot")]
fn from_snapshot(world: &mut Budgets) {
    go_on(world, |text| text);
}

#[when(expr = "the budgets go on from a snapshot of version {int}")]
fn from_snapshot_of(world: &mut Budgets, version: u64) {
    go_on(world, |text| text.replace("\"version\":1", &format!("\"version\":{version}")));
}

#[then(expr = "{tier} has spent {usd} and reserved {usd}")]
fn has_spent(world: &mut Budgets, tier: Tier, spent: Amount, reserved: Amount) {
    let status = world.service.status(&tier.0);
    assert_eq!((status.spent, status.reserved), (spent.0, reserved.0));
}

#[then(expr = "{string} is not an amount")]
fn is_not_an_amount(_world: &mut Budgets, text: String) {
    assert!(text.parse::<Usd>().is_err(), "it is one");
}
