//! What an emission costs its thread, and what it costs to take an event that is there.

use std::hint::black_box;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use agentbus::{Emitter, EventBus, EventBusExt, EventStream, EventType, Filter, ReactiveEventBus};
use tokio::sync::broadcast;
use tokio_stream::Stream;

use crate::bench::Bench;
use crate::measure::{Figure, compare, in_turns, nanos, nanos_after};
use crate::model::{self, CAPACITY, Source};
use crate::report::{Section, Unit};
use crate::rival::ours::BATCH;

const GROUP: &str = "emit";

pub(crate) fn run(bench: &Bench) {
    none(bench);
    unobserved(bench);
    one_stream(bench);
    ready_items(bench);
    allocations(bench);
}

fn none(bench: &Bench) {
    let times = bench.pick(4_000_000, 20_000_000);
    let (emitter, source) = (Emitter::none(), Source::of_a_new_plan());
    let nothing: Option<Arc<ReactiveEventBus>> = None;
    let (ours, theirs) = compare(
        bench.rounds() * 2 + 1,
        || nanos(times, || source.emit(black_box(&emitter))),
        || {
            nanos(times, || {
                if let Some(bus) = black_box(&nothing) {
                    black_box(bus);
                }
            })
        },
    );
    let section = Section::new(GROUP, "no bus", Unit::Nanos);
    let section = section.line("agentbus, Emitter::none", ours).line("empty branch", theirs);
    bench.report.add_with_ratio("none", section, 1);
}

fn unobserved(bench: &Bench) {
    let times = bench.pick(1_000_000, 10_000_000);
    let (bus, emitter) = model::bus();
    let _others = bus.stream(EventType::PlanCreated.into());
    let source = Source::of_a_new_plan();
    let mask = Arc::new(AtomicU64::new(0));
    let is_observed: Arc<dyn Fn() -> bool> = Arc::new(move || mask.load(Ordering::Relaxed) & 1 != 0);
    let (ours, theirs) = compare(
        bench.rounds() * 2 + 1,
        || nanos(times, || source.emit(black_box(&emitter))),
        || {
            nanos(times, || {
                if black_box(&is_observed)() {
                    black_box(source.event());
                }
            })
        },
    );
    let section = Section::new(GROUP, "nobody observes that kind", Unit::Nanos);
    let section = section.line("agentbus", ours).line("closure with an atomic load", theirs);
    bench.report.add_with_ratio("unobserved", section, 1);
}

/// Bursts of 64, read (and freed) between them: the emitter's side alone.
fn one_stream(bench: &Bench) {
    let bursts = bench.pick(1_000, 10_000);
    let source = Source::of_a_new_plan();
    let (bus, emitter) = model::bus();
    let mut stream = bus.stream(Filter::all());
    let clear = || (0..BATCH).for_each(|_| take(&mut stream));
    let emit = || (0..BATCH).for_each(|_| source.emit(&emitter));
    let ours = in_a_burst(bursts, emit, clear);

    let (sender, mut receiver) = broadcast::channel(CAPACITY);
    let clear = || (0..BATCH).for_each(|_| drop(receiver.try_recv().unwrap()));
    let send = || (0..BATCH).for_each(|_| assert!(sender.send(source.shared()).is_ok()));
    let (ours, theirs) = compare(bench.rounds(), ours, in_a_burst(bursts, send, clear));
    let section = Section::new(GROUP, "built and emitted to one subscriber", Unit::Nanos);
    let section = section.line("agentbus", ours).line("built, and sent by a bare broadcast", theirs);
    bench.report.add_with_ratio("emit_one", section, 1);
}

/// Measures what each of [`BATCH`] parts of a burst takes, where each burst is cleared away for the next.
fn in_a_burst(bursts: usize, mut burst: impl FnMut(), mut clear: impl FnMut()) -> impl FnMut() -> f64 {
    burst();
    move || nanos_after(bursts, &mut clear, &mut burst) / BATCH as f64
}

