//! Handlers on the publisher's thread.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbus::{DomainEvent, Emitter, EventBusExt, Filter, ReactiveEventBus};

use crate::bench::Bench;
use crate::measure::{Figure, Side, in_turns, nanos};
use crate::model::{self, Source};
use crate::report::{Section, Unit};
use crate::rival::Account;
use crate::rival::closures::Closures;
use crate::rival::ours;
use crate::rival::python::Python;
use crate::rival::rxrust::RxRust;

const GROUP: &str = "inline";

pub(crate) fn run(bench: &Bench) {
    for handlers in [1, 8] {
        emissions(bench, handlers);
    }
    python(bench);
}

/// What a handler does, on every side: it counts.
pub(crate) fn counting(count: &Arc<AtomicU64>) -> impl Fn(&Arc<DomainEvent>) + Send + Sync + use<> {
    let count = Arc::clone(count);
    move |event| {
        black_box(event);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn closures(handlers: usize, count: &Arc<AtomicU64>) -> Closures {
    Closures::new((0..handlers).map(|_| Box::new(counting(count)) as Box<_>).collect())
}

/// A bus with handlers that count, and what emits to it.
fn bus(handlers: usize, count: &Arc<AtomicU64>) -> (ReactiveEventBus, Emitter) {
    let (bus, emitter) = model::bus();
    for _ in 0..handlers {
        bus.on(Filter::all(), counting(count)).detach();
    }
    (bus, emitter)
}

/// Fresh events, each to all handlers.
fn emissions(bench: &Bench, handlers: usize) {
    let times: u32 = bench.pick(50_000, 500_000);
    let source = Source::of_a_new_plan();
    let (count, others) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (bus, emitter) = bus(handlers, &count);
    let plain = closures(handlers, &others);
    let caught = closures(handlers, &others);
    let mut subject = RxRust::new(handlers, || counting(&others));
    let mut sides: Vec<(&str, Side<'_, f64>)> = vec![
        ("agentbus, on", Box::new(|| nanos(times, || source.emit(&emitter)))),
        ("closures behind an ArcSwap", Box::new(|| nanos(times, || plain.publish(&source.shared())))),
        (
            "the same under catch_unwind",
            Box::new(|| nanos(times, || caught.publish_caught(&source.shared()))),
        ),
        ("rxrust, SharedSubject", Box::new(|| nanos(times, || subject.publish(source.shared())))),
    ];
    let (names, mut sides): (Vec<_>, Vec<_>) = sides.drain(..).unzip();
    let given = in_turns(bench.rounds(), &mut sides);
    drop(sides);
    let title = format!("{handlers} sync handlers, fresh events");
    let section = names
        .into_iter()
        .zip(given)
        .fold(Section::new(GROUP, &title, Unit::Nanos), |section, (name, given)| {
            section.line(name, Figure::of(given))
        });
    check(bench, &bus, count.load(Ordering::Relaxed), u64::from(times) * handlers as u64);
    if handlers == 8 {
        let [ours, plain, caught] = [0, 1, 2].map(|place| &section.lines[place].figure);
        bench.report.ratio("inline8", ours, plain);
        bench.report.ratio("inline8_caught", ours, caught);
    }
    bench.report.add(section);
}

/// Ours, and bare closures, beside reactivex, in calls of handlers a second.
fn python(bench: &Bench) {
    const HANDLERS: usize = 8;
    const EMISSIONS: usize = 10_000;
    let Some(program) = &bench.python else { return };
    let mut reactivex = Python::start(program, "reactivex_rival.py", HANDLERS);
    let source = Source::of_a_new_plan();
    let (_bus, emitter) = bus(HANDLERS, &Arc::new(AtomicU64::new(0)));
    let plain = closures(HANDLERS, &Arc::new(AtomicU64::new(0)));
    let times: u32 = bench.pick(50_000, 500_000);
    let given = in_turns(
        bench.rounds(),
        &mut [
            Box::new(|| HANDLERS as f64 * 1e9 / nanos(times, || source.emit(&emitter))),
            Box::new(|| (HANDLERS * EMISSIONS) as f64 / reactivex.round(EMISSIONS)),
            Box::new(|| HANDLERS as f64 * 1e9 / nanos(times, || plain.publish(&source.shared()))),
        ],
    );
    let names = ["agentbus, on", "Python reactivex, Subject", "closures behind an ArcSwap"];
    let section = Section::new(GROUP, "8 sync handlers, beside Python", Unit::PerSecond);
    let section =
        names.iter().zip(given).fold(section, |section, (name, given)| section.line(name, Figure::of(given)));
    bench.report.add_with_ratio("reactivex", section, 1);
}

/// Every handler was called for every emission, and the books of the bus say so.
fn check(bench: &Bench, bus: &ReactiveEventBus, called: u64, a_round: u64) {
    let due = a_round * (bench.rounds() as u64 + 1);
    if let Account::Kept { delivered, missed, unexplained } = ours::books(bus) {
        bench.unaccounted(due.abs_diff(called) + called.abs_diff(delivered) + missed + unexplained);
    }
}
