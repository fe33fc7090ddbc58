//! Kinds of your own, typed and at run time.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use agentbus::event::EventType;
use agentbus::{DomainEvent, EventBus, EventBusExt, ReactiveEventBus, Severity, custom_kinds};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct LaneEntered {
    lane: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct LaneBlocked {
    lane: u32,
    by: String,
}

custom_kinds! {
    LaneEntered = "lane.entered",
    LaneBlocked = "lane.blocked".severity(Severity::Warn).critical(),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = ReactiveEventBus::new();
    let _blocked = bus.subscribe(
        "lane.* level>=warn".parse()?,
        std::sync::Arc::new(|event: &std::sync::Arc<DomainEvent>| {
            if let Some(LaneBlocked { lane, by }) = event.details() {
                println!("lane {lane} is blocked by {by}");
            }
        }),
    );
    bus.emit(DomainEvent::new(LaneEntered { lane: 3 }));
    bus.emit(DomainEvent::new(LaneBlocked { lane: 3, by: "a review".into() }));

    // A kind that is known only at run time, such as one named in a configuration file.
    let closed = EventType::declare("lane.closed")?;
    let _closed = bus.on(closed, |event| println!("{}", event.type_name()));
    bus.emit(DomainEvent::custom(closed, &serde_json::json!({ "lane": 3 }))?);

    // What another build emits and this one does not know is kept as it was written.
    let json = serde_json::to_string(&DomainEvent::new(LaneEntered { lane: 4 }))?
        .replace("lane.entered", "lane.polished");
    let unknown: DomainEvent = serde_json::from_str(&json)?;
    println!("{:?} is {:?}", unknown.type_name(), unknown.event_type());
    assert_eq!(serde_json::to_string(&unknown)?, json);
    Ok(())
}
