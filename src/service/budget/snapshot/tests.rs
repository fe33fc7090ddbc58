use super::*;
use crate::event::{BudgetWarning, EventType};
use crate::service::budget::BudgetError;
use crate::testing::RecordingEventBus;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn plan() -> BudgetTier {
    BudgetTier::Plan("p".into())
}

fn again(snapshot: &BudgetSnapshot) -> BudgetSnapshot {
    serde_json::from_str(&serde_json::to_string(snapshot).unwrap()).unwrap()
}

#[track_caller]
fn assert_refused(text: &str, reason: &str) {
    let error = serde_json::from_str::<BudgetSnapshot>(text).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

fn with_accounts(accounts: &str) -> String {
    format!(r#"{{"version":1,"position":null,"threshold":0.8,"accounts":[{accounts}]}}"#)
}

#[test]
fn a_snapshot_is_what_its_documentation_says() {
    let budgets = BudgetService::new(None);
    budgets.set_limit(&plan(), usd("10")).unwrap();
    budgets.record(plan(), usd("2.5")).unwrap();
    let json = serde_json::to_string(&budgets.snapshot(Position::new(42))).unwrap();
    assert_eq!(
        json,
        r#"{"version":1,"position":42,"threshold":0.8,"accounts":[{"tier":"plan","scope_id":"p","spent_usd":"2.5","limit_usd":"10"},{"tier":"organisation","spent_usd":"2.5"}]}"#
    );
    let read: BudgetSnapshot = serde_json::from_str(&json).unwrap();
    assert_eq!(read.position(), Position::new(42));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::from_value::<BudgetSnapshot>(value).unwrap(), read);
}

#[test]
fn what_is_reserved_is_left_out_and_a_tier_of_reservations_alone_too() {
    let budgets = BudgetService::new(None);
    budgets.record(plan(), usd("1")).unwrap();
    let held = budgets.reserve([plan(), BudgetTier::Session("s".into())], usd("3")).unwrap();
    let back = BudgetService::from_snapshot(again(&budgets.snapshot(None)), None);
    drop(held);
    for tier in [plan(), BudgetTier::Session("s".into()), BudgetTier::Organisation] {
        assert_eq!(back.status(&tier), budgets.status(&tier));
    }
    assert_eq!(back.snapshot(None).accounts.len(), 2);
}

#[test]
fn a_threshold_that_was_crossed_is_not_warned_of_again_until_the_limit_is_raised() {
    let budgets = BudgetService::with_threshold(Fraction::from_millionths(500_000), None);
    budgets.set_limit(&plan(), usd("10")).unwrap();
    budgets.record(plan(), usd("5")).unwrap();
    let bus = RecordingEventBus::new();
    let back = BudgetService::from_snapshot(again(&budgets.snapshot(None)), Some(Arc::new(bus.clone())));
    back.record(plan(), usd("0.000001")).unwrap();
    bus.assert_nothing();
    back.set_limit(&plan(), usd("10.000001")).unwrap();
    assert_eq!(bus.only::<BudgetWarning>().spent_usd, usd("5.000001"));
    assert!(matches!(back.reserve(plan(), usd("6")), Err(BudgetError::Exceeded { .. })));
    bus.assert_types([EventType::BudgetWarning, EventType::BudgetExceeded]);
}

#[test]
fn amounts_stay_exact_to_the_last_place_and_the_largest() {
    let budgets = BudgetService::new(None);
    let all = Usd::from_micros(i64::MAX - 1);
    budgets.record(plan(), all).unwrap();
    budgets.record(BudgetTier::Organisation, Usd::from_micros(1)).unwrap();
    let back = BudgetService::from_snapshot(again(&budgets.snapshot(None)), None);
    assert_eq!(back.status(&plan()).spent, all);
    assert_eq!(back.status(&BudgetTier::Organisation).spent, Usd::MAX);
    assert!(matches!(back.reserve(plan(), Usd::from_micros(1)), Err(BudgetError::Overflow { .. })));
}

#[test]
fn another_version_is_refused_by_its_number_wherever_it_stands() {
    let later = r#"{"position":1,"currencies":["EUR"],"accounts":{},"version":2}"#;
    assert_refused(later, "the snapshot has version 2; this build reads version 1");
    for text in [r#"{"version":-1}"#, r#"{"version":"1"}"#, "{}", "[]", "1", r#"{"version":1}"#] {
        assert_refused(text, "does not have the form of one at its line 1, column");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    assert!(serde_json::from_str::<BudgetSnapshot>(&with_accounts("")).is_ok());
    let form = "does not have the form";
    let organisation = r#"{"tier":"organisation","spent_usd":"1"}"#;
    for account in [
        r#"{"tier":"plan","spent_usd":"1"}"#,
        r#"{"tier":"plan","scope_id":"","spent_usd":"1"}"#,
        r#"{"tier":"plan","scope_id":"a\u0000","spent_usd":"1"}"#,
        r#"{"tier":"team","scope_id":"p","spent_usd":"1"}"#,
        r#"{"tier":"organisation","scope_id":"p","spent_usd":"1"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"-0.000001"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"0","limit_usd":"-1"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":0.1}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"1e400"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"0.0000001"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"1","reserved_usd":"1"}"#,
        r#"{"tier":"plan","scope_id":"p","spent_usd":"1","spent_usd":"1"}"#,
    ] {
        assert_refused(&with_accounts(&format!("{organisation},{account}")), form);
    }
    let plan = r#"{"tier":"plan","scope_id":"p","spent_usd":"1"}"#;
    assert_refused(&with_accounts(plan), "the organisation of the snapshot has spent less than plan p");
    assert_refused(
        &with_accounts(&format!("{organisation},{plan},{plan}")),
        "account 3 of the snapshot is of a tier that another one is of",
    );
    for threshold in ["-0.1", "1.1", "null", "1e400"] {
        assert_refused(&with_accounts("").replace("0.8", threshold), form);
    }
    for position in ["0", "-1", "9007199254740992", "1.5"] {
        assert_refused(&with_accounts("").replace("null", position), form);
    }
}

#[test]
fn a_tier_that_could_not_be_read_back_is_refused_and_changes_nothing() {
    let budgets = BudgetService::new(None);
    for tier in [BudgetTier::Plan("".into()), BudgetTier::Session("x".repeat(257).into())] {
        let one = usd("1");
        assert!(matches!(budgets.set_limit(&tier, one), Err(BudgetError::Invalid { .. })));
        assert!(matches!(budgets.record(&tier, one), Err(BudgetError::Invalid { .. })));
        assert!(matches!(budgets.reserve(&tier, one), Err(BudgetError::Invalid { .. })));
    }
    assert!(budgets.snapshot(None).accounts.is_empty());
}
