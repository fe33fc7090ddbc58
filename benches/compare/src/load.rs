//! [`Load`]: what publishers do in a run, the same for every rival.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use agentbus::DomainEvent;

use crate::bench::Bench;
use crate::model::Source;
use crate::rival::{Account, Publish, Rival, Wiring};
use crate::tally::Tally;

/// As many as are published before the publishers wait until every consumer has had them, if not said otherwise.
const BURST: usize = 1_024;

/// What publishers do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    pub(crate) publishers: usize,
    pub(crate) events: Events,
    pub(crate) pacing: Pacing,
    pub(crate) routing: Routing,
    /// How many are published, at most, before the publishers wait.
    pub(crate) burst: usize,
    /// How long publishers go on; a burst that was begun is ended.
    pub(crate) time: Duration,
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
    pub(crate) fn paced(bench: &Bench, subscribers: usize) -> Self {
        Self {
            subscribers,
            publishers: 1,
            events: Events::Fresh,
            pacing: Pacing::Bursts,
            routing: Routing::All,
            burst: BURST,
            time: Duration::from_millis(bench.pick(50, 400)),
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
    fn whole_burst(&self) -> usize {
        let step = match self.routing {
            Routing::All => self.publishers,
            Routing::OwnPlans => self.publishers * self.subscribers,
        };
        (self.burst / step).max(1) * step
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
    let start = Barrier::new(load.publishers);
    let shift = Shift { load, tally: &tally, sources: &sources, start, over: AtomicBool::new(false) };
    let publishers = rival.publishers(load.publishers);
    let begun = Instant::now();
    let work: Vec<Work> = std::thread::scope(|scope| {
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
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let account = rival.close(runtime);
    let took = work.iter().map(|work| work.took).max().unwrap();
    let seconds = if load.pacing == Pacing::Flood { begun.elapsed() } else { took }.as_secs_f64();
    let published = work.iter().map(|work| work.published).sum();
    let due = load.per_consumer(published) * load.subscribers as u64;
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
    start: Barrier,
    /// Whether the leader has found the time over.
    over: AtomicBool,
}

/// What one publisher did.
struct Work {
    published: usize,
    took: Duration,
}

impl Shift<'_> {
    /// Publishes one publisher's part of each burst, until the time is over.
    fn work(&self, mut publisher: impl Publish, leads: bool) -> Work {
        let built: Vec<Arc<DomainEvent>> = self.sources.iter().map(Source::shared).collect();
        let part = self.load.whole_burst() / self.load.publishers;
        self.start.wait();
        let begun = Instant::now();
        let mut bursts = 0;
        while self.goes_on(bursts, begun, leads) {
            bursts += 1;
            for (source, built) in self.sources.iter().zip(&built).cycle().take(part) {
                match self.load.events {
                    Events::Fresh => publisher.fresh(source),
                    Events::Prebuilt => publisher.prebuilt(built),
                }
            }
            if self.load.pacing == Pacing::Bursts {
                self.tally.wait(bursts as u64);
            }
        }
        Work { published: bursts * part, took: begun.elapsed() }
    }

    /// Whether another burst is to be published after so many. Of those who wait for consumers the leader decides, and
    /// says what is to be had next.
    fn goes_on(&self, bursts: usize, begun: Instant, leads: bool) -> bool {
        let is_over = bursts > 0 && begun.elapsed() >= self.load.time;
        if self.load.pacing == Pacing::Flood {
            return !is_over;
        }
        if leads {
            self.over.store(is_over, Ordering::Relaxed);
            self.tally.aim(self.load.per_consumer((bursts + 1) * self.load.whole_burst()));
        }
        // What the leader wrote before it, the others read behind it.
        self.start.wait();
        !self.over.load(Ordering::Relaxed)
    }
}
