//! Operators over streams: how long tools take and which never answer, what each of them costs, and what is told once.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{Hash, ToolCompleted, ToolInvoked};
use agentbus::stream::{Correlated, Heard};
use agentbus::{DomainEvent, EventBus, EventBusExt, EventType, ReactiveEventBus, StreamRx};
use tokio_stream::{Stream, StreamExt};

type Event = Arc<DomainEvent>;

fn invoked(tool: &str, call: &str) -> DomainEvent {
    DomainEvent::new(ToolInvoked::new(tool, call, Hash::of("input"), 5, true))
}

fn completed(tool: &str, call: &str, took_ms: u64) -> DomainEvent {
    DomainEvent::new(ToolCompleted::new(tool, call, 1, took_ms, 6, Hash::of("output"), false))
}

/// Openings with their closings.
async fn answers(events: impl Stream<Item = Event>) {
    let calls = events.rx().correlate(
        |event| event.details::<ToolInvoked>().map(|call| call.call_id.clone()),
        |event| event.details::<ToolCompleted>().map(|call| call.call_id.clone()),
        Duration::from_secs(30),
    );
    let mut calls = pin!(calls);
    while let Some(call) = calls.next().await {
        match call {
            Correlated::Pair { closing, .. } => {
                let took = closing.details::<ToolCompleted>().map(|call| call.duration_ms);
                println!("answered after {took:?} ms");
            }
            Correlated::Unanswered(opening) => println!("never answered: {}", opening.id()),
            Correlated::Orphan(closing) => println!("not asked for: {}", closing.id()),
        }
    }
}

/// A running sum for each tool: a stream for each, all of them merged again.
async fn sums(completions: impl Stream<Item = Event>) {
    let calls = completions.filter_map(|event| {
        event.details().map(|call: &ToolCompleted| (call.tool.clone(), call.duration_ms))
    });
    let sums = calls.rx().group_by(|(tool, _)| tool.clone()).merge_map(1_024, |group| {
        let tool = group.key().clone();
        let times = group.filter_map(Heard::into_item);
        times.rx().scan(0, |sum, (_, took)| sum + took).map(move |sum| format!("{tool}: {sum} ms so far"))
    });
    let mut totals = pin!(sums);
    while let Some(sum) = totals.next().await {
        println!("{sum}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), agentbus::FilterError> {
    let bus = ReactiveEventBus::new();
    let events = bus.watch("tool.*")?.events_or(|lag| println!("{lag}"));
    let completions = bus.stream(EventType::ToolCompleted.into()).events();

    bus.emit(invoked("grep", "a"));
    bus.emit(invoked("edit", "b"));
    bus.emit(completed("grep", "a", 12));
    bus.emit(completed("grep", "c", 30));
    drop(bus);

    // One stream for two readers, of which one begins when the other has read; a repetition would be left out.
    let events = events.rx().distinct_by_key(1_000, |event| event.id()).share(1_000);
    let counted = events.clone();
    let count = async {
        let all = counted.filter_map(Heard::into_item).fold(0, |count, _| count + 1).await;
        println!("{all} events");
    };
    tokio::join!(answers(events.filter_map(Heard::into_item)), count, sums(completions));
    Ok(())
}
