//! How long events are kept in the index.

use std::time::Duration;

use agentbus::audit::{AuditIndex, AuditQuery, AuditRetention, RetentionError};
use agentbus::event::{SessionCreated, ToolErrorKind, ToolErrored, ToolRetried};
use agentbus::testing::FixedClock;
use agentbus::{DomainEvent, EventType, Redactor};

use crate::support::{Home, positions, second};

/// For each second from 10 on, three events: of security, of the default class, chatter.
fn home(seconds: std::ops::Range<i64>) -> Home {
    let chatter = EventType::declare("retention_tests.said").unwrap();
    Home::with(seconds.flat_map(|at| {
        [
            DomainEvent::new(SessionCreated::new(false)),
            DomainEvent::new(ToolRetried::new("cat", "call", 2, 3, "lost", 10)),
            DomainEvent::custom(chatter, &"chatter").unwrap(),
        ]
        .map(|event| event.with_timestamp(second(at)))
    }))
}

fn retention(chatter: u64, default: u64, security: Option<u64>) -> AuditRetention {
    let span = Duration::from_secs;
    AuditRetention::new(Some(span(chatter)), Some(span(default)), security.map(span)).unwrap()
}

#[test]
fn each_class_goes_at_its_time_and_security_stays_longest() {
    let home = home(10..14);
    let mut index = home.index();
    let _clock = FixedClock::at(second(20));
    let taken = index.retain(&retention(7, 9, None)).unwrap();
    assert_eq!((taken.chatter, taken.default, taken.security), (3, 1, 0));
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 4, 5, 7, 8, 10, 11, 12]);
    let taken = index.retain(&retention(7, 9, Some(9))).unwrap();
    assert_eq!((taken.events(), taken.security), (1, 1));
    assert_eq!(index.retain(&retention(7, 9, Some(9))).unwrap().events(), 0);
}

#[test]
fn what_was_taken_does_not_come_back_by_indexing_but_by_making_the_index_anew() {
    let home = home(10..12);
    let mut index = home.index();
    let _clock = FixedClock::at(second(20));
    index.retain(&retention(1, 1, None)).unwrap();
    assert_eq!(index.index().unwrap().events, 0);
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 4]);
    assert_eq!(positions(&mut index, &AuditQuery::new().text("lost").unwrap()), [0; 0]);
    AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap();
    assert_eq!(positions(&mut index, &AuditQuery::new()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(positions(&mut index, &AuditQuery::new().text("lost").unwrap()), [2, 5]);
}

#[test]
fn a_block_of_which_nothing_is_left_is_gone_and_one_in_part_is_asked_as_before() {
    let home = home(0..2_000);
    let mut index = home.index();
    let _clock = FixedClock::at(second(2_000));
    let taken = index.retain(&retention(500, 500, Some(500))).unwrap();
    assert_eq!((taken.chatter, taken.default, taken.security), (1_500, 1_500, 1_500));
    assert_eq!(positions(&mut index, &AuditQuery::new()), (4_501..=6_000).collect::<Vec<_>>());
    assert_eq!(positions(&mut index, &AuditQuery::new().types("tool.*").unwrap()).len(), 500);
    assert_eq!(positions(&mut index, &AuditQuery::new().until(second(1_500))), [0; 0]);
    assert_eq!(positions(&mut index, &AuditQuery::new().until(second(1_501))).len(), 3);
    home.append([DomainEvent::new(SessionCreated::new(false))]);
    assert_eq!(index.index().unwrap().events, 1);
}

#[test]
fn security_events_are_never_kept_for_less_than_others() {
    let span = |seconds| Some(Duration::from_secs(seconds));
    for (chatter, default, security) in [
        (span(1), span(2), span(1)),
        (span(3), span(2), None),
        (span(1), None, span(9)),
        (None, span(1), span(2)),
    ] {
        assert_eq!(AuditRetention::new(chatter, default, security), Err(RetentionError));
    }
    let error = DomainEvent::new(ToolErrored::new("cat", "call", "x", ToolErrorKind::ALL[0], 1, 1));
    assert!(error.event_type().is_security(), "one that is critical too is of security first");
}
