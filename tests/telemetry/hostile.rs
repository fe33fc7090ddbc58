//! Journals that hold what nobody measured.

use agentbus::DomainEvent;
use agentbus::EventType;
use agentbus::telemetry::{IntervalFault, MAX_SLOTS};
use serde_json::{Value, json};

use crate::support::{Home, called, told};

fn interval(rows: &Value) -> Value {
    json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:01:00Z", "digits": 2, "rows": rows })
}

fn event(details: &Value) -> DomainEvent {
    let kind = EventType::declare("telemetry.interval").unwrap();
    DomainEvent::custom(kind, details).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_could_not_have_been_counted_is_refused_by_its_position_and_the_others_count() {
    let slots: Vec<_> = (0..=MAX_SLOTS).map(|ms| json!([ms, 1])).collect();
    let tool = |rest: Value| {
        let mut row = json!({ "group": "tool", "name": "t" });
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        interval(&json!([row]))
    };
    let hostile = [
        (tool(json!({ "count": -1 })), IntervalFault::Details),
        (tool(json!({ "name": "\u{1b}[2Jgone", "count": 1 })), IntervalFault::Details),
        (tool(json!({ "group": "\u{1b}]0;x\u{7}", "count": 1 })), IntervalFault::Details),
        (tool(json!({ "count": 1, "times": "H4sIAAAA" })), IntervalFault::Details),
        (tool(json!({ "count": u64::MAX, "times": [[1, u64::MAX]] })), IntervalFault::Number),
        (tool(json!({ "count": 1, "times": [[1, 2]] })), IntervalFault::Histogram { row: 1 }),
        (tool(json!({ "count": 20_000, "times": slots })), IntervalFault::Slots { actual: MAX_SLOTS + 1 }),
        (json!({ "rows": [] }), IntervalFault::Details),
        (json!([1, 2]), IntervalFault::Details),
        (json!(null), IntervalFault::Details),
    ];
    let home = Home::new();
    home.append(told([called("t", 5)]).await.unwrap()).await;
    for (details, _) in &hostile {
        home.append(event(details)).await;
    }
    home.append(told([called("t", 6)]).await.unwrap()).await;
    let report = home.report();
    let refused: Vec<_> =
        report.refused.iter().map(|refused| (refused.position.get(), refused.fault)).collect();
    let expected: Vec<_> = (2..).zip(hostile.iter().map(|(_, fault)| *fault)).collect();
    assert_eq!(refused, expected);
    assert!(!report.is_whole());
    let row = report.rows.iter().find(|row| row.is("tool", "t")).unwrap();
    assert_eq!((report.intervals, row.count, row.times.sum_ms), (2, 2, 11));
}

#[tokio::test(start_paused = true)]
async fn numbers_that_no_sum_could_hold_do_not_overflow() {
    let home = Home::new();
    let most = 1_u64 << 53;
    let row = json!({ "group": "tool", "name": "t", "count": most, "sum_ms": u64::MAX, "max_ms": u64::MAX,
        "times": [[u32::MAX, most]] });
    for _ in 0..3 {
        home.append(event(&interval(&json!([row])))).await;
    }
    let report = home.report();
    assert_eq!((report.intervals, report.refused.len()), (1, 2));
    let row = report.rows.iter().find(|row| row.is("tool", "t")).unwrap();
    assert_eq!((row.count, row.times.p50_ms, row.times.max_ms), (most, u64::from(u32::MAX), u64::MAX));
}

#[tokio::test(start_paused = true)]
async fn budgets_beyond_the_room_are_counted_as_often_as_they_were_told() {
    let home = Home::new();
    let budget = |scope: &str, warnings: u64, exceeded: u64| {
        json!({ "tier": "plan", "scope_id": scope, "spent_usd": "1", "limit_usd": "2",
            "warnings": warnings, "exceeded": exceeded })
    };
    let first: Vec<_> = (0..64).map(|number| budget(&format!("plan-{number}"), 1, 0)).collect();
    for budgets in [json!(first), json!([budget("late", 5, 2), budget("plan-7", 1, 1)])] {
        let mut details = interval(&json!([]));
        details.as_object_mut().unwrap().insert("budgets".to_owned(), budgets);
        home.append(event(&details)).await;
    }
    let report = home.report();
    assert_eq!((report.intervals, report.budgets.len(), report.other_budgets), (2, 64, 7));
    let known = report.budgets.iter().find(|budget| budget.scope_id == "plan-7").unwrap();
    assert_eq!((known.warnings, known.exceeded), (2, 1));
}
