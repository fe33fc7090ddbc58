//! What is true at the moment of a poll.

use std::sync::Arc;

use agentbus::journal::{Signal, SignalProvider};

use super::*;

#[derive(Debug)]
struct Stalled(Timestamp);

impl SignalProvider for Stalled {
    fn name(&self) -> &'static str {
        "stalled_plans"
    }
    fn signals(&self, now: Timestamp) -> Vec<Signal> {
        let is_stalled = now.since(self.0) >= Duration::from_mins(1);
        let signal = Signal::new(self.name(), "plan-7", "nothing happened for a minute", self.0);
        is_stalled.then(|| signal.with_plan_id("plan-7")).into_iter().collect()
    }
}

#[derive(Debug)]
struct Panics;

impl SignalProvider for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }
    fn signals(&self, _now: Timestamp) -> Vec<Signal> {
        std::panic::resume_unwind(Box::new("by design"))
    }
}

#[test]
fn a_signal_is_there_as_long_as_it_is_true_and_is_never_acknowledged() {
    let clock = clock();
    let directory = journal_of(1);
    let options = ConsumerOptions::new().signals(Arc::new(Stalled(Timestamp::now())));
    let mut consumer = open_with(directory.path(), options);
    assert_eq!(consumer.poll(10).unwrap().signals, []);
    clock.advance(Duration::from_mins(1));
    for _ in 0..2 {
        let signals = consumer.poll(10).unwrap().signals;
        let [signal] = &signals[..] else { panic!("one signal, not {signals:?}") };
        assert_eq!((&*signal.provider, &*signal.key), ("stalled_plans", "plan-7"));
        assert_eq!(signal.plan_id.as_ref().unwrap(), &"plan-7");
        consumer.ack(at(1)).unwrap();
    }
}

#[test]
fn a_provider_that_panics_keeps_no_other_from_being_heard() {
    let clock = clock();
    let directory = journal_of(1);
    let stalled = || Arc::new(Stalled(Timestamp::now()));
    let options = ConsumerOptions::new().signals(stalled()).signals(Arc::new(Panics)).signals(stalled());
    let mut consumer = open_with(directory.path(), options);
    clock.advance(Duration::from_mins(1));
    let polled = consumer.poll(10).unwrap();
    assert_eq!((polled.signals.len(), positions(&polled)), (2, vec![1]));
}
