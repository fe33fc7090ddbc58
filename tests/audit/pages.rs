//! Pages: stable while events come, bounded, and each of its own query.

use std::num::NonZeroU64;

use agentbus::audit::{AuditQuery, AuditQueryError, MAX_LIMIT, Order};

use crate::support::{Home, positions, told};

#[test]
fn pages_are_as_long_as_asked_for_and_end() {
    let home = Home::of(10);
    let mut index = home.index();
    let first = index.query(&AuditQuery::new().limit(4)).unwrap();
    assert_eq!(first.events.len(), 4);
    let second = index.query(&AuditQuery::new().limit(6).after(first.next.unwrap())).unwrap();
    assert_eq!((second.events.len(), second.next), (6, None));
    assert_eq!(index.query(&AuditQuery::new().limit(0)).unwrap().events.len(), 1);
}

#[test]
fn a_page_has_at_most_a_thousand_and_a_hundred_unless_asked() {
    let home = Home::of(1_100);
    let mut index = home.index();
    assert_eq!(index.query(&AuditQuery::new()).unwrap().events.len(), 100);
    assert_eq!(index.query(&AuditQuery::new().limit(usize::MAX)).unwrap().events.len(), MAX_LIMIT);
}

#[test]
fn pages_stay_as_they_are_while_events_come() {
    for (order, expected) in
        [(Order::NewestFirst, (1..=20).rev().collect::<Vec<_>>()), (Order::OldestFirst, (1..=26).collect())]
    {
        let home = Home::of(20);
        let mut index = home.index();
        let (mut query, mut seen) = (AuditQuery::new().order(order).limit(7), Vec::new());
        let mut session = 20;
        loop {
            let page = index.query(&query).unwrap();
            seen.extend(page.events.iter().map(|recorded| recorded.position.get()));
            let Some(next) = page.next else { break };
            query = query.after(next.to_string().parse().unwrap());
            if session < 26 {
                home.append([told(session + 1), told(session + 2), told(session + 3)]);
                session += 3;
                index.index().unwrap();
            }
        }
        assert_eq!(seen, expected, "{order:?}");
    }
}

#[test]
fn the_token_of_another_query_is_refused() {
    let home = Home::of(5);
    let mut index = home.index();
    let query = AuditQuery::new().limit(2);
    let token = index.query(&query).unwrap().next.unwrap();
    for other in [
        query.clone().session("1"),
        query.clone().order(Order::NewestFirst),
        query.clone().text("x").unwrap(),
        query.clone().security(true),
    ] {
        let refused = index.query(&other.after(token.clone()));
        assert!(matches!(refused, Err(AuditQueryError::OtherQuery)), "{refused:?}");
    }
    assert_eq!(positions(&mut index, &query.limit(3).after(token)), [3, 4, 5]);
}

#[test]
fn a_query_that_would_look_at_everything_is_ended_and_says_what_to_add() {
    let home = Home::of(9_000);
    let mut index = home.index();
    let steps = NonZeroU64::new(2_000);
    // Each event is of its own session, so each has to be excluded.
    let exclusions: Vec<_> = (1..=200).map(|session| format!("-session={session}")).collect();
    let filter: agentbus::Filter = exclusions.join(" ").parse().unwrap();
    let broad = AuditQuery::from(filter).max_steps(steps);
    let refused = index.query(&broad).unwrap_err();
    assert!(matches!(refused, AuditQueryError::TooBroad), "{refused}");
    assert!(refused.to_string().contains("add a time range, or an id"), "{refused}");
    // It harms nothing: the next one has its own steps.
    assert_eq!(index.query(&AuditQuery::new().session("7").max_steps(steps)).unwrap().events.len(), 1);
    assert_eq!(index.query(&broad.max_steps(None)).unwrap().events.len(), 100);
}
