//! Operators over streams: how long tools take, and which never answer.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use agentbus::event::{Hash, ToolCompleted, ToolInvoked};
use agentbus::stream::Correlated;
use agentbus::{DomainEvent, EventBus, EventBusExt, ReactiveEventBus, StreamRx};
use tokio_stream::StreamExt;

fn invoked(call: &str) -> DomainEvent {
    DomainEvent::new(ToolInvoked::new("grep", call, Hash::of("input"), 5, true))
}

fn completed(call: &str, took_ms: u64) -> DomainEvent {
    DomainEvent::new(ToolCompleted::new("grep", call, 1, took_ms, 6, Hash::of("output"), false))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), agentbus::FilterError> {
    let bus = ReactiveEventBus::new();
    let calls = bus.watch("tool.*")?.events_or(|lag| println!("{lag}")).rx().correlate(
        |event| event.details::<ToolInvoked>().map(|call| call.call_id.clone()),
        |event| event.details::<ToolCompleted>().map(|call| call.call_id.clone()),
        Duration::from_secs(30),
    );

    bus.emit(invoked("a"));
    bus.emit(invoked("b"));
    bus.emit(completed("a", 12));
    drop(bus);

    let mut calls = std::pin::pin!(calls);
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
    Ok(())
}
