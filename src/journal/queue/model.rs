//! Models of the queue: shuttle runs each under thousands of schedules. A writer whose wake-up was lost is found as a
//! deadlock.

use std::time::{Duration, Instant};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::Arc;
use shuttle::{Config, Runner, thread};

use super::{Queue, Weighs};

/// How many preemptions the second half of the schedules has.
const PREEMPTIONS: usize = 3;

#[derive(Debug, PartialEq)]
enum Thing {
    From(usize, usize),
    Gap(u64),
}

impl Weighs for Thing {
    fn weight(&self) -> usize {
        1
    }
    fn gap(events: u64) -> Self {
        Self::Gap(events)
    }
    fn gap_mut(&mut self) -> Option<&mut u64> {
        match self {
            Self::Gap(events) => Some(events),
            Self::From(..) => None,
        }
    }
}

fn explore(model: fn()) {
    let mut config = Config::new();
    config.max_time = Some(Duration::from_secs(4));
    Runner::new(RandomScheduler::new(2_000), config.clone()).run(model);
    Runner::new(PctScheduler::new(PREEMPTIONS, 2_000), config).run(model);
}

/// Takes until it is told to stop and nothing is left; what came, with the ticket that each batch reached.
fn write(queue: &Queue<Thing>) -> (Vec<Thing>, u64) {
    let (mut taken, mut through) = (Vec::new(), 0);
    loop {
        let asked = queue.wait(u64::MAX, None);
        let before = taken.len();
        let mut batch = Vec::new();
        through = queue.take(&mut batch).max(through);
        taken.extend(batch);
        if asked.stop_at.is_some() && taken.len() == before {
            return (taken, through);
        }
    }
}

fn emitters(queue: &Arc<Queue<Thing>>, emitters: usize, each: usize) -> Vec<thread::JoinHandle<()>> {
    let emit = |emitter| {
        let queue = Arc::clone(queue);
        thread::spawn(move || (0..each).for_each(|number| queue.push(Thing::From(emitter, number))))
    };
    (0..emitters).map(emit).collect()
}

#[test]
fn what_is_pushed_is_taken_once_and_in_the_order_of_each_thread() {
    explore(|| {
        let queue = Arc::new(Queue::new(100));
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || write(&queue))
        };
        emitters(&queue, 2, 2).into_iter().for_each(|emitter| emitter.join().unwrap());
        queue.stop(Instant::now());
        let (taken, through) = writer.join().unwrap();
        for emitter in 0..2 {
            let of_it: Vec<_> =
                taken.iter().filter(|thing| matches!(thing, Thing::From(by, _) if *by == emitter)).collect();
            assert_eq!(of_it, [&Thing::From(emitter, 0), &Thing::From(emitter, 1)]);
        }
        assert_eq!((taken.len(), through), (4, 4));
    });
}

#[test]
fn what_does_not_fit_while_failing_is_counted_in_its_place() {
    explore(|| {
        let queue = Arc::new(Queue::new(1));
        queue.set_failing(true, |_| false);
        let emitters = emitters(&queue, 2, 2);
        let mut early = Vec::new();
        queue.take(&mut early);
        queue.set_failing(false, |_| false);
        emitters.into_iter().for_each(|emitter| emitter.join().unwrap());
        let mut late = Vec::new();
        let through = queue.take(&mut late);
        let all = early.iter().chain(&late);
        let told: u64 = all.map(|thing| if let Thing::Gap(events) = thing { *events } else { 1 }).sum();
        let (last, _) = queue.tickets();
        assert_eq!((told, through, last), (4, 4, 4));
    });
}

#[test]
fn a_sleeping_writer_hears_that_a_sync_is_wanted() {
    explore(|| {
        let queue = Arc::new(Queue::<Thing>::new(100));
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || while queue.wait(0, None).sync_through < 7 {})
        };
        queue.ask_sync(7);
        writer.join().unwrap();
    });
}
