//! The ledger's columns, each against an independent count.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use agentbus::event::{SessionCreated, ToolErrorKind, ToolErrored};
use agentbus::{
    Delivery, DomainEvent, EventBus, EventBusExt, EventStream, EventType, Filter, Ledger, ReactiveEventBus,
    Subscription,
};
use proptest::prelude::*;
use tokio_stream::Stream;

/// What a random run does, one after the other.
#[derive(Clone, Debug)]
enum Step {
    Emit { critical: bool, plan: u8 },
    OpenStream { filter: u8 },
    Read { stream: usize, at_most: usize },
    Poll { stream: usize },
    DropStream { stream: usize },
    Subscribe { filter: u8, panics: bool },
    Unsubscribe { handler: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<bool>(), 0..3_u8).prop_map(|(critical, plan)| Step::Emit { critical, plan }),
        1 => (0..5_u8).prop_map(|filter| Step::OpenStream { filter }),
        3 => (0..8_usize, 1..9_usize).prop_map(|(stream, at_most)| Step::Read { stream, at_most }),
        4 => (0..8_usize).prop_map(|stream| Step::Poll { stream }),
        1 => (0..8_usize).prop_map(|stream| Step::DropStream { stream }),
        1 => (0..5_u8, any::<bool>()).prop_map(|(filter, panics)| Step::Subscribe { filter, panics }),
        1 => (0..8_usize).prop_map(|handler| Step::Unsubscribe { handler }),
    ]
}

/// The filters of a run, and the route that each is on as a predicate of its own.
fn filter(number: u8) -> Filter {
    match number {
        0 => Filter::all(),
        1 => Filter::from(EventType::ToolErrored),
        2 => "plan=1".parse().unwrap(),
        3 => "session.created plan=2".parse().unwrap(),
        _ => "tool.errored -plan=0".parse().unwrap(),
    }
}

fn is_on_route(number: u8, critical: bool, plan: u8) -> bool {
    match number {
        0 => true,
        1 | 4 => critical,
        2 => plan == 1,
        _ => plan == 2,
    }
}

fn passes(number: u8, critical: bool, plan: u8) -> bool {
    match number {
        0 => true,
        1 => critical,
        2 => plan == 1,
        3 => !critical && plan == 2,
        _ => critical && plan != 0,
    }
}

/// Counted by the test, not by the bus.
#[derive(Default)]
struct Count {
    offered: u64,
    passing: u64,
    delivered: u64,
    lagged: u64,
}

struct Reader {
    stream: EventStream,
    filter: u8,
    count: Count,
    model: Model,
}

/// What the rings of the test hold: chatter, and what is critical.
const CAPACITIES: [usize; 2] = [4, 1];

/// A stream as the design describes it: two bounded lanes, read in the order of turns, and its account.
#[derive(Default)]
struct Model {
    /// Unread events of each lane: their turn, and whether they pass the filter.
    lanes: [VecDeque<(u64, bool)>; 2],
    /// Overrun in each lane and not yet told.
    lost: [u64; 2],
    /// Taken from the lanes and not handed over yet.
    hand: usize,
    /// It found nothing when it last read: what does not pass moves it on at once.
    waits: bool,
    filtered: u64,
    overrun: u64,
}

impl Model {
    fn offer(&mut self, turn: u64, critical: bool, passes: bool) {
        if self.waits && !passes {
            self.filtered += 1;
            return;
        }
        self.waits = false;
        let lane = usize::from(critical);
        if self.lanes[lane].len() == CAPACITIES[lane] {
            self.lanes[lane].pop_front();
            self.lost[lane] += 1;
            self.overrun += 1;
        }
        self.lanes[lane].push_back((turn, passes));
    }

    /// The lane whose next event has the lower turn.
    fn lane(&self) -> Option<usize> {
        let heads = self.lanes.iter().enumerate();
        let heads = heads.filter_map(|(lane, unread)| unread.front().map(|(turn, _)| (*turn, lane)));
        heads.min().map(|(_, lane)| lane)
    }

    /// Reads many at once: what is in the hand, then what lies in the lanes.
    fn read(&mut self, at_most: usize) {
        let mut taken = self.hand.min(at_most);
        self.hand -= taken;
        while taken < at_most {
            let Some(lane) = self.lane() else {
                self.waits = taken == 0;
                return;
            };
            if std::mem::take(&mut self.lost[lane]) > 0 {
                taken += 1;
                continue;
            }
            match self.lanes[lane].pop_front() {
                Some((_, true)) => taken += 1,
                _ => self.filtered += 1,
            }
        }
    }

