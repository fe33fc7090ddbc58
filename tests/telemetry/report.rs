//! The report on the intervals of a journal.

use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{ActorCompleted, Timestamp, Usd};
use agentbus::telemetry::{MAX_NAMES, Telemetry, TelemetryInterval, TelemetryReport};
use agentbus::{DomainEvent, EventBus, ReactiveEventBus};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Home, called, told};

/// The time that so large a share of them took at most, exactly.
fn exact(sorted: &[u64], share: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let place = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(place - 1).copied().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn percentiles_over_intervals_are_those_of_all_times_together(
        parts in vec(vec(prop_oneof![0..300_u64, 0..5_000_000_u64], 1..60), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let (report, one) = runtime.unwrap().block_on(async {
            let (home, whole) = (Home::new(), Home::new());
            for part in &parts {
                home.append(told(part.iter().map(|ms| called("t", *ms))).await.unwrap()).await;
            }
            let all = parts.iter().flatten().map(|ms| called("t", *ms));
            whole.append(told(all).await.unwrap()).await;
            (home.report(), whole.report())
        });
        let times = |report: &TelemetryReport| report.rows.iter().find(|row| row.is("tool", "t")).unwrap().times;
        let (many, one) = (times(&report), times(&one));
        prop_assert_eq!(many, one);
        let mut sorted: Vec<_> = parts.concat();
        sorted.sort_unstable();
        for (found, share) in [(many.p50_ms, 0.5), (many.p90_ms, 0.9), (many.p99_ms, 0.99)] {
            let exact = exact(&sorted, share);
            prop_assert!(found >= exact && found <= exact + exact / 100 + 1, "{share}: {found}, not {exact}");
        }
        prop_assert_eq!((many.max_ms, many.sum_ms), (*sorted.last().unwrap(), sorted.iter().sum::<u64>()));
        prop_assert_eq!((report.intervals, many.count), (parts.len() as u64, sorted.len() as u64));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_with_a_journal_keeps_what_was_counted() {
    let home = Home::new();
    let bus = ReactiveEventBus::builder().journal(home.journal().clone()).build();
    let telemetry = Telemetry::builder().start(Arc::new(bus.clone()));
    bus.emit(called("read_file", 12));
    let mut paid = ActorCompleted::new("agents/mender", 2, 1, 100, 20, 900);
    paid.cost_usd = Some(Usd::from_micros(250_000));
    bus.emit(DomainEvent::new(paid));
    telemetry.close(Duration::from_mins(1)).await;
    bus.flush().await.unwrap();
    let report = home.report();
    assert!(report.is_whole());
    assert_eq!((report.intervals, report.missed, report.digits), (1, 0, 2));
    assert_eq!(report.paid(), (100, 20, Usd::from_micros(250_000)));
    let words: Vec<_> = report.rows.iter().map(|row| (row.group.as_str(), row.name.as_deref())).collect();
    assert_eq!(
        words,
        [
            ("tool", Some("read_file")),
            ("actor", Some("agents/mender")),
            ("kind", Some("actor.completed")),
            ("kind", Some("tool.completed")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn secrets_in_names_are_masked_in_the_journal() {
    let home = Home::new();
    // A mask is longer than what it stands for: the name gets too long, and is cut.
    let name = format!("{}/postgres://a:b@h", "x".repeat(200));
    for name in [name.as_str(), "postgres://app:hunter2@db/main"] {
        home.append(told([called(name, 1)]).await.unwrap()).await;
    }
    let report = home.report();
    assert!(report.is_whole(), "{:?}", report.refused);
    let names: Vec<_> = report.rows.iter().filter(|row| row.group.as_str() == "tool").collect();
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|row| row.name.as_deref().unwrap().contains("[redacted")), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_report_begins_with_the_interval_that_ended_at_or_after_the_time_asked_for() {
    let home = Home::new();
    let mut ends = Vec::new();
    for _ in 0..3 {
        let event = told([called("a", 1)]).await.unwrap();
        ends.push(event.details::<TelemetryInterval>().unwrap().to);
        home.append(event).await;
    }
    let since = |moment: Timestamp| {
        let report = TelemetryReport::read(home.journal().as_ref(), Some(moment)).unwrap();
        (report.intervals, report.earlier)
    };
    assert_eq!(since(ends[1]), (2, 1));
    assert_eq!(since(ends[2].saturating_add(Duration::from_nanos(1))), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn names_beyond_the_room_are_counted_together() {
    let home = Home::new();
    let names = (0..MAX_NAMES + 9).map(|name| called(&format!("tool-{name}"), 1));
    home.append(told(names).await.unwrap()).await;
    let report = home.report();
    let others = report.rows.iter().find(|row| row.group.as_str() == "tool" && row.name.is_none()).unwrap();
    assert_eq!(others.count, 9);
    let tools: Vec<_> = report.rows.iter().filter(|row| row.group.as_str() == "tool").collect();
    assert_eq!(tools.len(), MAX_NAMES + 1);
    assert!(tools.last().unwrap().name.is_none(), "they come last");
}
