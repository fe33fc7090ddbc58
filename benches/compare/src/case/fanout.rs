//! Everything to every consumer, paced: deliveries a second, async against async.

use super::{ALLOCATOR, Runs};
use crate::bench::Bench;
use crate::load::{Events, Load};
use crate::plot::Plot;
use crate::report::Section;
use crate::rival::async_broadcast::AsyncBroadcast;
use crate::rival::broadcast::Broadcast;
use crate::rival::broadcast_filtered::BroadcastFiltered;
use crate::rival::kameo::Kameo;
use crate::rival::ours::{Ours, OursInBatches};

const GROUP: &str = "fanout";

/// Numbers of subscribers.
pub(crate) const SIZES: [usize; 3] = [1, 8, 64];

pub(crate) fn run(bench: &Bench) {
    for subscribers in SIZES {
        for publishers in [1, 2] {
            for events in [Events::Fresh, Events::Prebuilt] {
                if bench.quick && is_for_full_runs(publishers, events) {
                    continue;
                }
                let load = Load { publishers, events, ..Load::paced(bench, subscribers) };
                let mut section = measure(bench, load);
                if publishers == 1 && events == Events::Fresh && ALLOCATOR == "glibc" {
                    section.point = Some((Plot::Full, subscribers));
                    keys(bench, subscribers, &section);
                }
                bench.report.add(section);
            }
        }
    }
}

/// Prebuilt events show least: a quick run has them from one publisher, with the default allocator.
fn is_for_full_runs(publishers: usize, events: Events) -> bool {
    events == Events::Prebuilt && (publishers > 1 || ALLOCATOR != "glibc")
}

fn measure(bench: &Bench, load: Load) -> Section {
    let Load { subscribers, publishers, events, .. } = load;
    let events =
        if events == Events::Fresh { "fresh events" } else { "a prebuilt event (a copy of it for ours)" };
    let title = format!("{subscribers} subscribers, {publishers} publishers, {events}");
    let runs = Runs::of(bench, load).rival::<Ours>().rival::<OursInBatches>().rival::<Broadcast>();
    // What varies between allocators, publishers and prebuilt events, the two at the top show.
    let all = load.publishers == 1 && load.events == Events::Fresh && ALLOCATOR == "glibc";
    let runs = if all || !bench.quick { the_rest(runs) } else { runs };
    runs.deliveries(GROUP, &title)
}

fn the_rest(runs: Runs<'_>) -> Runs<'_> {
    runs.rival::<BroadcastFiltered>().rival::<AsyncBroadcast>().rival::<Kameo>()
}

fn keys(bench: &Bench, subscribers: usize, section: &Section) {
    if subscribers == 1 {
        return;
    }
    let [next, many, tokio] = [0, 1, 2].map(|place| &section.lines[place].figure);
    bench.report.ratio(&format!("fanout{subscribers}"), next, tokio);
    bench.report.ratio(&format!("fanout{subscribers}_many"), many, tokio);
}
