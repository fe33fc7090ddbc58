//! Everything to every consumer, each a thread: deliveries a second, paced.

use super::Runs;
use crate::bench::Bench;
use crate::load::Load;
use crate::rival::disruptor::Disruptor;
use crate::rival::ours_threaded::OursThreaded;

const GROUP: &str = "threads";

pub(crate) fn run(bench: &Bench) {
    for subscribers in [1, 8] {
        for publishers in [1, 2] {
            let load = Load { publishers, ..Load::paced(bench, subscribers) };
            let runs = Runs::of(bench, load).rival::<OursThreaded>().rival::<Disruptor>();
            let title = format!("{subscribers} threads, {publishers} publishers, fresh events");
            bench.report.add(runs.deliveries(GROUP, &title));
        }
    }
}
