//! Tasks that each wait until their event is durable, beside the least group commit: a queue, a thread, a sync.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use agentbus::DomainEvent;
use agentbus::journal::{Durability, Journal};
use tokio::sync::oneshot;

use super::{BareLines, event, scratch, section};
use crate::bench::Bench;
use crate::measure::compare;
use crate::report::Unit;

const TASKS: usize = 64;
const EACH: usize = 200;

pub(super) fn run(bench: &Bench) {
    let runtime = &bench.runtime;
    for durability in [Durability::Sync, Durability::Os] {
        let ours = || {
            let folder = scratch();
            let journal = Journal::builder(folder.path()).durability(durability).open().unwrap();
            let append = move |event| {
                let journal = journal.clone();
                async move {
                    journal.append(event).await.unwrap();
                }
            };
            runtime.block_on(tasks(append))
        };
        let bare = || {
            let folder = scratch();
            let group = Arc::new(Group::default());
            let file = File::options().create(true).append(true).open(folder.path().join("bare")).unwrap();
            let writer = {
                let group = Arc::clone(&group);
                std::thread::spawn(move || group.write(file, durability == Durability::Sync))
            };
            let appending = Arc::clone(&group);
            let append = move |event| {
                let done = appending.push(event);
                async move { done.await.unwrap() }
            };
            let rate = runtime.block_on(tasks(append));
            group.stop();
            writer.join().unwrap();
            rate
        };
        let (ours, bare) = compare(bench.rounds(), ours, bare);
        let section =
            section(&format!("{TASKS} tasks each await an answer, {durability:?}"), Unit::PerSecond);
        bench.report.add(section.line("agentbus", ours).line("the least group commit", bare));
    }
}

/// Appends a second, of all tasks together.
async fn tasks<F: Future<Output = ()> + Send + 'static>(
    append: impl Fn(DomainEvent) -> F + Clone + Send + 'static,
) -> f64 {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let append = append.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    append(event(task * EACH + number)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (TASKS * EACH) as f64 / begun.elapsed().as_secs_f64()
}

#[derive(Default)]
struct Group {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<(DomainEvent, oneshot::Sender<()>)>,
    stopped: bool,
}

impl Group {
    fn push(&self, event: DomainEvent) -> oneshot::Receiver<()> {
        let (done, waits) = oneshot::channel();
        self.state.lock().unwrap().waiting.push((event, done));
        self.arrived.notify_one();
        waits
    }

    fn stop(&self) {
        self.state.lock().unwrap().stopped = true;
        self.arrived.notify_one();
    }

    fn write(&self, mut file: File, syncs: bool) {
        let mut lines = BareLines::new();
        let mut batch = Vec::new();
        loop {
            let mut state = self.state.lock().unwrap();
            while state.waiting.is_empty() && !state.stopped {
                state = self.arrived.wait(state).unwrap();
            }
            std::mem::swap(&mut batch, &mut state.waiting);
            drop(state);
            if batch.is_empty() {
                return;
            }
            lines.bytes.clear();
            batch.iter().for_each(|(event, _)| lines.push(event));
            file.write_all(&lines.bytes).unwrap();
            if syncs {
                file.sync_data().unwrap();
            }
            batch.drain(..).for_each(|(_, done)| done.send(()).unwrap());
        }
    }
}
