//! Foreign code where nobody looks for it: wakers, drops, logs, recorders, runtimes that go. None harms others.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use agentbus::emitter::{Emitter, Outbox};
use agentbus::event::{SessionCreated, Turn};
use agentbus::testing::MemoryRecorder;
use agentbus::{
    Delivery, DomainEvent, EventBus, EventBusExt, EventHandler, EventStream, EventType, Filter, FlushError,
    ReactiveEventBus, Receipt, RecordError, Recorder, SpawnOptions, Subscription,
};
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::chatter;

const SECOND: Duration = Duration::from_secs(1);

fn panic_by_design() {
    std::panic::resume_unwind(Box::new("by design"));
}

/// Something whose drop panics, unless a panic is under way.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_by_design();
        }
    }
}

agentbus::custom_kinds! { Bomb = "bus_tests.bomb" }

/// Fails, instead of hanging the suite, where `work` does not come to its end.
#[track_caller]
fn must_end(work: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        work();
        tell.send(()).expect("somebody waits");
    });
    let outcome = told.recv_timeout(Duration::from_secs(30));
    assert_ne!(outcome, Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

struct Wakes {
    panics: bool,
    count: AtomicUsize,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.panics {
            panic_by_design();
        }
    }
}

fn poll(stream: &mut EventStream, waker: &Waker) -> bool {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    let bus = ReactiveEventBus::new();
    let mut streams: Vec<_> = (0..3).map(|_| bus.stream(Filter::all())).collect();
    let wakes: Vec<_> =
        (0..3).map(|place| Arc::new(Wakes { panics: place < 2, count: AtomicUsize::new(0) })).collect();
    for (stream, wakes) in streams.iter_mut().zip(&wakes) {
        assert!(!poll(stream, &Waker::from(Arc::clone(wakes))));
    }
    bus.emit(chatter());
    assert!(wakes.iter().all(|wakes| wakes.count.load(Ordering::Relaxed) == 1));
}

#[test]
fn details_whose_drop_panics_do_not_reach_the_emitter() {
    let bus = ReactiveEventBus::builder().capacity(1).build();
    bus.emit(DomainEvent::new(Bomb));
    let _stream = bus.stream(Filter::all());
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let _handler = bus.on(Filter::all(), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    for _ in 0..3 {
        bus.emit(DomainEvent::new(Bomb));
    }
    assert_eq!(heard.load(Ordering::Relaxed), 3);
    assert!(bus.ledger().is_balanced());
    bus.emit(chatter());
}

#[test]
fn events_whose_drop_panics_leave_the_others_of_their_chunk_to_all_who_share_it() {
    let bus = ReactiveEventBus::builder().capacity(4).build();
    let mut streams: Vec<_> = (0..3).map(|_| bus.stream(Filter::all())).collect();
    let mut pinning = bus.stream(Filter::all());
    for round in 0..5 {
        for _ in 0..4 {
            bus.emit(DomainEvent::new(Bomb));
        }
        if round == 0 {
            // It keeps the rest of a chunk that all others are past.
            keep_silent(ready(&mut pinning));
        }
        for stream in &mut streams {
            for _ in 0..4 {
                let event = ready(stream);
                assert!(matches!(event, Some(Delivery::Event(_))), "{event:?}");
                keep_silent(event);
            }
        }
    }
    drop(streams);
    drop(pinning);
    let ledger = bus.ledger();
    assert!(ledger.is_balanced());
    assert_eq!((ledger.departed.delivered, ledger.departed.overrun), (3 * 20 + 1, 12));
}

fn ready(stream: &mut EventStream) -> Option<Delivery> {
    match Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(delivery) => delivery,
        Poll::Pending => None,
    }
}

/// Drops what may hold the last reference to a bomb.
fn keep_silent<T>(thing: T) {
    drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(thing))));
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_drop_panics_does_not_keep_async_ones_from_their_end() {
    let bus = ReactiveEventBus::new();
    let bomb = Bomb;
    bus.on(Filter::all(), move |_| {
        let _keeps = &bomb;
    })
    .detach();
    let (ended, told) = tokio::sync::oneshot::channel::<()>();
    let ends_with_the_task = Arc::new(ended);
    let _async = bus
        .spawn(Filter::all(), move |_| {
            let _keeps = Arc::clone(&ends_with_the_task);
            async {}
        })
        .unwrap();
    drop(bus);
    assert!(timeout(SECOND, told).await.is_ok(), "the task went, and what it held");
}

