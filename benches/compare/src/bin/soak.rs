//! Many emissions of two threads, critical ones among them, to subscribers that come, go, stall and lag, on all kinds of
//! routes, and to operators; resident memory stays flat.
//!
//! `run --soak [--emissions N]`; exit status 1 if it grew by more than 5 MB after warming up, or if an event is
//! unaccounted for.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and fails by a panic")]

use std::collections::VecDeque;
use std::fs;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use agentbus::event::{
    CorrelationId, PlanId, Scope, SessionCreated, SessionId, ToolCompleted, ToolErrorKind, ToolErrored,
};
use agentbus::{
    Category, Delivery, Emitter, EventBus, EventBusExt, EventStream, EventType, Filter, ReactiveEventBus,
    SpawnOptions, StreamRx, Subscription,
};
use agentbus_compare::model::{self, Source};
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt};

const EMISSIONS: u64 = 100_000_000;
const SAMPLES: u64 = 100;

/// What memory may grow by after the warm-up, which is a tenth of the emissions.
const MOST: u64 = 5 << 20;

/// As many short-lived subscribers as there are at once.
const GUESTS: usize = 64;

/// A guest comes, and the oldest goes, once in so many emissions.
const STAY: u64 = 97;

/// The residents that read do so once in so many emissions.
const READ: u64 = 512;

/// A tool fails, which is critical, once in so many emissions.
const FAILURE: u64 = 50;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let emissions = match emissions() {
        Ok(emissions) => emissions,
        Err(fault) => {
            println!("{fault}");
            return ExitCode::from(2);
        }
    };
    let begun = Instant::now();
    let mut house = House::new();
    let (mut low, mut high) = (u64::MAX, 0);
    println!("{:>14} {:>12} {:>8}", "emissions", "resident", "seconds");
    for sample in 1..=SAMPLES {
        house.live(emissions / SAMPLES).await;
        let resident = resident();
        if sample * 10 >= SAMPLES {
            (low, high) = (low.min(resident), high.max(resident));
        }
        let megabytes = megabytes(resident);
        println!("{:>14} {megabytes:>9.2} MB {:>8.0}", house.emitted(), begun.elapsed().as_secs_f64());
    }
    let grew = high - low;
    let balanced = house.leave().await;
    let books = if balanced { "every event is accounted for" } else { "the ledger does NOT balance" };
    println!("resident after the warm-up: {:.2} .. {:.2} MB; {books}", megabytes(low), megabytes(high));
    let is_flat = grew <= MOST;
    println!("{}", if is_flat { "flat within 5 MB" } else { "NOT flat within 5 MB" });
    if is_flat && balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn emissions() -> Result<u64, String> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(EMISSIONS),
        ["--emissions", number] => match number.parse() {
            Ok(number) if number >= SAMPLES => Ok(number),
            _ => Err(format!("{number} is no number of emissions, or under {SAMPLES}")),
        },
        _ => Err("usage: run --soak [--emissions N]".to_owned()),
    }
}

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes << 10
}

#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Emits from one thread.
struct Publisher {
    emitter: Emitter,
    sources: Vec<Source>,
    emitted: u64,
}

impl Publisher {
    /// The plans take turns, and now and then a tool fails, or a plan is new, in a session of its own.
    fn emit(&mut self) {
        self.emitted += 1;
        let place = usize::try_from(self.emitted).unwrap_or(0) % self.sources.len();
        let source = self.sources.get(place).unwrap();
        if self.emitted.is_multiple_of(100) {
            let scope = Scope::new().with_plan_id(PlanId::generate()).with_session_id(SessionId::generate());
            self.emitter.emit_in(&scope, || SessionCreated::new(false));
        } else if self.emitted.is_multiple_of(FAILURE) {
            let call = source.details().call_id;
            let errored = || ToolErrored::new("edit_file", call, "no such file", ToolErrorKind::Failed, 1, 0);
            self.emitter.emit_in(&Scope::new().with_plan_id(source.plan().clone()), errored);
        } else {
            source.emit(&self.emitter);
        }
    }
}

/// A bus with its subscribers.
struct House {
    bus: ReactiveEventBus,
    publisher: Publisher,
    /// On a thread of its own; `None` while that runs.
    beside: Option<Publisher>,
    /// Those who stay and read.
    readers: Vec<EventStream>,
    /// Those who stay and never read: they lag for good.
    stalled: Vec<EventStream>,
    handlers: Vec<Subscription>,
    operators: Vec<JoinHandle<()>>,
    guests: VecDeque<EventStream>,
}

