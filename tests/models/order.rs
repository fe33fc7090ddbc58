//! The order section: one order for everybody, whoever emits.

use agentbus::testing::MemoryRecorder;
use agentbus::{EventBus, EventBusExt, Filter, ReactiveEventBus};
use shuttle::thread;

use crate::{chatter, critical, explore, join_all, read_to_end, seq_of};

const EMITTERS: usize = 3;
/// What each of them emits: chatter and something critical.
const EACH: usize = 2;

#[test]
fn streams_and_the_recorder_see_one_order_and_lose_nothing() {
    explore(2_000, || {
        let recorder = MemoryRecorder::new();
        let bus = ReactiveEventBus::builder().journal(recorder.clone()).build();
        let (all, of_plan) = (bus.stream(Filter::all()), bus.watch("plan=p").unwrap());
        let all = thread::spawn(move || read_to_end(all));
        let of_plan = thread::spawn(move || read_to_end(of_plan));
        let emitters: Vec<_> = (0..EMITTERS)
            .map(|emitter| {
                let bus = bus.clone();
                thread::spawn(move || {
                    let plan = if emitter == 0 { "other" } else { "p" };
                    bus.emit(chatter().with_plan_id(plan));
                    bus.emit(critical().with_plan_id(plan));
                })
            })
            .collect();
        drop(bus);
        join_all(emitters);

        let told = recorder.events();
        let seqs: Vec<_> = told.iter().map(|event| seq_of(event)).collect();
        assert_eq!(seqs, (1..=(EMITTERS * EACH) as u64).collect::<Vec<_>>());
        assert_eq!(all.join().unwrap(), seqs);
        let planned = told.iter().filter(|event| event.plan_id().is_some_and(|plan| *plan == "p"));
        assert_eq!(of_plan.join().unwrap(), planned.map(|event| seq_of(event)).collect::<Vec<_>>());
    });
}
