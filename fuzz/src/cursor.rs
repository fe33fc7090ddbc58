//! A consumer's cursor and its dead letters.

use std::sync::Arc;

use agentbus::journal::{Consumer, ConsumerError, JournalReader, ReadFrom};

use super::files::{Chain, manifest_of_one, storage_with, two_lines};

/// Any bytes can stand in a cursor and, behind a zero byte, in the dead letters: the cursor is refused and can be
/// reset, or the consumer goes on from it; the letters are read as far as they can be.
pub fn cursor(input: &[u8]) {
    let zero = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (cursor, dead) = input.split_at(zero);
    let storage = storage_with([
        ("journal.json", manifest_of_one()),
        ("segments/00000000000000000001.jsonl", Chain::begin().seal(two_lines().concat().as_bytes())),
        ("cursors/indexer.json", cursor.to_vec()),
        ("dead/indexer.jsonl", dead.get(1..).unwrap_or_default().to_vec()),
    ]);
    let reader = JournalReader::on(Arc::new(storage)).unwrap();
    let letters = reader.dead_letters("indexer").unwrap();
    assert_eq!(reader.consumers().unwrap().len(), 1);
    match reader.consumer("indexer") {
        Ok(consumer) => goes_on(consumer),
        Err(ConsumerError::Corrupt { .. }) => {
            reader.reset_consumer("indexer", ReadFrom::Start).unwrap();
            goes_on(reader.consumer("indexer").unwrap());
        }
        Err(error) => panic!("{error}"),
    }
    let after = reader.dead_letters("indexer").unwrap();
    assert!(after.letters.starts_with(&letters.letters), "what could be read can be read");
    assert!(reader.consumers().unwrap()[0].cursor.is_ok());
}

/// It gives what is behind its cursor, in order, and acknowledges and gives up what it gave.
fn goes_on(mut consumer: Consumer) {
    let begin = consumer.position();
    let polled = consumer.poll(10).unwrap();
    for recorded in &polled.events {
        assert!(Some(recorded.position) > begin);
    }
    if let Some(first) = polled.events.first() {
        consumer.nack(first.position, "by design").unwrap();
    }
    if let Some(last) = polled.events.last() {
        consumer.ack(last.position).unwrap();
        assert_eq!(consumer.position(), Some(last.position));
    }
    assert!(consumer.position() >= begin);
}
