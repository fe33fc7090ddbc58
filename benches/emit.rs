//! What an emission and a reading cost, each beside the least that the same work could cost, in one run.
//!
//! `cargo bench --bench emit`. Trust the ratios. The typical event is `tool.completed` with short names and a plan,
//! built anew each time; the baselines send one that is built.

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use agentbus::event::{CallId, Hash, PlanId, Scope, ToolCompleted};
use agentbus::{
    DomainEvent, Emitter, EventBus, EventBusExt, EventStream, EventType, Filter, ReactiveEventBus,
};
use divan::Bencher;
use divan::counter::ItemsCount;
use tokio::sync::broadcast;
use tokio_stream::Stream;

#[global_allocator]
static ALLOC: divan::AllocProfiler = divan::AllocProfiler::system();

const CAPACITY: usize = 4_096;
const BATCH: usize = 64;

fn main() {
    divan::main();
}

fn details(call: &CallId) -> ToolCompleted {
    ToolCompleted::new("edit_file", call.clone(), 1, 12, 2_048, Hash::from_bytes([7; 32]), false)
}

/// Makes typical events, of one call in one plan.
struct Source {
    call: CallId,
    scope: Scope,
}

impl Source {
    fn new() -> Self {
        Self::of_plan(PlanId::generate())
    }

    fn of_plan(plan: PlanId) -> Self {
        Self { call: CallId::generate(), scope: Scope::new().with_plan_id(plan) }
    }

    fn emit(&self, emitter: &Emitter) {
        emitter.emit_in(&self.scope, || details(&self.call));
    }

    fn event(&self) -> DomainEvent {
        DomainEvent::new_in(&self.scope, details(&self.call))
    }
}

fn emitter(bus: &ReactiveEventBus) -> Emitter {
    Emitter::new(Some(Arc::new(bus.clone())))
}

/// Takes what is there.
fn take(stream: &mut EventStream) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(stream).poll_next(&mut cx).is_ready());
}

/// What a future that is ready comes to.
fn now<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("what is read is there"),
    }
}

/// Emitting where nobody is, or nobody listens.
mod nobody {
    use super::{
        Arc, AtomicU64, Bencher, Emitter, EventBus, EventType, Ordering, ReactiveEventBus, Source, black_box,
        emitter,
    };

    #[divan::bench]
    fn baseline_empty_branch(bencher: Bencher) {
        let nothing: Option<Arc<ReactiveEventBus>> = None;
        bencher.bench_local(|| {
            if let Some(bus) = black_box(&nothing) {
                black_box(bus);
            }
        });
    }

    #[divan::bench]
    fn emit_with_none(bencher: Bencher) {
        let (emitter, source) = (Emitter::none(), Source::new());
        bencher.bench_local(|| source.emit(black_box(&emitter)));
    }

    #[divan::bench]
    fn baseline_closure_with_an_atomic(bencher: Bencher) {
        let mask = Arc::new(AtomicU64::new(0));
        let is_observed: Arc<dyn Fn() -> bool> = Arc::new(move || mask.load(Ordering::Relaxed) & 1 != 0);
        let source = Source::new();
        bencher.bench_local(|| {
            if black_box(&is_observed)() {
                black_box(source.event());
            }
        });
    }

    #[divan::bench]
    fn emit_unobserved(bencher: Bencher) {
        let bus = ReactiveEventBus::new();
        let _others = bus.stream(EventType::PlanCreated.into());
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.bench_local(|| source.emit(black_box(&emitter)));
    }
}

/// Emitting to streams that read each event at once.
mod streams {
    use super::{
        Arc, Bencher, CAPACITY, EventBus, EventType, Filter, PlanId, ReactiveEventBus, Source, black_box,
        broadcast, emitter, take,
    };

    #[divan::bench]
    fn baseline_building_the_event(bencher: Bencher) {
        let source = Source::new();
        bencher.bench_local(|| Arc::new(source.event()));
    }

