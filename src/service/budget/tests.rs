use super::*;
use crate::event::{BudgetTierKind, EventType, Scope};
use crate::testing::RecordingEventBus;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn plan() -> BudgetTier {
    BudgetTier::Plan("p".into())
}

fn service() -> (BudgetService, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (BudgetService::new(Some(Arc::new(bus.clone()))), bus)
}

#[test]
fn a_tier_without_a_limit_is_unlimited() {
    let (budgets, bus) = service();
    let all = budgets.reserve(plan(), Usd::MAX).unwrap();
    assert_eq!(budgets.status(&plan()).remaining(), None);
    drop(all);
    bus.assert_nothing();
}

#[test]
fn a_limit_of_zero_lets_nothing_through_but_nothing() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), Usd::ZERO).unwrap();
    assert!(matches!(budgets.reserve(plan(), usd("0.000001")), Err(BudgetError::Exceeded { .. })));
    let nothing = budgets.reserve(plan(), Usd::ZERO).unwrap();
    nothing.settle(Usd::ZERO).unwrap();
    bus.assert_types([EventType::BudgetExceeded]);
}

#[test]
fn a_reservation_that_does_not_fit_one_tier_holds_in_none() {
    let (budgets, bus) = service();
    budgets.set_limit(&BudgetTier::Organisation, usd("1")).unwrap();
    let error = budgets.reserve([plan(), BudgetTier::Session("s".into())], usd("1.5")).unwrap_err();
    assert!(matches!(&error, BudgetError::Exceeded { tier: BudgetTier::Organisation, .. }));
    assert_eq!(budgets.status(&plan()).reserved, Usd::ZERO);
    assert_eq!(bus.only::<BudgetExceeded>().tier, BudgetTierKind::Organisation);
    assert_eq!(
        error.to_string(),
        "cannot reserve 1.5 USD for the organisation: of its limit of 1 USD 0 are spent and 0 reserved; settle, \
         or raise the limit"
    );
}

#[test]
fn each_tier_that_a_reservation_does_not_fit_is_told() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("1")).unwrap();
    budgets.set_limit(&BudgetTier::Organisation, usd("1")).unwrap();
    assert!(
        matches!(budgets.reserve(plan(), usd("2")), Err(BudgetError::Exceeded { tier, .. }) if tier == plan())
    );
    bus.assert_types([EventType::BudgetExceeded; 2]);
}

#[test]
fn a_dropped_reservation_gives_back_what_it_held() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("1")).unwrap();
    drop(budgets.reserve(plan(), usd("0.5")).unwrap());
    assert_eq!(budgets.status(&plan()).remaining(), Some(usd("1")));
    assert_eq!(budgets.status(&BudgetTier::Organisation).reserved, Usd::ZERO);
    bus.assert_nothing();
}

#[test]
fn a_cost_above_its_reservation_and_the_limit_is_recorded_and_told() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("1")).unwrap();
    let other = budgets.reserve(plan(), usd("0.25")).unwrap();
    budgets.reserve(plan(), usd("0.5")).unwrap().settle(usd("0.9")).unwrap();
    let status = budgets.status(&plan());
    assert_eq!((status.spent, status.reserved), (usd("0.9"), usd("0.25")));
    assert_eq!(status.remaining(), Some(Usd::ZERO));
    let told = bus.only::<BudgetExceeded>();
    assert_eq!((told.spent_usd, told.requested_usd, told.limit_usd), (Usd::ZERO, usd("0.9"), usd("1")));
    assert_eq!(told.reserved_usd, Some(usd("0.25")));
    drop(other);
}

#[test]
fn the_threshold_is_warned_of_once_until_the_limit_is_raised() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("10")).unwrap();
    budgets.record(plan(), usd("7.999999")).unwrap();
    bus.assert_nothing();
    budgets.record(plan(), usd("0.000001")).unwrap();
    let told = bus.only::<BudgetWarning>();
    assert_eq!((told.spent_usd, told.limit_usd, told.threshold), (usd("8"), usd("10"), DEFAULT_THRESHOLD));

    budgets.record(plan(), usd("1")).unwrap();
    budgets.set_limit(&plan(), usd("9.5")).unwrap();
    budgets.set_limit(&plan(), usd("9.5")).unwrap();
    bus.assert_types([EventType::BudgetWarning]);

    budgets.set_limit(&plan(), usd("20")).unwrap();
    budgets.record(plan(), usd("7")).unwrap();
    bus.assert_types([EventType::BudgetWarning; 2]);
}

#[test]
fn a_reservation_that_comes_and_goes_is_not_warned_of_but_its_cost_is() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("1")).unwrap();
    for _ in 0..3 {
        drop(budgets.reserve(plan(), usd("0.8")).unwrap());
    }
    bus.assert_nothing();
    budgets.reserve(plan(), usd("1")).unwrap().settle(usd("0.8")).unwrap();
    assert_eq!(bus.only::<BudgetWarning>().spent_usd, usd("0.8"));
}

#[test]
fn a_limit_lowered_to_what_is_spent_is_warned_of() {
    let (budgets, bus) = service();
    budgets.record(plan(), usd("5")).unwrap();
    budgets.set_limit(&plan(), usd("5")).unwrap();
    bus.assert_types([EventType::BudgetWarning]);
}