#[test]
fn a_handler_whose_drop_panics_leaves_the_others_their_events() {
    let bus = ReactiveEventBus::new();
    let own: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let (taken, bomb) = (Arc::clone(&own), Bomb);
    let ends_itself = bus.on(Filter::all(), move |_| {
        let _keeps = &bomb;
        drop(taken.lock().unwrap().take());
    });
    *own.lock().unwrap() = Some(ends_itself);
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    let _handler = bus.on(Filter::all(), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    bus.emit(chatter());
    bus.emit(chatter());
    assert_eq!(heard.load(Ordering::Relaxed), 2);
    assert!(bus.ledger().is_balanced());
}

#[test]
fn a_task_that_goes_with_its_waker_may_take_a_stream_along() {
    struct Task(#[expect(dead_code, reason = "kept for its drop")] Mutex<EventStream>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }
    must_end(|| {
        let bus = ReactiveEventBus::new();
        let mut stream = bus.stream(Filter::all());
        let task = Arc::new(Task(Mutex::new(bus.stream(Filter::all()))));
        assert!(!poll(&mut stream, &Waker::from(task)));
        assert!(!poll(&mut stream, Waker::noop()), "the seat held the last reference to the task");
        assert_eq!(bus.stats().streams, 1);
    });
}

/// A recorder that panics at every call.
#[derive(Debug)]
struct Panics;

#[async_trait::async_trait]
impl Recorder for Panics {
    fn record(&self, _event: &Arc<DomainEvent>) {
        panic_by_design();
    }
    fn relieve(&self) {
        panic_by_design();
    }
    async fn recorded(&self, _through: Turn) -> Result<(), RecordError> {
        Err(RecordError::new("it panics"))
    }
}

/// A log that does something at each line.
struct Log<F>(F);

impl<S: tracing::Subscriber, F: Fn() + 'static> Layer<S> for Log<F> {
    fn on_event(&self, _line: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        (self.0)();
    }
}

#[test]
fn a_log_may_emit_what_it_hears_of_a_recorder_that_panics() {
    must_end(|| {
        let bus = ReactiveEventBus::builder().journal(Panics).build();
        let (emitter, is_first) = (bus.clone(), AtomicBool::new(true));
        let log = Log(move || {
            if is_first.swap(false, Ordering::Relaxed) {
                emitter.emit(chatter());
            }
        });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || bus.emit(chatter()));
        assert_eq!((bus.stats().emitted, bus.stats().recorder_panics), (2, 4));
    });
}

#[tokio::test(start_paused = true)]
async fn flush_does_not_wait_for_what_was_overrun() {
    let bus = ReactiveEventBus::new();
    let handler = bus.spawn_with(Filter::all(), SpawnOptions::new().queue(1), |_| std::future::pending());
    let _handler = handler.unwrap();
    bus.emit(chatter());
    let mut flush = std::pin::pin!(bus.flush());
    assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    bus.emit(chatter());
    assert_eq!(timeout(SECOND, flush).await, Ok(Ok(())), "the first is given up, though the second hangs");
}

#[test]
fn what_is_emitted_when_the_runtime_of_a_handler_is_gone_is_abandoned() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bus = ReactiveEventBus::new();
    let handler = runtime.block_on(async { bus.spawn(Filter::all(), |_| async {}) });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    runtime.block_on(bus.flush()).unwrap();
    drop(runtime);
    for _ in 0..5 {
        bus.emit(chatter());
    }
    let [row] = <[_; 1]>::try_from(bus.ledger().rows).unwrap();
    assert_eq!((row.offered, row.delivered, row.abandoned, row.pending), (6, 1, 5, 0), "{row}");
}