    #[divan::bench(args = [1, 8, 64])]
    fn baseline_broadcast_of_a_built_event(bencher: Bencher, receivers: usize) {
        let (sender, _) = broadcast::channel(CAPACITY);
        let mut receivers: Vec<_> = (0..receivers).map(|_| sender.subscribe()).collect();
        let event = Arc::new(Source::new().event());
        bencher.bench_local(|| {
            assert!(sender.send(Arc::clone(&event)).is_ok());
            for receiver in &mut receivers {
                drop(receiver.try_recv().expect("it was sent"));
            }
        });
    }

    #[divan::bench(args = [1, 8, 64])]
    fn to_everything(bencher: Bencher, streams: usize) {
        let bus = ReactiveEventBus::new();
        let mut streams: Vec<_> = (0..streams).map(|_| bus.stream(Filter::all())).collect();
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.bench_local(|| {
            source.emit(&emitter);
            streams.iter_mut().for_each(take);
        });
    }

    #[divan::bench]
    fn by_type(bencher: Bencher) {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(EventType::ToolCompleted.into());
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.bench_local(|| {
            source.emit(&emitter);
            take(&mut stream);
        });
    }

    #[divan::bench(args = [1, 1_000])]
    fn by_plan_among(bencher: Bencher, plans: usize) {
        let bus = ReactiveEventBus::new();
        let plan = PlanId::generate();
        let mut stream = bus.stream(Filter::all().plan(plan.clone()));
        let _others: Vec<_> =
            (1..plans).map(|_| bus.stream(Filter::all().plan(PlanId::generate()))).collect();
        let (emitter, source) = (emitter(&bus), Source::of_plan(plan));
        bencher.bench_local(|| {
            source.emit(&emitter);
            take(&mut stream);
        });
    }

    #[divan::bench(args = [1_000])]
    fn baseline_broadcast_filtered_by_each_of(bencher: Bencher, plans: usize) {
        let (sender, _) = broadcast::channel(CAPACITY);
        let source = Source::new();
        let mut others: Vec<_> = (0..plans).map(|_| (PlanId::generate(), sender.subscribe())).collect();
        let event = Arc::new(source.event());
        bencher.bench_local(|| {
            assert!(sender.send(Arc::clone(&event)).is_ok());
            for (plan, receiver) in &mut others {
                let event = receiver.try_recv().expect("it was sent");
                black_box(event.plan_id() == Some(plan));
            }
        });
    }
}

/// Emitting 64 events, which each stream then reads at once.
mod batches {
    use super::{
        Arc, BATCH, Bencher, CAPACITY, EventBus, Filter, ItemsCount, ReactiveEventBus, Source, broadcast,
        emitter, now,
    };

    #[divan::bench(args = [1, 64])]
    fn baseline_broadcast_of_a_built_event(bencher: Bencher, receivers: usize) {
        let (sender, _) = broadcast::channel(CAPACITY);
        let mut receivers: Vec<_> = (0..receivers).map(|_| sender.subscribe()).collect();
        let event = Arc::new(Source::new().event());
        bencher.counter(ItemsCount::new(BATCH * receivers.len())).bench_local(|| {
            (0..BATCH).for_each(|_| assert!(sender.send(Arc::clone(&event)).is_ok()));
            for receiver in &mut receivers {
                (0..BATCH).for_each(|_| drop(receiver.try_recv().expect("it was sent")));
            }
        });
    }

    #[divan::bench(args = [1, 64])]
    fn to_everything(bencher: Bencher, streams: usize) {
        let bus = ReactiveEventBus::new();
        let mut streams: Vec<_> = (0..streams).map(|_| bus.stream(Filter::all())).collect();
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.counter(ItemsCount::new(BATCH * streams.len())).bench_local(|| {
            (0..BATCH).for_each(|_| source.emit(&emitter));
            for stream in &mut streams {
                assert_eq!(now(stream.next_many(BATCH)).len(), BATCH);
            }
        });
    }
}

