//! A service with a bus, a handler and a stream.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use agentbus::emitter::{Emitter, Outbox};
use agentbus::event::{Scope, SessionCreated};
use agentbus::{Delivery, EventBus, EventBusExt, EventType, ReactiveEventBus};
use tokio_stream::StreamExt;

/// A service of your own: its state in an outbox, its bus optional.
struct Sessions {
    open: Outbox<Vec<String>>,
}

impl Sessions {
    fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self { open: Outbox::new(Vec::new(), Emitter::new(bus)) }
    }

    fn open(&self, id: &str) {
        self.open.change(|open, events| {
            open.push(id.to_owned());
            events.emit_in(&Scope::current().with_session_id(id), || SessionCreated::new(false));
        });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(EventType::SessionCreated.into());
    let _logged = bus.on(EventType::SessionCreated, |event| println!("handler: {}", event.event_type()));

    let sessions = Sessions::new(Some(Arc::new(bus.clone())));
    sessions.open("s-1");
    sessions.open("s-2");

    bus.close(std::time::Duration::from_secs(1)).await;
    while let Some(delivery) = stream.next().await {
        match delivery {
            Delivery::Event(event) => println!("stream: {:?}", event.session_id()),
            Delivery::Lagged(lag) => println!("stream: {lag}"),
        }
    }
}
