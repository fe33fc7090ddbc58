//! A consumer as a stream.

use agentbus::journal::{ConsumerStream, Entry, Nacked};
use tokio::time::timeout;
use tokio_stream::StreamExt;

use super::*;

async fn next(stream: &mut ConsumerStream) -> u64 {
    let entry = stream.next().await.unwrap().unwrap();
    entry.into_event().unwrap().position.get()
}

fn event() -> DomainEvent {
    DomainEvent::new(SessionCreated::new(false))
}

#[tokio::test]
async fn a_stream_gives_what_is_there_and_then_what_comes_until_it_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    journal.append_many(vec![event(), event()]).await.unwrap();
    let mut stream = journal.reader().consumer("indexer").unwrap().into_stream();
    assert_eq!([next(&mut stream).await, next(&mut stream).await], [1, 2]);
    journal.append(event()).await.unwrap();
    assert_eq!(next(&mut stream).await, 3);
    stream.ack(at(1)).unwrap();
    drop(stream);
    let mut stream = journal.reader().consumer("indexer").unwrap().into_stream();
    assert_eq!([next(&mut stream).await, next(&mut stream).await], [2, 3]);
    stream.ack(at(3)).unwrap();
    let consumer = stream.into_consumer();
    assert_eq!(consumer.position(), Some(at(3)));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_a_stream_goes_back_and_waits() {
    let _clock = clock();
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::open(directory.path()).unwrap();
    journal.append_many(vec![event(), event(), event()]).await.unwrap();
    let options = ConsumerOptions::new().max_attempts(2);
    let mut stream = journal.reader().consumer_with("indexer", options).unwrap().into_stream();
    for expected in 1..=3 {
        assert_eq!(next(&mut stream).await, expected);
    }
    stream.ack(at(1)).unwrap();
    assert!(matches!(stream.nack(at(2), "timed out").unwrap(), Nacked::Again { attempts: 1, .. }));
    for _ in 0..2 {
        timeout(Duration::from_millis(400), stream.next()).await.unwrap_err();
    }
    timeout(Duration::from_millis(300), async { assert_eq!(next(&mut stream).await, 2) }).await.unwrap();
    assert_eq!(next(&mut stream).await, 3);
    assert_eq!(stream.nack(at(2), "timed out").unwrap(), Nacked::Dead { attempts: 2 });
    assert_eq!(next(&mut stream).await, 3);
    assert_eq!(stream.consumer().dead_letters().unwrap().letters.len(), 1);
}

#[tokio::test]
async fn a_stream_tells_what_was_removed_before_it_came() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::builder(directory.path()).segment_bytes(1).open().unwrap();
    for _ in 0..3 {
        journal.append(event()).await.unwrap();
    }
    fs::remove_file(directory.path().join("segments/00000000000000000001.jsonl")).unwrap();
    let mut stream = journal.reader().consumer("indexer").unwrap().into_stream();
    assert_eq!(stream.next().await.unwrap().unwrap(), Entry::Removed { through: at(1) });
    assert_eq!([next(&mut stream).await, next(&mut stream).await], [2, 3]);
}
