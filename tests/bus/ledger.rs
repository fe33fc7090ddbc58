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

/// How many filters there are, and on how many routes.
const FILTERS: u8 = 5;
const ROUTES: usize = 4;

/// The number of the route that a filter is on.
fn route(filter: u8) -> usize {
    match filter {
        0 => 0,
        1 | 4 => 1,
        2 => 2,
        _ => 3,
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

/// What the rings of a run hold, chatter and critical, and how many are taken at once: as many as a chunk has.
#[derive(Clone, Copy, Debug)]
struct Rings {
    capacity: [usize; 2],
    chunk: [u64; 2],
}

type Chunked = [Option<u64>; 2];

const SMALL: Rings = Rings { capacity: [4, 1], chunk: [4, 1] };
/// Of which a chunk is larger than a ring.
const ODD: Rings = Rings { capacity: [20, 5], chunk: [8, 8] };
const LARGE: Rings = Rings { capacity: [40, 10], chunk: [8, 8] };

/// An event in a lane.
#[derive(Clone, Copy)]
struct Unread {
    place: u64,
    turn: u64,
    passes: bool,
}

/// What a stream hands over: an event by its turn, or how many were missed between which turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Event(u64),
    Lag { missed: u64, after: Option<u64>, before: Option<u64> },
}

impl From<&Delivery> for Read {
    fn from(delivery: &Delivery) -> Self {
        match delivery {
            Delivery::Event(event) => Self::Event(event.seq().unwrap().get()),
            Delivery::Lagged(lag) => Self::Lag {
                missed: lag.missed,
                after: lag.after.map(agentbus::event::Turn::get),
                before: lag.before.map(agentbus::event::Turn::get),
            },
        }
    }
}

/// What a stream has of one lane.
#[derive(Default)]
struct ModelLane {
    unread: VecDeque<Unread>,
    /// Overrun and not yet told.
    lost: u64,
    /// Taken and not handed over yet, and the notice of loss that comes first.
    taken: VecDeque<Unread>,
    notice: Option<Read>,
    /// The last turn taken or passed over.
    after: Option<u64>,
    /// Whether more was there when it was last taken from: that may come before what is taken of the other lane.
    had_more: bool,
}

/// A stream as the design describes it: two bounded lanes, read in the order of turns, and its account.
struct Model {
    rings: Rings,
    /// Where the chunks of each ring began; none where it is a queue.
    chunked: Chunked,
    lanes: [ModelLane; 2],
    /// It found nothing when it last read: what does not pass moves it on at once.
    waits: bool,
    filtered: u64,
    overrun: u64,
}

impl Model {
    fn new(rings: Rings) -> Self {
        Self { rings, chunked: [None; 2], lanes: Default::default(), waits: false, filtered: 0, overrun: 0 }
    }

    fn offer(&mut self, critical: bool, event: Unread) {
        let number = usize::from(critical);
        let lane = &mut self.lanes[number];
        if self.waits && !event.passes {
            self.filtered += 1;
            lane.after = Some(event.turn);
            return;
        }
        self.waits = false;
        if lane.unread.len() == self.rings.capacity[number] {
            lane.unread.pop_front();
            lane.lost += 1;
            self.overrun += 1;
        }
        lane.unread.push_back(event);
    }

    /// Takes from each lane of which nothing is taken a chunk's worth at most: of chunks, what lies in one. Whether
    /// anything is taken then.
    fn fill(&mut self) -> bool {
        for ((lane, chunk), begun) in self.lanes.iter_mut().zip(self.rings.chunk).zip(self.chunked) {
            let is_next = lane.unread.front().filter(|_| lane.taken.is_empty());
            if let Some((first, turn)) = is_next.map(|first| (first.place, first.turn)) {
                let end = first + chunk - begun.map_or(0, |begun| (first - begun) % chunk);
                let missed = std::mem::take(&mut lane.lost);
                let (after, before) = (lane.after, Some(turn));
                lane.notice = (missed > 0).then_some(Read::Lag { missed, after, before });
                while let Some(event) = lane.unread.front().filter(|event| event.place < end) {
                    lane.after = Some(event.turn);
                    lane.taken.push_back(*event);
                    lane.unread.pop_front();
                }
            }
            lane.had_more = !lane.unread.is_empty();
        }
        self.lanes.iter().any(|lane| !lane.taken.is_empty())
    }

    /// Reads the next thing; none if there is none.
    fn read_one(&mut self) -> Option<Read> {
        loop {
            let [chatter, critical] = &self.lanes;
            let head = |lane: &ModelLane| lane.taken.front().map(|event| event.turn);
            let number = match (head(chatter), head(critical)) {
                (Some(chatter), Some(critical)) => usize::from(chatter > critical),
                (Some(_), None) if !critical.had_more => 0,
                (None, Some(_)) if !chatter.had_more => 1,
                _ if self.fill() => continue,
                _ => return None,
            };
            let lane = &mut self.lanes[number];
            if let Some(notice) = lane.notice.take() {
                return Some(notice);
            }
            match lane.taken.pop_front() {
                Some(Unread { passes: true, turn, .. }) => return Some(Read::Event(turn)),
                _ => self.filtered += 1,
            }
        }
    }

    /// Reads many at once; if there is nothing, it waits.
    fn read(&mut self, at_most: usize) -> Vec<Read> {
        let read: Vec<_> = (0..at_most).map_while(|_| self.read_one()).collect();
        self.waits = read.is_empty();
        read
    }

    fn pending(&self) -> u64 {
        self.lanes.iter().map(|lane| (lane.unread.len() + lane.taken.len()) as u64).sum()
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
    rings: Rings,
    /// The ends of the rings of each route that has readers.
    ends: [[u64; 2]; ROUTES],
}

impl Run {
    fn new(rings: Rings) -> Self {
        let capacity = rings.capacity[0];
        let bus = ReactiveEventBus::builder().capacity(capacity).id_capacity(capacity).build();
        let (readers, handlers, ends) = (Vec::new(), Vec::new(), [[0; 2]; ROUTES]);
        Self { bus, readers, handlers, departed: 0, abandoned: 0, turn: 0, rings, ends }
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
                let place = self.ends[route(reader.filter)][usize::from(critical)];
                let passes = passes(reader.filter, critical, plan);
                reader.model.offer(critical, Unread { place, turn: self.turn, passes });
            }
            reader.count.offered += u64::from(is_on_route(reader.filter, critical, plan));
            reader.count.passing += u64::from(passes(reader.filter, critical, plan));
        }
        for number in 0..FILTERS {
            let is_first = (0..number).all(|other| route(other) != route(number));
            if is_first && self.has_readers(number) && is_on_route(number, critical, plan) {
                self.ends[route(number)][usize::from(critical)] += 1;
            }
        }
        for handler in &mut self.handlers {
            handler.count.offered += 1;
            handler.count.passing += u64::from(passes(handler.filter, critical, plan));
        }
    }

    fn has_readers(&self, filter: u8) -> bool {
        self.readers.iter().any(|reader| route(reader.filter) == route(filter))
    }

    /// The rings of a route become chunks when a second reader joins the only one; they begin with what that has unread.
    fn divide(&mut self, filter: u8) {
        let ends = self.ends[route(filter)];
        let mut readers = self.readers.iter_mut().filter(|reader| route(reader.filter) == route(filter));
        if let (Some(Reader { model, .. }), None) = (readers.next(), readers.next()) {
            for (number, begun) in model.chunked.iter_mut().enumerate() {
                let first = model.lanes[number].unread.front().map_or(ends[number], |first| first.place);
                begun.get_or_insert(first);
            }
        }
    }

    /// All readers of a route have the same rings, which are queues again when the only one has read all.
    fn share(&mut self) {
        for number in 0..ROUTES {
            let on_route = |reader: &&mut Reader| route(reader.filter) == number;
            let mut readers: Vec<_> = self.readers.iter_mut().filter(on_route).collect();
            match readers.as_mut_slice() {
                [only] => {
                    for (lane, begun) in only.model.lanes.iter().zip(&mut only.model.chunked) {
                        *begun = begun.filter(|_| !lane.unread.is_empty());
                    }
                }
                [first, others @ ..] => {
                    for other in others {
                        other.model.chunked = first.model.chunked;
                    }
                }
                [] => {}
            }
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
        let expected = reader.model.read(at_most);
        let waker = std::task::Waker::noop();
        let next = std::pin::pin!(reader.stream.next_many(at_most));
        let poll = Future::poll(next, &mut std::task::Context::from_waker(waker));
        let read = if let Poll::Ready(deliveries) = &poll { deliveries.as_slice() } else { &[] };
        assert_eq!(read.iter().map(Read::from).collect::<Vec<_>>(), expected);
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
        let expected = reader.model.read(1);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = Pin::new(&mut reader.stream).poll_next(&mut context);
        let read =
            if let Poll::Ready(Some(delivery)) = &polled { vec![Read::from(delivery)] } else { Vec::new() };
        assert_eq!(read, expected);
        match polled {
            Poll::Ready(Some(Delivery::Event(_))) => reader.count.delivered += 1,
            Poll::Ready(Some(Delivery::Lagged(lag))) => reader.count.lagged += lag.missed,
            Poll::Ready(None) | Poll::Pending => {}
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Emit { critical, plan } => self.emit(critical, plan),
            Step::OpenStream { filter: number } => {
                self.divide(number);
                let stream = self.bus.stream(filter(number));
                self.readers.push(Reader {
                    stream,
                    filter: number,
                    count: Count::default(),
                    model: Model::new(self.rings),
                });
            }
            Step::Read { stream, at_most } => self.read(stream, at_most),
            Step::Poll { stream } => self.poll(stream),
            Step::DropStream { stream } if stream < self.readers.len() => {
                let gone = self.readers.remove(stream);
                self.departed += gone.count.offered;
                self.abandoned += gone.model.pending();
                if !self.has_readers(gone.filter) {
                    // Its route goes with it.
                    self.ends[route(gone.filter)] = [0; 2];
                }
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
    fn the_ledger_agrees_with_independent_counts(
        rings in prop_oneof![Just(SMALL), Just(ODD), Just(LARGE)],
        steps in prop::collection::vec(step(), 1..240),
    ) {
        let mut run = Run::new(rings);
        for step in &steps {
            run.take(step);
            run.share();
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
                    let called = Arc::clone(&seen);
                    let handler = bus.on(filter(number), move |_| {
                        called.fetch_add(1, Ordering::Relaxed);
                    });
                    let mut stream = bus.stream(filter(round % 5));
                    for plan in 0..5 {
                        bus.emit(DomainEvent::new(SessionCreated::new(false)).with_plan_id(plan.to_string()));
                    }
                    // Some of them: what is left in the hand is abandoned.
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    for _ in 0..round % 4 {
                        let polled = Pin::new(&mut stream).poll_next(&mut context);
                        if matches!(polled, Poll::Ready(Some(Delivery::Event(_)))) {
                            seen.fetch_add(1, Ordering::Relaxed);
                        }
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
    assert_eq!(ledger.departed.delivered, seen.load(Ordering::Relaxed));
}