    /// Reads one. If the hand is empty and it is an event, those that follow are taken, up to the next loss.
    fn poll(&mut self) {
        let had = self.hand > 0;
        let lost: u64 = self.lost.iter().sum();
        self.read(1);
        let is_event = !self.waits && self.lost.iter().sum::<u64>() == lost;
        if had || !is_event {
            return;
        }
        while let Some(lane) = self.lane().filter(|lane| self.lost[*lane] == 0) {
            match self.lanes[lane].pop_front() {
                Some((_, true)) => self.hand += 1,
                _ => self.filtered += 1,
            }
        }
    }

    fn pending(&self) -> u64 {
        self.hand as u64 + self.lanes.iter().map(|unread| unread.len() as u64).sum::<u64>()
    }
}

struct Handler {
    /// Dropped to unsubscribe.
    _subscription: Subscription,
    filter: u8,
    panics: bool,
    calls: Arc<AtomicU64>,
    count: Count,
}

struct Run {
    bus: ReactiveEventBus,
    readers: Vec<Reader>,
    handlers: Vec<Handler>,
    /// Offered to those who are gone.
    departed: u64,
    /// Waiting for those who are gone when they went.
    abandoned: u64,
    turn: u64,
}

impl Run {
    fn new() -> Self {
        let bus = ReactiveEventBus::builder().capacity(4).id_capacity(4).build();
        Self { bus, readers: Vec::new(), handlers: Vec::new(), departed: 0, abandoned: 0, turn: 0 }
    }

    fn emit(&mut self, critical: bool, plan: u8) {
        let event = if critical {
            DomainEvent::new(ToolErrored::new("t", "c", "e", ToolErrorKind::Failed, 1, 0))
        } else {
            DomainEvent::new(SessionCreated::new(false))
        };
        self.bus.emit(event.with_plan_id(plan.to_string()));
        self.turn += 1;
        for reader in &mut self.readers {
            if is_on_route(reader.filter, critical, plan) {
                reader.model.offer(self.turn, critical, passes(reader.filter, critical, plan));
            }
            reader.count.offered += u64::from(is_on_route(reader.filter, critical, plan));
            reader.count.passing += u64::from(passes(reader.filter, critical, plan));
        }
        for handler in &mut self.handlers {
            handler.count.offered += 1;
            handler.count.passing += u64::from(passes(handler.filter, critical, plan));
        }
    }

