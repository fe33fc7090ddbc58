//! Prints how many allocations an emission to one stream makes, counted.

#![expect(clippy::print_stdout, reason = "what it counted is read by who started it")]

use std::pin::Pin;
use std::task::{Context, Waker};

use agentbus::{EventBus, Filter};
use agentbus_compare::model::{self, Source};
use tokio_stream::Stream;

const EMISSIONS: u32 = 10_000;

fn main() {
    let (bus, emitter) = model::bus();
    let mut stream = bus.stream(Filter::all());
    let source = Source::of_a_new_plan();
    let mut emit = || {
        source.emit(&emitter);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut stream).poll_next(&mut cx).is_ready(), "it was emitted");
    };
    (0..EMISSIONS).for_each(|_| emit());
    let counted = allocation_counter::measure(|| (0..EMISSIONS).for_each(|_| emit()));
    let total = u32::try_from(counted.count_total).unwrap_or(u32::MAX);
    println!("{}", f64::from(total) / f64::from(EMISSIONS));
}
