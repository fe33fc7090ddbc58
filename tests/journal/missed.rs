//! What a slow stream missed is in the journal, and healed from it.

use std::collections::BTreeMap;

use agentbus::event::{Origin, PlanId, SessionCreated, ToolErrorKind, ToolErrored, Turn};
use agentbus::journal::{Journal, Missed};
use agentbus::{Category, Delivery, DomainEvent, EventBus, EventStream, Filter, Lag, ReactiveEventBus};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio_stream::StreamExt;

/// An event of the chatter, about a plan.
fn chatter(plan: &str) -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false)).with_plan_id(PlanId::from(plan))
}

/// An event that is critical.
fn critical(plan: &str) -> DomainEvent {
    let errored = ToolErrored::new("tool", "call", "failed", ToolErrorKind::Failed, 1, 0);
    DomainEvent::new(errored).with_plan_id(PlanId::from(plan))
}

fn bus(journal: &Journal) -> ReactiveEventBus {
    ReactiveEventBus::builder().capacity(4_usize).journal(journal.clone()).build()
}

fn seqs(missed: &mut Missed) -> Vec<u64> {
    missed.map(|recorded| recorded.unwrap().event.seq().unwrap().get()).collect()
}

/// Reads what is ready, and heals every loss: the seqs of all that the stream was to get, each with how often it came.
async fn heal(
    stream: &mut EventStream,
    count: usize,
    journal: &Journal,
    filter: &Filter,
    seen: &mut BTreeMap<u64, u32>,
) -> u32 {
    let mut lags = 0;
    for _ in 0..count {
        // What is ready, no more: a bus that is open has no end.
        let Ok(delivery) = tokio::time::timeout(std::time::Duration::ZERO, stream.next()).await else {
            break;
        };
        match delivery.unwrap() {
            Delivery::Event(event) => *seen.entry(event.seq().unwrap().get()).or_default() += 1,
            Delivery::Lagged(lag) => {
                lags += 1;
                let mut missed = journal.missed(&lag, filter.clone()).unwrap();
                let healed = seqs(&mut missed);
                assert!(missed.is_complete(), "it was flushed");
                assert!(healed.len() as u64 >= lag.missed || !lag.exact, "{lag:?} {healed:?}");
                for seq in healed {
                    *seen.entry(seq).or_default() += 1;
                }
            }
        }
    }
    lags
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_slow_stream_is_healed_to_completeness(
        bursts in prop::collection::vec((0_usize..12, prop::bool::weighted(0.2), 0_usize..20), 1..20),
        narrow in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let directory = TempDir::new().unwrap();
            let journal = Journal::builder(directory.path()).segment_bytes(3_000).open().unwrap();
            let (bus, other) = (bus(&journal), bus(&journal));
            let filter = if narrow { Filter::all().plan("a") } else { Filter::all() };
            let mut stream = bus.stream(filter.clone());
            let (mut expected, mut seen, mut lags) = (Vec::new(), BTreeMap::new(), 0);
            for (count, is_critical, reads) in bursts {
                for place in 0..count {
                    let plan = if place % 3 == 0 { "b" } else { "a" };
                    let event = if is_critical { critical(plan) } else { chatter(plan) };
                    let receipt = bus.emit(event);
                    other.emit(chatter(plan));
                    if plan == "a" || !narrow {
                        expected.push(receipt.seq.unwrap().get());
                    }
                }
                bus.flush().await.unwrap();
                lags += heal(&mut stream, reads, &journal, &filter, &mut seen).await;
            }
            bus.flush().await.unwrap();
            lags += heal(&mut stream, usize::MAX, &journal, &filter, &mut seen).await;
            assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected, "after {lags} lags");
        });
    }
}

fn lag(origin: Origin, after: Option<u64>, before: Option<u64>) -> Lag {
    let turn = |number: u64| Turn::new(number).unwrap();
    Lag { missed: 1, origin, after: after.map(turn), before: before.map(turn), exact: true }
}

#[tokio::test]
async fn a_lag_is_read_between_its_places_of_its_bus_alone_and_by_the_filter() {
    let directory = TempDir::new().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(10_000).open().unwrap();
    let (bus, other) = (bus(&journal), bus(&journal));
    let origin = bus.origin();
    for number in 0..600 {
        bus.emit(if number % 2 == 0 { chatter("a") } else { critical("a") });
        other.emit(chatter("a"));
    }
    bus.flush().await.unwrap();
    other.flush().await.unwrap();
    let read = |lag: Lag, filter: Filter| {
        let mut missed = journal.missed(&lag, filter).unwrap();
        (seqs(&mut missed), missed.is_complete())
    };
    assert_eq!(read(lag(origin, Some(300), Some(304)), Filter::all()), (vec![301, 302, 303], true));
    let chatter = Filter::all().category(Category::Session);
    assert_eq!(read(lag(origin, Some(300), Some(305)), chatter), (vec![301, 303], true));
    assert_eq!(read(lag(origin, None, Some(3)), Filter::all()), (vec![1, 2], true));
    assert_eq!(read(lag(origin, Some(598), None), Filter::all()), (vec![599, 600], false));
    assert_eq!(read(lag(origin, Some(1), Some(2)), Filter::all()), (vec![], true));
    assert_eq!(read(lag(origin, Some(590), Some(900)), Filter::all()).0.len(), 10);
    assert!(!read(lag(origin, Some(590), Some(900)), Filter::all()).1, "it does not reach so far");
    assert_eq!(read(lag(Origin::from_bytes([1; 16]), Some(1), Some(9)), Filter::all()), (vec![], false));
    let under = Filter::all().under("a");
    assert_eq!(read(lag(origin, Some(300), Some(304)), under), (vec![301, 302, 303], true));
}
