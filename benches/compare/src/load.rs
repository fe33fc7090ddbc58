//! [`Load`]: what publishers do in a run, the same for every rival.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use agentbus::DomainEvent;

use crate::bench::Bench;
use crate::model::Source;
use crate::rival::{Account, Publish, Rival, Wiring};
use crate::tally::Tally;

/// As many as are published before the publishers wait until every consumer has had them.
const BURST: usize = 1_024;

/// What publishers do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    pub(crate) publishers: usize,
    pub(crate) events: Events,
    pub(crate) pacing: Pacing,
    pub(crate) routing: Routing,
    pub(crate) emissions: usize,
}

/// When the events are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    /// Each for its publishing.
    Fresh,
    /// One, before the run.
    Prebuilt,
}

/// Whether publishers wait for consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pacing {
    /// After each burst, until every consumer has had it.
    Bursts,
    /// Never.
    Flood,
}

/// Who wants what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// Everybody everything.
    All,
    /// Each consumer the events of its own plan; the plans take turns.
    OwnPlans,
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Until every consumer was done.
    pub(crate) seconds: f64,
    /// Deliveries that were due.
    pub(crate) due: u64,
    pub(crate) had: u64,
}

impl Outcome {
    pub(crate) fn deliveries_per_second(&self) -> f64 {
        self.had as f64 / self.seconds
    }

    /// The share of deliveries that came to pass.
    pub(crate) fn delivered(&self) -> f64 {
        self.had as f64 / self.due as f64
    }
}

impl Load {
    /// Fresh events from one publisher, paced, to consumers that want everything.
    pub(crate) fn paced(subscribers: usize, emissions: usize) -> Self {
        Self {
            subscribers,
            publishers: 1,
            events: Events::Fresh,
            pacing: Pacing::Bursts,
            routing: Routing::All,
            emissions,
        }
    }

    /// How many of its emissions each consumer is to get.
    fn per_consumer(&self, emissions: usize) -> u64 {
        match self.routing {
            Routing::All => emissions as u64,
            Routing::OwnPlans => (emissions / self.subscribers) as u64,
        }
    }

    /// As many as all publishers publish in a burst: each the same, each plan as often as the others.
    fn burst(&self) -> usize {
        let step = match self.routing {
            Routing::All => self.publishers,
            Routing::OwnPlans => self.publishers * self.subscribers,
        };
        (BURST / step).max(1) * step
    }
}

/// Runs the load once on a rival.
pub(crate) fn run<R: Rival>(bench: &Bench, load: &Load) -> Outcome {
    let sources = match load.routing {
        Routing::All => Source::of_plans(1),
        Routing::OwnPlans => Source::of_plans(load.subscribers),
    };
    let tally = Tally::new(load.subscribers);
    let runtime = bench.runtime.handle();
    let own_plans = (load.routing == Routing::OwnPlans).then_some(&*sources);
    let wiring = Wiring { runtime, seats: tally.seats(), publishers: load.publishers, own_plans };
    let mut rival = R::open(wiring);
    let burst = load.burst();
    let bursts = load.emissions.div_ceil(burst);
    let shift =
        Shift { load, tally: &tally, sources: &sources, burst, bursts, start: Barrier::new(load.publishers) };
    let publishers = rival.publishers(load.publishers);
    let begun = Instant::now();
    let took = std::thread::scope(|scope| {
        let threads: Vec<_> = publishers
            .into_iter()
            .enumerate()
            .map(|(place, publisher)| {
                scope.spawn({
                    let shift = &shift;
                    move || shift.work(publisher, place == 0)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    let account = rival.close(runtime);
    let seconds = if load.pacing == Pacing::Flood { begun.elapsed() } else { took }.as_secs_f64();
    let due = load.per_consumer(burst * bursts) * load.subscribers as u64;
    let outcome = Outcome { seconds, due, had: tally.had() };
    if let Account::Kept { delivered, missed, unexplained } = account {
        let untold = due.abs_diff(tally.had() + tally.missed());
        bench.unaccounted(
            untold + unexplained + tally.had().abs_diff(delivered) + tally.missed().abs_diff(missed),
        );
    }
    outcome
}

/// What the publishers of a run share.
struct Shift<'a> {
    load: &'a Load,
    tally: &'a Tally,
    sources: &'a [Source],
    burst: usize,
    bursts: usize,
    start: Barrier,
}

impl Shift<'_> {
    /// Publishes one publisher's part; returns how long it took.
    fn work(&self, mut publisher: impl Publish, leads: bool) -> Duration {
        let built: Vec<Arc<DomainEvent>> = self.sources.iter().map(Source::shared).collect();
        let part = self.burst / self.load.publishers;
        self.start.wait();
        let begun = Instant::now();
        for burst in 1..=self.bursts as u64 {
            if self.load.pacing == Pacing::Bursts {
                if leads {
                    self.tally.aim(burst * self.load.per_consumer(self.burst));
                }
                self.start.wait();
            }
            for (source, built) in self.sources.iter().zip(&built).cycle().take(part) {
                match self.load.events {
                    Events::Fresh => publisher.fresh(source),
                    Events::Prebuilt => publisher.prebuilt(built),
                }
            }
            if self.load.pacing == Pacing::Bursts {
                self.tally.wait(burst);
            }
        }
        begun.elapsed()
    }
}
