//! Async handlers that a bus calls itself: deliveries a second, paced.

use super::Runs;
use crate::bench::Bench;
use crate::load::Load;
use crate::measure::{Figure, in_turns};
use crate::report::{Line, Section, Unit};
use crate::rival::Rival;
use crate::rival::abxbus::AbxBus;
use crate::rival::ours_spawned::OursSpawned;
use crate::rival::python::Python;

const GROUP: &str = "handlers";
const HANDLERS: usize = 8;

/// abxbus takes more than a tenth of a second for these.
const BURST: usize = 128;

pub(crate) fn run(bench: &Bench) {
    for publishers in [1, 2] {
        beside_abxbus(bench, publishers);
    }
    python(bench);
}

fn beside_abxbus(bench: &Bench, publishers: usize) {
    let load = Load { publishers, burst: BURST, ..Load::paced(bench, HANDLERS) };
    let runs = Runs::of(bench, load).rival::<OursSpawned>().rival::<AbxBus>();
    let title = format!("8 async handlers, {publishers} publishers, fresh events");
    let section = runs.deliveries(GROUP, &title);
    if publishers == 1 {
        bench.report.add_with_ratio("abxbus", section, 1);
    } else {
        bench.report.add(section);
    }
}

/// Ours beside bubus, whose rounds are short: it takes milliseconds for an event.
fn python(bench: &Bench) {
    const EMISSIONS: usize = 48;
    let Some(program) = &bench.python else { return };
    let mut bubus = Python::start(program, "bubus_rival.py", HANDLERS);
    let load = Load { burst: BURST, ..Load::paced(bench, HANDLERS) };
    let rate = |emissions: usize, seconds: f64| (emissions * HANDLERS) as f64 / seconds;
    let given = in_turns(
        bench.rounds(),
        &mut [
            Box::new(|| crate::load::run::<OursSpawned>(bench, &load).deliveries_per_second()),
            Box::new(|| rate(EMISSIONS, bubus.round(EMISSIONS))),
        ],
    );
    let mut section = Section::new(GROUP, "8 async handlers, beside Python", Unit::PerSecond);
    for (name, given) in [OursSpawned::NAME, "Python bubus"].iter().zip(given) {
        section.lines.push(Line { delivered: Some(1.0), ..Line::new(name, Figure::of(given)) });
    }
    bench.report.add_with_ratio("bubus", section, 1);
}
