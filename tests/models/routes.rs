//! Opening and dropping streams while others emit: routes are made and removed meanwhile.

use std::sync::{Arc, Mutex};

use agentbus::{EventBus, EventBusExt, EventType, ReactiveEventBus};
use shuttle::thread;
use tokio_stream::StreamExt;

use crate::{chatter, critical, explore, join_all, seq_of, told};

/// Opens a stream on `filter`, emits, and reads what it emitted itself, whatever others do to the route.
fn open_emit_read(bus: &ReactiveEventBus, filter: &str) {
    let mut stream = bus.watch(filter).expect("a filter for live events");
    let own = bus.emit(critical().with_plan_id("p"));
    let mut last = 0;
    loop {
        let event = told(shuttle::future::block_on(stream.next()).expect("the bus is open"));
        assert!(seq_of(&event) > last, "out of order");
        last = seq_of(&event);
        if event.id() == own.id {
            return;
        }
    }
}

#[test]
fn routes_that_come_and_go_lose_nothing_and_leave_nothing_behind() {
    explore(2_000, || {
        let bus = ReactiveEventBus::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&events);
        let witness = bus.on(EventType::ToolErrored, move |event| {
            note.lock().unwrap().push(Arc::downgrade(event));
        });
        let other = {
            let bus = bus.clone();
            thread::spawn(move || {
                bus.emit(critical().with_plan_id("p"));
                bus.emit(chatter().with_plan_id("other"));
            })
        };
        let readers = ["plan=p", "plan=p", "category=tool"].map(|filter| {
            let bus = bus.clone();
            thread::spawn(move || open_emit_read(&bus, filter))
        });
        let watcher = {
            let bus = bus.clone();
            thread::spawn(move || (0..3).for_each(|_| assert!(bus.ledger().is_balanced())))
        };
        other.join().unwrap();
        join_all(readers);
        watcher.join().unwrap();
        drop(witness);

        let ledger = bus.ledger();
        assert!(ledger.rows.is_empty() && ledger.is_balanced(), "{ledger:?}");
        assert_eq!(bus.stats().streams, 0);
        assert!(EventType::ALL.iter().all(|kind| !bus.is_observed(*kind)));
        let routes = format!("{bus:?}");
        assert!(routes.contains("types: [], plans: {}, "), "{routes}");
        let events = events.lock().unwrap();
        assert_eq!(events.len(), 4);
        assert!(events.iter().all(|event| event.upgrade().is_none()), "an event is kept");
    });
}