#[tokio::test]
async fn an_async_handler_that_emits_for_ever_leaves_the_runtime_to_others() {
    const ENOUGH: usize = 100_000;
    let bus = ReactiveEventBus::new();
    let (emitter, calls) = (bus.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&calls);
    let handler = bus.spawn(Filter::all(), move |_| {
        if count.fetch_add(1, Ordering::Relaxed) < ENOUGH {
            emitter.emit(chatter());
        }
        async {}
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    tokio::task::yield_now().await;
    assert!(calls.load(Ordering::Relaxed) < ENOUGH, "nobody else had a turn");
}

#[tokio::test(start_paused = true)]
async fn an_async_handler_survives_what_its_calls_leave_behind() {
    let bus = ReactiveEventBus::new();
    let options = SpawnOptions::new().timeout(SECOND);
    let handler = bus.spawn_with(Filter::all(), options, |event| async move {
        let bomb = Bomb;
        if event.seq().is_some_and(|seq| seq.get() == 1) {
            std::future::pending::<()>().await;
        }
        std::mem::forget(bomb);
    });
    let _handler = handler.unwrap();
    bus.emit(chatter());
    bus.emit(DomainEvent::new(Bomb));
    bus.emit(chatter());
    bus.flush().await.unwrap();
    let [row] = <[_; 1]>::try_from(bus.ledger().rows).unwrap();
    assert_eq!((row.delivered, row.failed, row.abandoned), (3, 1, 0), "{row}");
}

/// A stream that may not be polled after its end, as `unfold` and `async` blocks may not.
struct Once(Option<u32>);

impl Stream for Once {
    type Item = Delivery;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let left = self.0.expect("polled after its end");
        self.0 = left.checked_sub(1);
        Poll::Ready(self.0.is_some().then(|| Delivery::Event(Arc::new(chatter()))))
    }
}

#[tokio::test]
async fn a_foreign_stream_is_not_polled_after_its_end() {
    let mut stream = EventStream::new(Once(Some(3)));
    assert_eq!(stream.next_many(10).await.len(), 3);
    assert_eq!(stream.next_many(10).await, []);
    assert_eq!(stream.next().await, None);
}

/// A bus that panics at the first emission.
#[derive(Debug)]
struct PanicsOnce(ReactiveEventBus, AtomicBool);

#[async_trait::async_trait]
impl EventBus for PanicsOnce {
    fn emit(&self, event: DomainEvent) -> Receipt {
        if self.1.swap(false, Ordering::Relaxed) {
            panic_by_design();
        }
        self.0.emit(event)
    }
    fn subscribe(&self, filter: Filter, handler: Arc<dyn EventHandler>) -> Subscription {
        self.0.subscribe(filter, handler)
    }
    fn stream(&self, filter: Filter) -> EventStream {
        self.0.stream(filter)
    }
    fn is_observed(&self, _event_type: EventType) -> bool {
        true
    }
    async fn flush(&self) -> Result<(), FlushError> {
        self.0.flush().await
    }
}

#[test]
fn an_outbox_outlives_a_bus_and_a_log_that_panic() {
    let recorder = MemoryRecorder::new();
    let bus = ReactiveEventBus::builder().journal(recorder.clone()).build();
    let outbox = Outbox::new((), Emitter::new(Some(Arc::new(PanicsOnce(bus, AtomicBool::new(true))))));
    let log = tracing_subscriber::registry().with(Log(panic_by_design));
    tracing::subscriber::with_default(log, || {
        for _ in 0..3 {
            outbox.change(|(), events| events.emit(|| SessionCreated::new(false)));
        }
    });
    assert_eq!(recorder.events().len(), 2);
}

/// A handler with a queue of its own that never gets done.
struct NeverIdle;

impl EventHandler for NeverIdle {
    fn handle(&self, _event: &Arc<DomainEvent>) {}
    fn idle(&self, _through: Turn) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn closing_names_a_foreign_handler_that_was_not_done() {
    let bus = ReactiveEventBus::new();
    let _handler = bus.subscribe(Filter::all(), Arc::new(NeverIdle));
    bus.emit(chatter());
    let report = bus.close(SECOND).await;
    assert!(!report.is_complete());
    assert!(report.unfinished.iter().any(|name| name.contains("NeverIdle")), "{report:?}");
}

/// Details whose drop emits others like it, for ever.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Hydra {
    #[serde(skip)]
    bus: Option<ReactiveEventBus>,
}

agentbus::custom_kinds! {
    Hydra = "bus_tests.hydra",
}

impl Drop for Hydra {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.emit(DomainEvent::new(Self { bus: Some(bus.clone()) }));
        }
    }
}

#[test]
fn drops_that_emit_for_ever_come_to_an_end() {
    for readers in 0..2 {
        let bus = ReactiveEventBus::builder().capacity(1).build();
        let streams: Vec<_> = (0..readers).map(|_| bus.stream(Filter::all())).collect();
        bus.emit(DomainEvent::new(Hydra { bus: Some(bus.clone()) }));
        bus.emit(DomainEvent::new(Hydra { bus: Some(bus.clone()) }));
        assert!((3..1_000).contains(&bus.stats().emitted), "{:?}", bus.stats());
        drop(streams);
    }
}
