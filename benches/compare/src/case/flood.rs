//! Publishers that never wait: what is delivered, and what is lost.

use super::{ALLOCATOR, Runs};
use crate::bench::Bench;
use crate::load::{Load, Pacing};
use crate::plot::Plot;
use crate::rival::async_broadcast::AsyncBroadcast;
use crate::rival::broadcast::Broadcast;
use crate::rival::kameo::Kameo;
use crate::rival::ours::{Ours, OursInBatches};

const GROUP: &str = "flood";

pub(crate) fn run(bench: &Bench) {
    for subscribers in [1, 8, 64] {
        for publishers in [1, 2] {
            flood(bench, subscribers, publishers);
        }
    }
}

fn flood(bench: &Bench, subscribers: usize, publishers: usize) {
    let load = Load { publishers, pacing: Pacing::Flood, ..Load::paced(bench, subscribers) };
    let runs = Runs::of(bench, load).rival::<Ours>().rival::<OursInBatches>().rival::<Broadcast>();
    let runs = if publishers == 1 && ALLOCATOR == "glibc" || !bench.quick {
        runs.rival::<AsyncBroadcast>().rival::<Kameo>()
    } else {
        runs
    };
    let title = format!("{subscribers} subscribers, {publishers} publishers, fresh events");
    let mut section = runs.deliveries(GROUP, &title);
    if publishers == 1 && ALLOCATOR == "glibc" {
        section.point = Some((Plot::Loss, subscribers));
    }
    if (subscribers, publishers) == (8, 1) {
        for (key, line) in
            ["flood8_delivered", "flood8_delivered_many", "flood8_delivered_tokio"].iter().zip(&section.lines)
        {
            bench.report.key(key, line.delivered.unwrap());
        }
    }
    bench.report.add(section);
}
