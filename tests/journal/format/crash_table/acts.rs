//! What is crashed: everything that changes what lies in a journal's directory.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use agentbus::journal::{
    Consumer, ConsumerOptions, Durability, Journal, JournalBuilder, JournalReader, Position, Retention,
};
use agentbus::testing::{Fault, FaultyStorage, Operation};

use super::{Act, Death};
use crate::format::disk::Disk;
use crate::support::{event, wait};

pub(super) const ACTS: [Act; 8] = [
    Act {
        title: "Opening an empty directory",
        before: FaultyStorage::new,
        fault: None,
        perform: open,
        reopen: goes_on,
    },
    Act {
        title: "The first batch of a run, of two lines",
        before: || written(0),
        fault: None,
        perform: |storage, death| append(storage, 2, death),
        reopen: goes_on,
    },
    Act {
        title: "Beginning the next segment",
        before: || written(2),
        fault: None,
        perform: |storage, death| append(storage, 1, death),
        reopen: goes_on,
    },
    Act {
        title: "A batch of two lines that tears, and is settled",
        before: || written(1),
        fault: Some((Operation::Append, Fault::Tear(300))),
        perform: |storage, death| append(storage, 2, death),
        reopen: goes_on,
    },
    Act {
        title: "A batch of two lines whose sync fails, and is settled",
        before: || written(1),
        fault: Some((Operation::Sync, Fault::Fail(ErrorKind::Other))),
        perform: |storage, death| append(storage, 2, death),
        reopen: goes_on,
    },
    Act { title: "Closing", before: || written(1), fault: None, perform: close, reopen: goes_on },
    Act {
        title: "Retention that removes segments 1 and 3",
        before: || written(5),
        fault: None,
        perform: collect,
        reopen: goes_on,
    },
    Act {
        title: "A consumer that acknowledges position 1 and gives up the event at 2",
        before: || {
            let storage = written(3);
            drop(consumer(&storage));
            storage
        },
        fault: None,
        perform: consume,
        reopen: gives,
    },
];

fn builder(storage: &FaultyStorage) -> JournalBuilder {
    Journal::builder_on(Arc::new(storage.clone())).durability(Durability::Sync).segment_bytes(400)
}

fn reader(storage: &FaultyStorage) -> JournalReader {
    JournalReader::on(Arc::new(storage.clone())).unwrap()
}

fn consumer(storage: &FaultyStorage) -> Consumer {
    reader(storage).consumer_with("indexer", ConsumerOptions::new().max_attempts(1)).unwrap()
}

/// A journal of so many lines, two to a segment, whose writer died.
fn written(lines: usize) -> FaultyStorage {
    let storage = FaultyStorage::new();
    wait(async {
        let journal = builder(&storage).open().unwrap();
        for number in 1..=lines {
            journal.append(event(number)).await.unwrap();
        }
        storage.restart_process()
    })
}

fn open(storage: &FaultyStorage, death: &Death) {
    open_with(storage, Retention::new(), death);
}

fn collect(storage: &FaultyStorage, death: &Death) {
    open_with(storage, Retention::new().max_bytes(1), death);
}

fn open_with(storage: &FaultyStorage, retention: Retention, death: &Death) {
    death.begin(storage);
    wait(async {
        let Ok(journal) = builder(storage).retention(retention).open() else { return };
        storage.freeze();
        drop(journal.close(Duration::ZERO).await);
    });
}

/// Opens the journal, then appends events as one batch.
fn append(storage: &FaultyStorage, events: usize, death: &Death) {
    wait(async {
        let journal = builder(storage).open().unwrap();
        death.begin(storage);
        let appended = journal.append_many((1..=events).map(event).collect()).await;
        if appended.is_err() && death.after.is_none() {
            journal.healthy().await.unwrap();
        }
        if appended.is_ok() || death.after.is_none() {
            storage.freeze();
        }
        // What failed is tried once more.
        drop(journal.close(Duration::ZERO).await);
    });
}

fn close(storage: &FaultyStorage, death: &Death) {
    wait(async {
        let journal = builder(storage).open().unwrap();
        death.begin(storage);
        drop(journal.close(Duration::ZERO).await);
    });
}

fn consume(storage: &FaultyStorage, death: &Death) {
    let mut consumer = consumer(storage);
    death.begin(storage);
    drop(consumer.ack(Position::FIRST));
    drop(consumer.nack(Position::new(2).unwrap(), "by design"));
}

fn goes_on(storage: &FaultyStorage) -> String {
    let before = Disk::of(storage);
    wait(async {
        let journal = builder(storage).open().unwrap();
        let mut told = before.changed_to(&Disk::of(storage));
        told.push(format!("goes on at {}", journal.append(event(9)).await.unwrap()));
        told.join("; ")
    })
}

fn gives(storage: &FaultyStorage) -> String {
    let before = Disk::of(storage);
    let mut consumer = consumer(storage);
    let mut told = before.changed_to(&Disk::of(storage));
    told.push(format!("gives {}", consumer.poll(1).unwrap().events[0].position));
    told.join("; ")
}
