//! How long after the call of `append` a follower at the tail has the event.

use std::path::Path;
use std::time::Instant;

use agentbus::Filter;
use agentbus::journal::{Durability, Entry, Journal, JournalReader, ReadFrom};
use tokio_stream::StreamExt;

use super::{event, scratch, section};
use crate::bench::Bench;
use crate::measure::{Figure, in_turns};
use crate::report::Unit;

const EVENTS: usize = 2_000;

pub(super) fn run(bench: &Bench) {
    let given = in_turns(
        bench.pick(3, 9),
        &mut [
            Box::new(|| latencies(bench, |journal, _| journal.reader().clone())),
            Box::new(|| latencies(bench, |_, folder| JournalReader::open(folder).unwrap())),
        ],
    );
    let mut section = section("a follower has an event after the call of append", Unit::Micros);
    for (name, given) in ["agentbus, in the process", "agentbus, by the files"].iter().zip(&given) {
        for share in [50, 99] {
            let at = |latencies: &Vec<f64>| latencies[latencies.len() * share / 100];
            section = section.line(&format!("{name}, p{share}"), Figure::of(given.iter().map(at).collect()));
        }
    }
    bench.report.key("follow_p99_us", section.lines[1].figure.median);
    bench.report.add(section);
}

/// In microseconds, sorted.
fn latencies(bench: &Bench, reader: impl Fn(&Journal, &Path) -> JournalReader) -> Vec<f64> {
    let folder = scratch();
    let journal = Journal::builder(folder.path()).durability(Durability::Os).open().unwrap();
    let reader = reader(&journal, folder.path());
    let mut took = bench.runtime.block_on(async {
        let mut follow = reader.follow(ReadFrom::End, Filter::all()).unwrap();
        let mut took = Vec::with_capacity(EVENTS);
        for number in 0..EVENTS {
            let begun = Instant::now();
            let append = journal.append(event(number));
            let (appended, followed) = tokio::join!(append, follow.next());
            took.push(begun.elapsed().as_secs_f64() * 1e6);
            appended.unwrap();
            assert!(matches!(followed, Some(Ok(Entry::Event(_)))));
        }
        took
    });
    took.sort_by(f64::total_cmp);
    took
}