#[test]
fn the_threshold_can_be_chosen() {
    let bus = RecordingEventBus::new();
    let budgets =
        BudgetService::with_threshold(Fraction::from_millionths(500_000), Some(Arc::new(bus.clone())));
    budgets.set_limit(&plan(), usd("2")).unwrap();
    budgets.record(plan(), usd("1")).unwrap();
    assert_eq!(bus.only::<BudgetWarning>().threshold, Fraction::from_millionths(500_000));
}

#[test]
fn a_negative_amount_is_refused_and_changes_nothing() {
    let (budgets, bus) = service();
    let debt = usd("-1");
    let refused = BudgetError::Negative { amount: debt };
    assert_eq!(budgets.set_limit(&plan(), debt), Err(refused.clone()));
    assert_eq!(budgets.record(plan(), debt), Err(refused.clone()));
    assert_eq!(budgets.reserve(plan(), debt).unwrap_err(), refused);
    let reservation = budgets.reserve(plan(), usd("1")).unwrap();
    let error = reservation.settle(debt).unwrap_err();
    assert_eq!(error.reason, refused);
    assert_eq!(budgets.status(&plan()).reserved, usd("1"));
    error.reservation.settle(usd("1")).unwrap();
    assert_eq!(budgets.status(&plan()).spent, usd("1"));
    bus.assert_nothing();
}

#[test]
fn a_cost_beyond_what_an_amount_can_say_is_recorded_as_the_largest_and_told() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), usd("5")).unwrap();
    let (session, kept) = (BudgetTier::Session("s".into()), usd("2"));
    let other = budgets.reserve(&session, kept).unwrap();
    let reservation = budgets.reserve(plan(), usd("1")).unwrap();
    budgets.record(plan(), usd("3")).unwrap();
    bus.take();
    reservation.settle(Usd::MAX).unwrap();
    let status = budgets.status(&plan());
    assert_eq!((status.spent, status.reserved, status.remaining()), (Usd::MAX, Usd::ZERO, Some(Usd::ZERO)));
    let told = bus.only::<BudgetExceeded>();
    assert_eq!((told.spent_usd, told.requested_usd), (usd("3"), Usd::MAX));
    let organisation = budgets.status(&BudgetTier::Organisation);
    assert_eq!((organisation.spent, organisation.reserved), (Usd::MAX, kept), "others keep what they hold");
    budgets.record(plan(), usd("1")).unwrap();
    other.settle(kept).unwrap();
    assert_eq!(budgets.status(&BudgetTier::Organisation).spent, Usd::MAX);
    assert_eq!(budgets.status(&session).spent, kept);
}

#[test]
fn a_reservation_that_no_sum_could_hold_is_refused_and_changes_nothing() {
    let (budgets, bus) = service();
    budgets.record(plan(), Usd::MAX).unwrap();
    let one = Usd::from_micros(1);
    let other = BudgetTier::Session("s".into());
    assert!(
        matches!(budgets.reserve(&other, one), Err(BudgetError::Overflow { tier, .. }) if tier == BudgetTier::Organisation)
    );
    assert_eq!(budgets.status(&other).reserved, Usd::ZERO);
    assert_eq!(budgets.status(&plan()).spent, Usd::MAX);
    bus.assert_nothing();
}

#[test]
fn a_cost_is_recorded_whatever_is_reserved() {
    let (budgets, _bus) = service();
    let all = budgets.reserve(BudgetTier::Organisation, Usd::MAX).unwrap();
    budgets.record(plan(), usd("1")).unwrap();
    assert_eq!(budgets.status(&plan()).spent, usd("1"));
    assert!(budgets.reserve(plan(), usd("1")).is_err());
    drop(all);
    assert_eq!(budgets.status(&BudgetTier::Organisation).reserved, Usd::ZERO);
    assert_eq!(budgets.status(&BudgetTier::Organisation).spent, usd("1"));
}

#[test]
fn events_are_told_in_the_current_scope_with_the_id_of_their_tier() {
    let (budgets, bus) = service();
    budgets.set_limit(&plan(), Usd::ZERO).unwrap();
    Scope::new()
        .with_session_id("s")
        .with_correlation_id("c")
        .enter(|| budgets.record(plan(), usd("1")).unwrap());
    let event = bus.only::<BudgetExceeded>();
    let event = event.event();
    assert_eq!(event.plan_id().unwrap(), &"p");
    assert_eq!(event.session_id().unwrap(), &"s");
    assert_eq!(event.correlation_id(), &"c");
}

#[test]
fn a_limit_removed_lets_everything_through_again() {
    let (budgets, _bus) = service();
    budgets.set_limit(&plan(), Usd::ZERO).unwrap();
    budgets.remove_limit(&plan());
    budgets.reserve(plan(), usd("1000000")).unwrap().settle(usd("3")).unwrap();
    assert_eq!(budgets.status(&plan()).spent, usd("3"));
}

#[test]
fn an_account_of_nothing_is_not_kept() {
    let (budgets, _bus) = service();
    drop(budgets.reserve(plan(), usd("1")).unwrap());
    budgets.record(plan(), Usd::ZERO).unwrap();
    let kept = budgets.accounts.read(|accounts| format!("{accounts:?}"));
    assert!(kept.contains("by_tier: {}"), "{kept}");
}