impl House {
    fn new() -> Self {
        let (bus, emitter) = model::bus();
        let sources = Source::of_plans(16);
        let of_plan = |place: usize| Filter::all().plan(sources.get(place).unwrap().plan().clone());
        let readers = vec![
            bus.stream(Filter::all()),
            bus.stream(Filter::from(Category::Tool)),
            bus.stream(EventType::ToolCompleted.into()),
            bus.stream(of_plan(0)),
        ];
        let stalled = vec![
            bus.stream(Filter::all()),
            bus.stream(EventType::SessionCreated.into()),
            bus.stream(EventType::ToolErrored.into()),
            bus.stream(of_plan(1)),
        ];
        let slow = bus.spawn_with(of_plan(2), SpawnOptions::default().queue(64), |_| async {
            tokio::task::yield_now().await;
        });
        let handlers = vec![bus.on(EventType::ToolCompleted, |_| ()), slow.unwrap()];
        let operators = operators(&bus);
        let publisher = Publisher { emitter: emitter.clone(), sources: sources.clone(), emitted: 0 };
        let beside = Some(Publisher { emitter, sources, emitted: 0 });
        Self { bus, publisher, beside, readers, stalled, handlers, operators, guests: VecDeque::new() }
    }

    fn emitted(&self) -> u64 {
        self.publisher.emitted + self.beside.as_ref().map_or(0, |beside| beside.emitted)
    }

    /// So many emissions more, half of them from another thread.
    async fn live(&mut self, emissions: u64) {
        let here = emissions / 2;
        let beside = self.beside.take().map(|mut beside| {
            thread::spawn(move || {
                (here..emissions).for_each(|_| beside.emit());
                beside
            })
        });
        for _ in 0..here {
            self.publisher.emit();
            if self.publisher.emitted.is_multiple_of(STAY) {
                self.welcome();
            }
            if self.publisher.emitted.is_multiple_of(READ) {
                self.readers.iter_mut().for_each(read_all);
                tokio::task::yield_now().await;
            }
        }
        self.beside = beside.map(|thread| thread.join().unwrap());
    }

    /// A guest comes, to a route of its own or a shared one; the oldest reads what is there, or does not, and goes.
    fn welcome(&mut self) {
        let turn = self.publisher.emitted / STAY;
        let filter = match turn % 6 {
            0 => Filter::all().plan(PlanId::generate()),
            1 => Filter::all().session(SessionId::generate()),
            2 => Filter::all().correlation(CorrelationId::generate()),
            3 => Filter::all().plan(self.publisher.sources.first().unwrap().plan().clone()),
            4 => Filter::from(Category::Session),
            _ => Filter::all(),
        };
        self.guests.push_back(self.bus.stream(filter));
        if self.guests.len() > GUESTS
            && let Some(mut oldest) = self.guests.pop_front()
            && turn.is_multiple_of(2)
        {
            read_all(&mut oldest);
        }
    }

    /// Everybody goes; whether every event is accounted for.
    async fn leave(self) -> bool {
        let Self { bus, publisher, beside, readers, stalled, handlers, operators, guests } = self;
        let flushed = bus.flush().await.is_ok();
        drop((publisher, beside, readers, stalled, handlers, guests));
        bus.close(Duration::from_mins(1)).await;
        for operator in operators {
            operator.await.unwrap();
        }
        let ledger = bus.ledger();
        flushed && ledger.is_balanced() && ledger.departed.offered > 0
    }
}

/// Tasks that read everything through operators, of each kind that holds something one.
fn operators(bus: &ReactiveEventBus) -> Vec<JoinHandle<()>> {
    let events = || bus.stream(Filter::all()).events().rx();
    let moment = Duration::from_millis(50);
    let shared = events().share(16);
    let groups = events().group_by(|event| event.plan_id().cloned()).with_groups(64);
    let counted = groups.merge_map(65, |group| group.rx().scan(0_u64, |count, _| count + 1));
    let calls = events().correlate(
        |event| event.details().map(|errored: &ToolErrored| errored.call_id.clone()),
        |event| event.details().map(|completed: &ToolCompleted| completed.call_id.clone()),
        moment,
    );
    vec![
        tokio::spawn(drain(events().window_count_or_time(100, moment))),
        tokio::spawn(drain(events().debounce(moment).merge(events().throttle_last(moment)))),
        tokio::spawn(drain(events().distinct_by_key(1_000, |event| event.id()).pairwise())),
        tokio::spawn(drain(calls)),
        tokio::spawn(drain(counted)),
        tokio::spawn(drain(shared.clone())),
        tokio::spawn(drain(shared)),
    ]
}

async fn drain<S: Stream>(stream: S) {
    let mut stream = std::pin::pin!(stream);
    while stream.next().await.is_some() {}
}

/// Reads what is there; notices of loss too.
fn read_all(stream: &mut EventStream) {
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(delivery)) = Pin::new(&mut *stream).poll_next(&mut cx) {
        std::hint::black_box(delivery.event().map(|event| event.seq()));
        if let Delivery::Lagged(lag) = delivery {
            assert!(lag.missed > 0, "a notice tells of a loss");
        }
    }
}
