//! Queries give what a filter over a list gives.

use agentbus::audit::{AuditQuery, Order};
use agentbus::event::{SessionCreated, Timestamp, ToolErrorKind, ToolErrored, ToolRetried};
use agentbus::journal::Recorded;
use agentbus::{DomainEvent, EventType, Filter};
use proptest::prelude::*;

use crate::support::{Home, everything, second};

const WORDS: [&str; 4] = ["disk", "full", "network", "gone"];

/// An event of few names, so that many have them in common.
fn event() -> impl Strategy<Value = DomainEvent> {
    let name = || prop::option::of(0_u8..3);
    let names = (name(), name(), name(), name(), name(), name(), 0_u8..4);
    (0_u8..4, names, 0_i64..50, prop::collection::vec(0_usize..4, 0..4)).prop_map(
        |(kind, names, at, words)| {
            let said = words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
            let event = match kind {
                0 => DomainEvent::new(SessionCreated::new(false)),
                1 => DomainEvent::new(ToolErrored::new(
                    "cat",
                    "call",
                    said.as_str(),
                    ToolErrorKind::ALL[0],
                    1,
                    1,
                )),
                2 => DomainEvent::new(ToolRetried::new("cat", "call", 2, 3, said.as_str(), 10)),
                _ => DomainEvent::custom(EventType::declare("model_tests.said").unwrap(), &said).unwrap(),
            };
            named(event, names).with_timestamp(second(at))
        },
    )
}

type Names = (Option<u8>, Option<u8>, Option<u8>, Option<u8>, Option<u8>, Option<u8>, u8);

fn named(
    mut event: DomainEvent,
    (plan, root, session, actor, project, user, correlation): Names,
) -> DomainEvent {
    event = event.with_correlation_id(correlation.to_string());
    event = plan.into_iter().fold(event, |event, plan| event.with_plan_id(plan.to_string()));
    event = root.into_iter().fold(event, |event, root| event.with_root_plan_id(root.to_string()));
    event = session.into_iter().fold(event, |event, session| event.with_session_id(session.to_string()));
    event = actor.into_iter().fold(event, |event, actor| event.with_actor_name(actor.to_string().as_str()));
    event = project.into_iter().fold(event, |event, name| event.with_project_name(name.to_string().as_str()));
    user.into_iter().fold(event, |event, name| event.with_user_identity(name.to_string().as_str()))
}

/// What a query asks beside its filter.
#[derive(Clone, Debug)]
struct More {
    since: Option<i64>,
    until: Option<i64>,
    word: Option<usize>,
    security: Option<bool>,
    /// The number of an event whose id, or effects, are asked for.
    id: Option<usize>,
    cause: Option<usize>,
    order: Order,
    limit: usize,
}

fn term() -> impl Strategy<Value = String> {
    let key =
        prop::sample::select(vec!["plan", "root", "session", "actor", "project", "user", "correlation"]);
    let values = prop::collection::vec(0_u8..4, 1..3)
        .prop_map(|values| values.iter().map(u8::to_string).collect::<Vec<_>>().join(","));
    let kind = prop::sample::select(vec![
        "tool.*",
        "*.created",
        "session.created",
        "model_tests.said",
        "budget.*",
        "*",
        "unknown",
        "level>=warn",
        "level=info",
        "category=tool,custom",
        "category=session",
    ]);
    let exclusion = prop::sample::select(vec!["", "", "", "-"]);
    let term = prop_oneof![
        (key, values).prop_map(|(key, values)| format!("{key}={values}")),
        kind.prop_map(str::to_owned)
    ];
    (exclusion, term).prop_map(|(exclusion, term)| format!("{exclusion}{term}"))
}

fn filter() -> impl Strategy<Value = Filter> {
    prop::collection::vec(term(), 0..3).prop_map(|terms| terms.join(" ").parse().unwrap())
}

fn more() -> impl Strategy<Value = More> {
    let time = || prop::option::weighted(0.3, 0_i64..50);
    let number = || prop::option::weighted(0.1, 0_usize..100);
    let order = prop::sample::select(vec![Order::OldestFirst, Order::NewestFirst]);
    let rest = (prop::option::weighted(0.3, 0_usize..4), prop::option::weighted(0.2, any::<bool>()));
    (time(), time(), rest, number(), number(), order, 1_usize..20).prop_map(
        |(since, until, (word, security), id, cause, order, limit)| More {
            since,
            until,
            word,
            security,
            id,
            cause,
            order,
            limit,
        },
    )
}

fn query(filter: &Filter, more: &More, recorded: &[Recorded]) -> AuditQuery {
    let id = |number: usize| recorded[number % recorded.len()].event.id();
    let mut query = AuditQuery::new().filter(filter.clone()).order(more.order).limit(more.limit);
    query = more.since.into_iter().fold(query, |query, since| query.since(second(since)));
    query = more.until.into_iter().fold(query, |query, until| query.until(second(until)));
    query = more.word.into_iter().fold(query, |query, word| query.text(WORDS[word]).unwrap());
    query = more.security.into_iter().fold(query, AuditQuery::security);
    query = more.id.into_iter().fold(query, |query, number| query.id(id(number)));
    more.cause.into_iter().fold(query, |query, number| query.caused_by(id(number)))
}

fn expected(filter: &Filter, more: &More, recorded: &[Recorded]) -> Vec<Recorded> {
    let id = |number: usize| recorded[number % recorded.len()].event.id();
    let holds = |recorded: &&Recorded| {
        let event = &recorded.event;
        let details = serde_json::to_value(event).unwrap()["details"].to_string();
        let at: Timestamp = event.timestamp();
        filter.matches(event)
            && more.since.is_none_or(|since| at >= second(since))
            && more.until.is_none_or(|until| at < second(until))
            && more.word.is_none_or(|word| details.contains(WORDS[word]))
            && more.security.is_none_or(|security| event.event_type().is_security() == security)
            && more.id.is_none_or(|number| event.id() == id(number))
            && more.cause.is_none_or(|number| event.causation_id() == Some(id(number)))
    };
    let mut found: Vec<_> = recorded.iter().filter(holds).cloned().collect();
    if more.order == Order::NewestFirst {
        found.reverse();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_query_gives_what_a_filter_over_a_list_gives(
        events in prop::collection::vec((event(), prop::option::of(any::<prop::sample::Index>())), 1..100),
        queries in prop::collection::vec((filter(), more()), 40),
    ) {
        let mut caused: Vec<DomainEvent> = Vec::new();
        for (event, cause) in events {
            let cause = cause.filter(|_| !caused.is_empty()).map(|cause| caused[cause.index(caused.len())].id());
            caused.push(cause.into_iter().fold(event, DomainEvent::with_causation_id));
        }
        let home = Home::with(caused);
        let mut index = home.index();
        let recorded = home.recorded();
        for (filter, more) in &queries {
            let found = everything(&mut index, &query(filter, more, &recorded));
            prop_assert_eq!(found, expected(filter, more, &recorded), "{} {:?}", filter, more);
        }
    }
}
