//! Indexing that is interrupted anywhere.

use std::time::Duration;

use crate::audit::{AuditIndex, AuditQuery, Order};
use crate::event::{DomainEvent, SessionCreated};
use crate::journal::{Durability, Journal, Recorded};

fn journal(directory: &std::path::Path, events: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::builder(directory).durability(Durability::Os).open().unwrap();
        for session in 0..events {
            let event = DomainEvent::new(SessionCreated::new(false)).with_session_id(session.to_string());
            journal.append(event).await.unwrap();
        }
        journal.close(Duration::from_secs(10)).await.unwrap();
    });
}

/// What the index gives, by each of its ways.
fn given(index: &mut AuditIndex, events: usize) -> Vec<Recorded> {
    let page = index.query(&AuditQuery::new().limit(1_000)).unwrap();
    let mut backward = index.query(&AuditQuery::new().order(Order::NewestFirst).limit(1_000)).unwrap().events;
    backward.reverse();
    assert_eq!(page.events, backward);
    let by_kind = index.query(&AuditQuery::new().types("session.*").unwrap().limit(1_000)).unwrap();
    assert_eq!(page.events, by_kind.events);
    for session in 0..events {
        let found = index.query(&AuditQuery::new().session(session.to_string())).unwrap().events;
        assert!(found.len() <= 1 && found.iter().all(|found| page.events.contains(found)));
    }
    page.events
}

#[test]
fn interrupted_at_any_step_it_loses_and_doubles_nothing() {
    const EVENTS: usize = 3;
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path(), EVENTS);
    let mut interrupted = 0;
    for at in 1_u64.. {
        let folder = directory.path().join("audit");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        let mut index = AuditIndex::open(directory.path()).unwrap();
        let mut steps = 0;
        let count = move || {
            steps += 1;
            steps == at
        };
        index.database_mut().connection.progress_handler(1, Some(count)).unwrap();
        let indexed = index.index();
        index.database_mut().connection.progress_handler(0, None::<fn() -> bool>).unwrap();
        if indexed.is_ok() {
            break;
        }
        interrupted += 1;
        // One transaction: all of it, if it was interrupted when it had ended, or nothing.
        let written = given(&mut index, EVENTS).len();
        assert!(written == 0 || written == EVENTS, "{written} at step {at}");
        assert_eq!(index.index().unwrap().events, (EVENTS - written) as u64);
        let all = given(&mut index, EVENTS);
        assert!((1..).zip(&all).all(|(number, recorded)| recorded.position.get() == number));
        assert_eq!(all.len(), EVENTS);
    }
    assert!(interrupted > 300, "{interrupted}");
}