    fn subscribe(&mut self, number: u8, panics: bool) {
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let subscription = self.bus.on(filter(number), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            if panics {
                std::panic::resume_unwind(Box::new("by design"));
            }
        });
        self.handlers.push(Handler {
            _subscription: subscription,
            filter: number,
            panics,
            calls,
            count: Count::default(),
        });
    }

    fn read(&mut self, place: usize, at_most: usize) {
        let Some(reader) = self.readers.get_mut(place) else { return };
        reader.model.read(at_most);
        let waker = std::task::Waker::noop();
        let next = std::pin::pin!(reader.stream.next_many(at_most));
        let poll = Future::poll(next, &mut std::task::Context::from_waker(waker));
        if let Poll::Ready(deliveries) = poll {
            for delivery in deliveries {
                match delivery {
                    Delivery::Event(_) => reader.count.delivered += 1,
                    Delivery::Lagged(lag) => reader.count.lagged += lag.missed,
                }
            }
        }
    }

    fn poll(&mut self, place: usize) {
        let Some(reader) = self.readers.get_mut(place) else { return };
        reader.model.poll();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match Pin::new(&mut reader.stream).poll_next(&mut context) {
            Poll::Ready(Some(Delivery::Event(_))) => reader.count.delivered += 1,
            Poll::Ready(Some(Delivery::Lagged(lag))) => reader.count.lagged += lag.missed,
            Poll::Ready(None) | Poll::Pending => {}
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Emit { critical, plan } => self.emit(critical, plan),
            Step::OpenStream { filter: number } => {
                let stream = self.bus.stream(filter(number));
                self.readers.push(Reader {
                    stream,
                    filter: number,
                    count: Count::default(),
                    model: Model::default(),
                });
            }
            Step::Read { stream, at_most } => self.read(stream, at_most),
            Step::Poll { stream } => self.poll(stream),
            Step::DropStream { stream } if stream < self.readers.len() => {
                let gone = self.readers.remove(stream);
                self.departed += gone.count.offered;
                self.abandoned += gone.model.pending();
            }
            Step::Subscribe { filter, panics } => self.subscribe(filter, panics),
            Step::Unsubscribe { handler } if handler < self.handlers.len() => {
                self.departed += self.handlers.remove(handler).count.offered;
            }
            Step::DropStream { .. } | Step::Unsubscribe { .. } => {}
        }
    }

    /// Compares the ledger with the counts of the test; rows come in no particular order.
    fn check(&self) {
        let ledger: Ledger = self.bus.ledger();
        assert!(ledger.is_balanced(), "{ledger:#?}");
        assert_eq!((ledger.departed.offered, ledger.departed.abandoned), (self.departed, self.abandoned));
        let mut streams: Vec<_> = self
            .readers
            .iter()
            .map(|Reader { count, model, .. }| {
                (count.offered, count.delivered, model.filtered, model.overrun, model.pending())
            })
            .collect();
        let mut handlers: Vec<_> = self
            .handlers
            .iter()
            .map(|handler| {
                let calls = handler.calls.load(Ordering::Relaxed);
                assert_eq!(calls, handler.count.passing);
                let failed = if handler.panics { calls } else { 0 };
                (handler.count.offered, calls, failed, handler.count.offered - handler.count.passing)
            })
            .collect();
        let (mut stream_rows, mut handler_rows) = (Vec::new(), Vec::new());
        for row in &ledger.rows {
            if row.kind == agentbus::bus::SubscriberKind::Stream {
                stream_rows.push((row.offered, row.delivered, row.filtered, row.overrun, row.pending));
            } else {
                handler_rows.push((row.offered, row.delivered, row.failed, row.filtered));
            }
        }
        for list in [&mut streams, &mut stream_rows] {
            list.sort_unstable();
        }
        for list in [&mut handlers, &mut handler_rows] {
            list.sort_unstable();
        }
        assert_eq!(stream_rows, streams);
        assert_eq!(handler_rows, handlers);
        let lagged: u64 = self.readers.iter().map(|reader| reader.count.lagged).sum();
        let overrun: u64 = ledger.rows.iter().map(|row| row.overrun).sum();
        assert!(lagged <= overrun, "every loss told is in the ledger");
    }

    /// Reads everything, after which each event is delivered, filtered or told as missed.
    fn settle(&mut self) {
        for place in 0..self.readers.len() {
            self.read(place, 1_000);
            self.read(place, 1_000);
        }
        let rows = self.bus.ledger().rows;
        assert!(rows.iter().all(|row| row.pending == 0), "{rows:#?}");
        let told: u64 = self.readers.iter().map(|reader| reader.count.lagged).sum();
        assert_eq!(rows.iter().map(|row| row.overrun).sum::<u64>(), told);
        for reader in &self.readers {
            let Count { passing, delivered, lagged, .. } = reader.count;
            assert!(delivered <= passing && passing <= delivered + lagged, "nothing is lost in silence");
        }
    }
}

proptest! {
    #[test]
    fn the_ledger_agrees_with_independent_counts(steps in prop::collection::vec(step(), 1..120)) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
            run.check();
        }
        run.settle();
        run.check();
    }
}

#[test]
fn the_ledger_balances_while_many_threads_emit_read_come_and_go() {
    let bus = ReactiveEventBus::builder().capacity(16).build();
    let seen = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (bus, seen) = (bus.clone(), Arc::clone(&seen));
            std::thread::spawn(move || {
                for round in 0..200 {
                    let seen = Arc::clone(&seen);
                    let handler = bus.on(filter(number), move |_| {
                        seen.fetch_add(1, Ordering::Relaxed);
                    });
                    let mut stream = bus.stream(filter(round % 5));
                    for plan in 0..5 {
                        bus.emit(DomainEvent::new(SessionCreated::new(false)).with_plan_id(plan.to_string()));
                    }
                    // Some of them: what is left in the hand is abandoned.
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    for _ in 0..round % 4 {
                        let _polled = Pin::new(&mut stream).poll_next(&mut context);
                    }
                    drop((handler, stream));
                }
            })
        })
        .collect();
    for _ in 0..200 {
        let ledger = bus.ledger();
        assert!(ledger.is_balanced(), "{ledger:#?}");
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let ledger = bus.ledger();
    assert!(ledger.rows.is_empty() && ledger.is_balanced(), "{ledger:#?}");
    assert!(ledger.departed.delivered >= seen.load(Ordering::Relaxed));
}