/// Emitting to a stream that nobody reads: the oldest is overrun.
mod overrun {
    use super::{Arc, Bencher, CAPACITY, EventBus, Filter, ReactiveEventBus, Source, broadcast, emitter};

    #[divan::bench]
    fn baseline_broadcast_of_a_built_event(bencher: Bencher) {
        let (sender, _receiver) = broadcast::channel(CAPACITY);
        let event = Arc::new(Source::new().event());
        bencher.bench_local(|| sender.send(Arc::clone(&event)).is_ok());
    }

    #[divan::bench]
    fn one_stream(bencher: Bencher) {
        let bus = ReactiveEventBus::builder().capacity(CAPACITY).build();
        let _stream = bus.stream(Filter::all());
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.bench_local(|| source.emit(&emitter));
    }
}

/// Emitting to handlers on the same thread.
mod handlers {
    use super::{
        Arc, AtomicU64, Bencher, DomainEvent, EventBusExt, Filter, Ordering, ReactiveEventBus, Source,
        black_box, emitter,
    };

    type Call = Box<dyn Fn(&Arc<DomainEvent>)>;

    #[divan::bench(args = [1, 8])]
    fn baseline_closures_with_a_built_event(bencher: Bencher, handlers: usize) {
        let count = Arc::new(AtomicU64::new(0));
        let calls: Vec<Call> = (0..handlers).map(|_| counting(&count)).collect();
        let event = Arc::new(Source::new().event());
        bencher.bench_local(|| calls.iter().for_each(|call| call(black_box(&event))));
    }

    fn counting(count: &Arc<AtomicU64>) -> Call {
        let count = Arc::clone(count);
        Box::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[divan::bench(args = [1, 8])]
    fn inline(bencher: Bencher, handlers: usize) {
        let bus = ReactiveEventBus::new();
        let count = Arc::new(AtomicU64::new(0));
        for _ in 0..handlers {
            let count = Arc::clone(&count);
            let handler = bus.on(Filter::all(), move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            handler.detach();
        }
        let (emitter, source) = (emitter(&bus), Source::new());
        bencher.bench_local(|| source.emit(&emitter));
    }
}

/// Reading 64 events that are there.
mod reading {
    use super::{
        Arc, BATCH, Bencher, CAPACITY, EventBus, Filter, ItemsCount, ReactiveEventBus, Source, broadcast,
        now, take,
    };

    #[divan::bench(sample_size = 1, sample_count = 2_000)]
    fn baseline_broadcast_try_recv(bencher: Bencher) {
        let (sender, mut receiver) = broadcast::channel(CAPACITY);
        let event = Arc::new(Source::new().event());
        let fill = || (0..BATCH).for_each(|_| assert!(sender.send(Arc::clone(&event)).is_ok()));
        bencher.counter(ItemsCount::new(BATCH)).with_inputs(fill).bench_local_values(|()| {
            (0..BATCH).for_each(|_| drop(receiver.try_recv().expect("it was sent")));
        });
    }

    #[divan::bench(sample_size = 1, sample_count = 2_000)]
    fn next(bencher: Bencher) {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(Filter::all());
        let source = Source::new();
        let fill = || {
            for _ in 0..BATCH {
                bus.emit(source.event());
            }
        };
        bencher.counter(ItemsCount::new(BATCH)).with_inputs(fill).bench_local_values(|()| {
            (0..BATCH).for_each(|_| take(&mut stream));
        });
    }

    #[divan::bench(sample_size = 1, sample_count = 2_000)]
    fn next_many(bencher: Bencher) {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(Filter::all());
        let source = Source::new();
        let fill = || {
            for _ in 0..BATCH {
                bus.emit(source.event());
            }
        };
        bencher.counter(ItemsCount::new(BATCH)).with_inputs(fill).bench_local_values(|()| {
            assert_eq!(now(stream.next_many(BATCH)).len(), BATCH);
        });
    }
}