/// The keys are those of [`BATCH`] items that lie ready; with fewer or more the cost of an item is another.
fn ready_items(bench: &Bench) {
    for batch in [BATCH, 1, 1_000] {
        let freed = ready_items_of(bench, batch, Kept::Nowhere);
        let alive = ready_items_of(bench, batch, Kept::Elsewhere);
        if batch == BATCH {
            let keys = [
                ("stream_item", &freed, 0),
                ("stream_item_many", &freed, 1),
                ("stream_item_alive", &alive, 0),
            ];
            for (name, section, ours) in keys {
                bench.report.ratio(name, &section.lines[ours].figure, &section.lines[2].figure);
            }
        }
        bench.report.add(freed);
        bench.report.add(alive);
    }
}

/// Whether an event lives on when it is taken; if not, taking it frees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nowhere,
    Elsewhere,
}

impl Kept {
    fn title(self, batch: usize) -> String {
        let what = match self {
            Self::Nowhere => "and its event freed",
            Self::Elsewhere => "its event alive elsewhere",
        };
        let clock = if batch == 1 { ", with a reading of the clock" } else { "" };
        format!("a ready item taken, {what}, {batch} at a time{clock}")
    }
}

/// Fresh events, so many at a time, timed while they are taken out.
fn ready_items_of(bench: &Bench, batch: usize, kept: Kept) -> Section {
    let bursts = bench.pick(64_000, 640_000) / batch;
    let source = Source::of_a_new_plan();
    let per_item = |burst: f64| burst / batch as f64;
    let alive = Arc::new(Mutex::new(Vec::with_capacity(batch)));
    let ours = |drain: fn(&mut EventStream, usize)| {
        let (bus, emitter) = model::bus();
        let mut stream = bus.stream(Filter::all());
        let keeps = Arc::clone(&alive);
        let _keeper = (kept == Kept::Elsewhere)
            .then(|| bus.on(Filter::all(), move |event| keeps.lock().unwrap().push(Arc::clone(event))));
        let fill = || {
            alive.lock().unwrap().clear();
            (0..batch).for_each(|_| source.emit(&emitter));
        };
        per_item(nanos_after(bursts, fill, || drain(&mut stream, batch)))
    };
    let (sender, mut receiver) = broadcast::channel(CAPACITY);
    let fill = || {
        alive.lock().unwrap().clear();
        for _ in 0..batch {
            let event = source.shared();
            if kept == Kept::Elsewhere {
                alive.lock().unwrap().push(Arc::clone(&event));
            }
            assert!(sender.send(event).is_ok());
        }
    };
    let drain = || (0..batch).for_each(|_| drop(receiver.try_recv().unwrap()));
    let mut theirs = (fill, drain);
    let given = in_turns(
        bench.rounds(),
        &mut [
            Box::new(|| ours(|stream, batch| (0..batch).for_each(|_| take(stream)))),
            Box::new(|| ours(|stream, batch| assert_eq!(now(stream.next_many(batch)).len(), batch))),
            Box::new(move || per_item(nanos_after(bursts, &mut theirs.0, &mut theirs.1))),
        ],
    );
    let names = ["agentbus, next", "agentbus, next_many", "tokio broadcast, try_recv"];
    let section = Section::new(GROUP, &kept.title(batch), Unit::Nanos);
    names.iter().zip(given).fold(section, |section, (name, given)| section.line(name, Figure::of(given)))
}

fn allocations(bench: &Bench) {
    let program = std::env::current_exe().unwrap().with_file_name("allocations");
    let output = Command::new(&program).output().unwrap();
    let counted: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    bench.report.key("allocations_per_emit", counted);
}

/// Takes what is there.
pub(crate) fn take(stream: &mut EventStream) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(Pin::new(stream).poll_next(&mut cx), Poll::Ready(Some(_))), "it was emitted");
}

/// What a future that is ready comes to.
fn now<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("what is read is there"),
    }
}
