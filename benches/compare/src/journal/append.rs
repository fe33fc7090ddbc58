//! Appending: without waiting, behind an emission, and to a long journal.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use agentbus::journal::{Durability, Journal};
use agentbus::{EventBus, Filter, ReactiveEventBus, Recorder, Redactor};

use super::long::Long;
use super::{BareLines, event, events, scratch, section};
use crate::bench::Bench;
use crate::measure::{Figure, compare};
use crate::report::Unit;

/// As many lines as the journal writes at once.
const BATCH: usize = 4_096;

/// As many lines as a journal that is called long has in a full run.
const MANY: usize = 10_000_000;

pub(super) fn fire_and_forget(bench: &Bench) {
    let events = events(bench.pick(50_000, 200_000));
    for durability in [Durability::Sync, Durability::Os] {
        let ours = || {
            let folder = scratch();
            let journal = Journal::builder(folder.path()).durability(durability).open().unwrap();
            bench.runtime.block_on(journal.append(event(0))).unwrap();
            let begun = Instant::now();
            for event in &events {
                journal.record(event);
                journal.relieve();
            }
            bench.runtime.block_on(journal.flush()).unwrap();
            events.len() as f64 / begun.elapsed().as_secs_f64()
        };
        let bare = || {
            let folder = scratch();
            let mut file =
                File::options().create(true).append(true).open(folder.path().join("bare")).unwrap();
            let begun = Instant::now();
            let mut lines = BareLines::new();
            for batch in events.chunks(BATCH) {
                lines.bytes.clear();
                batch.iter().for_each(|event| lines.push(event));
                file.write_all(&lines.bytes).unwrap();
                if durability == Durability::Sync {
                    file.sync_data().unwrap();
                }
            }
            events.len() as f64 / begun.elapsed().as_secs_f64()
        };
        let (ours, bare) = compare(bench.rounds() + 2, ours, bare);
        let section = section(&format!("fire and forget, {durability:?}"), Unit::PerSecond);
        let section = section.line("agentbus", ours).line("bare loop", bare);
        if durability == Durability::Sync {
            bench.report.add_with_ratio("journal_sync", section, 1);
        } else {
            bench.report.add(section);
        }
    }
}

/// What looking for secrets costs who records clean events.
pub(super) fn redacted(bench: &Bench) {
    let events = events(bench.pick(50_000, 200_000));
    let run = |redactor: Redactor| {
        let folder = scratch();
        let builder = Journal::builder(folder.path()).durability(Durability::Os);
        let journal = builder.redactor(redactor).open().unwrap();
        bench.runtime.block_on(journal.append(event(0))).unwrap();
        let begun = Instant::now();
        for event in &events {
            journal.record(event);
            journal.relieve();
        }
        bench.runtime.block_on(journal.flush()).unwrap();
        events.len() as f64 / begun.elapsed().as_secs_f64()
    };
    let (with, without) = compare(bench.rounds() + 2, || run(Redactor::new()), || run(Redactor::none()));
    let section = section("fire and forget, Os, with secrets looked for", Unit::PerSecond);
    bench.report.add(section.line("agentbus", with).line("agentbus, no redactor", without));
}

/// Emissions in bursts that fit into the queue, with and without a journal.
pub(super) fn added_to_emit(bench: &Bench) {
    const BURST: usize = 2_000;
    let bursts = bench.pick(20, 100);
    let folder = scratch();
    let journal = Journal::open(folder.path()).unwrap();
    let with = ReactiveEventBus::builder().journal(journal).build();
    let without = ReactiveEventBus::new();
    let _heard = without.stream(Filter::all());
    let _also = with.stream(Filter::all());
    let run = |bus: &ReactiveEventBus| {
        // The median burst: a sync of the disk that falls into one is not the emission's.
        let took = (0..bursts).map(|_| {
            let burst: Vec<_> = (0..BURST).map(event).collect();
            let begun = Instant::now();
            for event in burst {
                black_box(bus.emit(event));
            }
            let took = begun.elapsed();
            bench.runtime.block_on(bus.flush()).unwrap();
            took.as_nanos() as f64 / BURST as f64
        });
        Figure::of(took.collect()).median
    };
    let (with, without) = compare(bench.rounds() + 2, || run(&with), || run(&without));
    bench.report.key("journal_emit_ns", with.more_than(&without));
    bench.report.sides("journal_emit_ns", &with, &without);
    let section = section("emit to a bus with a journal", Unit::Nanos);
    bench.report.add(section.line("agentbus, with a journal", with).line("agentbus, without one", without));
}

/// What an append costs to a journal of many lines and to one of ten.
pub(super) fn does_not_grow(bench: &Bench, long: &Long) {
    const TEN: usize = 10;
    const APPENDS: usize = 2_000;
    long.grow(bench, bench.pick(long.lines(), MANY));
    let appends = |folder: &Path, before: usize| {
        let journal = Journal::builder(folder).durability(Durability::Os).open().unwrap();
        for number in 0..before {
            bench.runtime.block_on(journal.append(event(number))).unwrap();
        }
        let begun = Instant::now();
        for number in 0..APPENDS {
            bench.runtime.block_on(journal.append(event(number))).unwrap();
        }
        APPENDS as f64 / begun.elapsed().as_secs_f64()
    };
    let title = format!("append, each awaited, to {}", long.size());
    let (many, ten) = compare(bench.rounds(), || appends(long.path(), 0), || appends(scratch().path(), TEN));
    bench.report.ratio("journal_long", &many, &ten);
    let section = section(&title, Unit::PerSecond);
    bench
        .report
        .add(section.line("agentbus, the long journal", many).line("agentbus, one of ten lines", ten));
}
