//! What an emission allocates: one block for the event itself, and nothing where nobody listens.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use agentbus::event::{CallId, Hash, PlanId, Scope, SessionId, ToolCompleted};
use agentbus::{Emitter, EventBus, EventBusExt, EventStream, EventType, Filter, ReactiveEventBus, StreamRx};
use allocation_counter::{AllocationInfo, measure};
use tokio_stream::{Stream, StreamExt};

/// As many as fill the ring of a stream that is not read, twice.
const EMISSIONS: u64 = 512;

/// Emits a typical event.
fn emit(emitter: &Emitter, call: &CallId) {
    emitter.emit(|| ToolCompleted::new("edit_file", call, 1, 12, 2_048, Hash::from_bytes([7; 32]), false));
}

fn take(stream: &mut EventStream) {
    assert!(Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())).is_ready());
}

fn scope() -> Scope {
    let scope = Scope::new().with_plan_id(PlanId::generate()).with_session_id(SessionId::generate());
    scope.with_actor_name("agents/planner").with_correlation_id(SessionId::generate().to_string())
}

/// What `emission` allocates after it has warmed up, in a scope.
fn allocated(mut emission: impl FnMut(&CallId)) -> AllocationInfo {
    let call = CallId::generate();
    scope().enter(|| {
        (0..EMISSIONS).for_each(|_| emission(&call));
        measure(|| (0..EMISSIONS).for_each(|_| emission(&call)))
    })
}

fn emitter(bus: &ReactiveEventBus) -> Emitter {
    Emitter::new(Some(Arc::new(bus.clone())))
}

#[test]
fn an_emission_to_a_stream_and_a_handler_allocates_the_event_alone() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.stream(Filter::all());
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let _handler = bus.on(Filter::all(), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let emitter = emitter(&bus);
    let info = allocated(|call| {
        emit(&emitter, call);
        take(&mut stream);
    });
    assert_eq!(heard.load(Ordering::Relaxed), 2 * EMISSIONS);
    assert_eq!(info.count_total, EMISSIONS);
    assert_eq!(info.count_current, 0, "each is freed when it is read");
    assert!(info.bytes_total / EMISSIONS <= 464, "{info:?}");
}

#[test]
fn streams_that_share_a_route_use_its_chunks_again() {
    let bus = ReactiveEventBus::new();
    let mut streams = [bus.stream(Filter::all()), bus.stream(Filter::all())];
    let emitter = emitter(&bus);
    let info = allocated(|call| {
        emit(&emitter, call);
        streams.iter_mut().for_each(take);
    });
    assert_eq!(info.count_total, EMISSIONS);
    assert_eq!(info.count_current, 0, "each chunk is freed when both have read it");
}

#[test]
fn a_stream_that_nobody_reads_holds_its_ring_and_no_more() {
    let bus = ReactiveEventBus::builder().capacity(256_usize).build();
    let _stream = bus.stream(EventType::ToolCompleted.into());
    let emitter = emitter(&bus);
    let info = allocated(|call| emit(&emitter, call));
    assert_eq!(info.count_total, EMISSIONS);
    assert_eq!(info.count_current, 0, "one goes for each that comes");
}

#[test]
fn a_reader_that_waits_costs_no_allocation() {
    let bus = ReactiveEventBus::new();
    let mut stream = bus.watch("category=tool").unwrap();
    let emitter = emitter(&bus);
    let info = allocated(|call| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut stream).poll_next(&mut cx).is_pending());
        emit(&emitter, call);
        take(&mut stream);
    });
    assert_eq!(info.count_total, EMISSIONS);
}

#[test]
fn without_a_bus_nothing_is_allocated() {
    let emitter = Emitter::none();
    assert_eq!(allocated(|call| emit(&emitter, call)).count_total, 0);
}

#[test]
fn with_nobody_observing_nothing_is_allocated() {
    let bus = ReactiveEventBus::new();
    let _others = bus.stream(EventType::PlanCreated.into());
    let emitter = emitter(&bus);
    assert_eq!(allocated(|call| emit(&emitter, call)).count_total, 0);
}

/// What an operator allocates while it yields, after it has warmed up.
fn allocated_by(stream: impl Stream) -> u64 {
    let mut stream = std::pin::pin!(stream);
    let mut take = || {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..EMISSIONS {
            // A source lets others have a turn now and then.
            while stream.as_mut().poll_next(&mut cx).is_pending() {}
        }
    };
    // Tables grow to their size first.
    (0..8).for_each(|_| take());
    measure(take).count_total
}

#[test]
fn operators_allocate_nothing_for_an_item() {
    let numbers = || tokio_stream::iter(0_u64..).rx();
    assert_eq!(allocated_by(numbers().distinct(64)), 0);
    assert_eq!(allocated_by(numbers().distinct_by_key(64, |number| *number)), 0);
    assert_eq!(allocated_by(numbers().pairwise()), 0);
    assert_eq!(allocated_by(numbers().start_with([7])), 0);
    assert_eq!(allocated_by(numbers().merge(numbers())), 0);
    assert_eq!(allocated_by(numbers().combine_latest(numbers())), 0);
    assert_eq!(allocated_by(numbers().with_latest_from(tokio_stream::once(7).chain(numbers()))), 0);
    assert_eq!(allocated_by(numbers().sample(numbers())), 0);
    assert_eq!(allocated_by(numbers().switch_map(tokio_stream::once)), 0);
    assert_eq!(allocated_by(numbers().merge_map(4, tokio_stream::once)), 0);
    assert_eq!(allocated_by(numbers().share(8)), 0);
    assert_eq!(allocated_by(numbers().map(Ok::<_, ()>).rx().retry(1, |()| unreachable!("all are well"))), 0);
    let grouped = numbers().group_by(|_| ()).merge_map(1_024, |group| group);
    assert_eq!(allocated_by(grouped), 0);
}
