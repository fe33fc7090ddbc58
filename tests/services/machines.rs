//! The services asked by many tasks at once, against the models that they follow one by one.
//!
//! What was accepted is put in the order in which the events tell of it, and done again by a model, step by step:
//! each must be legal there, and tell exactly those events. What was refused must be refused by a state that stood
//! while it was asked. And the order is that of time: what had ended before something else was begun stands before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Barrier;

mod decision;
mod invariant;
mod plan;
mod session;
mod validation;

/// Counts what happens, for all tasks.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Something that was asked, what came of it, and when.
#[derive(Debug)]
struct Asked<O, R> {
    op: O,
    began: u64,
    ended: u64,
    result: R,
}

impl Clock {
    async fn time<O, R>(&self, op: O, ask: impl Future<Output = R>) -> Asked<O, R> {
        let began = self.tick();
        let result = ask.await;
        Asked { op, began, ended: self.tick(), result }
    }
}

/// Runs all tasks at once, on several threads, and returns what they return.
fn at_once<F>(tasks: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = tasks.into_iter().collect();
    let start = Arc::new(Barrier::new(tasks.len()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let begin = |task: F| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        };
        let tasks: Vec<_> = tasks.into_iter().map(begin).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    })
}

/// In this order nothing stands behind what began after it had ended.
#[track_caller]
fn assert_in_time<'a, O: 'a, R: 'a>(order: impl IntoIterator<Item = &'a Asked<O, R>>) {
    let mut latest = 0;
    for asked in order {
        assert!(asked.ended > latest, "something that began later stands before it");
        latest = latest.max(asked.began);
    }
}
