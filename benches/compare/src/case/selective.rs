//! Each consumer wants the events of its own plan alone.

use agentbus::{EventBus, Filter};

use super::Runs;
use super::emit::take;
use crate::bench::Bench;
use crate::load::{Load, Routing};
use crate::measure::{compare, nanos};
use crate::model::{self, Source};
use crate::plot::Plot;
use crate::report::{Section, Unit};
use crate::rival::broadcast::Broadcast;
use crate::rival::broadcast_filtered::BroadcastFiltered;
use crate::rival::mpsc_by_plan::MpscByPlan;
use crate::rival::ours::{Ours, OursInBatches};

const GROUP: &str = "selective";

pub(crate) fn run(bench: &Bench) {
    for subscribers in [1, 8, 64, 1_000] {
        throughput(bench, subscribers);
    }
    growth(bench);
}

/// Paced bursts in which every plan has its turn.
fn throughput(bench: &Bench, subscribers: usize) {
    let load = Load { routing: Routing::OwnPlans, ..Load::paced(bench, subscribers) };
    let runs = Runs::of(bench, load)
        .rival::<Ours>()
        .rival::<OursInBatches>()
        .rival::<Broadcast>()
        .rival::<BroadcastFiltered>()
        .rival::<MpscByPlan>();
    let mut section = runs.deliveries(GROUP, &format!("{subscribers} subscribers, each to its own plan"));
    section.point = Some((Plot::Selective, subscribers));
    if subscribers == 1_000 {
        bench.report.add_with_ratio("selective1000", section, 2);
    } else {
        bench.report.add(section);
    }
}

/// What an emission and its reading cost on one thread, with one stream and with a thousand.
fn growth(bench: &Bench) {
    let times = bench.pick(50_000, 500_000);
    let source = Source::of_a_new_plan();
    let emission = |streams: usize| {
        let (bus, emitter) = model::bus();
        let mut stream = bus.stream(Filter::all().plan(source.plan().clone()));
        let others: Vec<_> = Source::of_plans(streams - 1);
        let others: Vec<_> =
            others.iter().map(|other| bus.stream(Filter::all().plan(other.plan().clone()))).collect();
        let took = nanos(times, || {
            source.emit(&emitter);
            take(&mut stream);
        });
        drop(others);
        took
    };
    let (thousand, one) = compare(bench.rounds(), || emission(1_000), || emission(1));
    bench.report.key("selective_growth", thousand.ratio_to(&one));
    bench.report.sides("selective_growth", &thousand, &one);
    let section = Section::new(GROUP, "an emission to one plan, read at once", Unit::Nanos);
    let section = section.line("agentbus, 1,000 streams on plans of their own", thousand);
    let section = section.line("agentbus, that stream alone", one);
    bench.report.add(section);
}
