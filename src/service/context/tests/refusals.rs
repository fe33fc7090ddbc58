//! What cannot be built or searched is refused, and tells nothing.

use std::num::NonZeroUsize;

use super::*;
use crate::event::{ContextQueryExecuted, NameError};

#[tokio::test]
async fn a_refused_request_asks_nobody_and_tells_nothing() {
    let (some, told) = bus();
    let source = Told::gives("notes", []);
    let service = ContextService::builder(some).counter(Bytes).source(source.clone()).build().unwrap();
    let known = vec![Text::from("notes")];
    let too_long = "x".repeat(MAX_QUERY_BYTES + 1);
    let needed = 212;
    for (request, expected) in [
        (request(0), ContextError::BudgetTooSmall { budget: 0, needed }),
        (request(needed - 1), ContextError::BudgetTooSmall { budget: needed - 1, needed }),
        (ContextRequest::new(" \n", 1_000), ContextError::EmptyQuery),
        (ContextRequest::new(too_long, 1_000), ContextError::QueryTooLong { actual: MAX_QUERY_BYTES + 1 }),
        (request(1_000).with_plan(""), ContextError::Invalid { what: "plan id", source: NameError::Empty }),
        (
            request(1_000).with_session(""),
            ContextError::Invalid { what: "session id", source: NameError::Empty },
        ),
        (
            request(1_000).with_limit("none", SourceLimit::none()),
            ContextError::UnknownSource { name: "none".into(), known: known.clone() },
        ),
    ] {
        assert_eq!(service.build(request).await.unwrap_err(), expected);
    }
    assert_eq!(source.asked(), 0);
    told.assert_nothing();
    service.build(request(needed)).await.unwrap();
    told.assert_types([EventType::ContextBuilt]);
}

#[tokio::test]
async fn without_a_source_nothing_is_built() {
    let (some, told) = bus();
    let service = ContextService::builder(some).build().unwrap();
    assert_eq!(service.build(request(1_000)).await.unwrap_err(), ContextError::NoSources);
    let refused = service.query(Query::new("greet")).await.unwrap_err();
    assert_eq!(refused, ContextError::NotSearchable { name: None });
    told.assert_nothing();
}

#[tokio::test]
async fn a_query_that_cannot_be_executed_tells_nothing() {
    let (some, told) = bus();
    let (plain, search) = (Told::gives("plain", []), Told::new("search", Does::Refuses));
    let service = ContextService::builder(some).source(plain).searchable(search.clone()).build().unwrap();
    let known = vec![Text::from("plain"), Text::from("search")];
    for (query, expected) in [
        (Query::new(""), ContextError::EmptyQuery),
        (Query::new("x").with_source("none"), ContextError::UnknownSource { name: "none".into(), known }),
        (Query::new("x").with_source("plain"), ContextError::NotSearchable { name: Some("plain".into()) }),
        (
            Query::new("x"),
            ContextError::Source {
                name: "search".into(),
                reason: FailureReason::Refused("not for you".into()),
            },
        ),
    ] {
        assert_eq!(service.query(query).await.unwrap_err(), expected);
    }
    told.assert_nothing();
    assert_eq!(search.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_query_gives_what_it_wants_masked_and_tells_its_hash() {
    let (some, told) = bus();
    let key = "sk-live-51H8xQ2eZvKYlo2C";
    let found = ["one", "two", "three"].map(|id| fragment(id, &format!("{id} {key}"), 0.5));
    let found = found.map(|found| found.with_snippets([Snippet::new(7, key)]));
    let search = Told::new("search", Does::GivesAfter(Duration::from_millis(30), found.to_vec()));
    let service = ContextService::builder(some).searchable(search).build().unwrap();
    let query = Query::new("the secret plan").with_at_most(NonZeroUsize::new(2).unwrap());
    let found = service.query(query).await.unwrap();
    let texts: Vec<_> =
        found.iter().map(|found| (found.source().as_str(), found.text(Detail::Full).unwrap())).collect();
    assert_eq!(texts, [("search", "one [redacted]"), ("search", "two [redacted]")]);
    assert_eq!(found[0].snippets(), [Snippet::new(7, "[redacted]")]);
    let hash = Hash::of("the secret plan");
    assert_eq!(*told.only::<ContextQueryExecuted>(), ContextQueryExecuted::new("search", hash, 2, 30));
    assert!(!told.transcript().contains("secret"));
}

#[test]
fn a_service_that_could_not_tell_its_sources_apart_is_refused() {
    let builder = || ContextService::builder(None).source(Told::gives("notes", []));
    let refused = |builder: ContextServiceBuilder| builder.build().unwrap_err();
    let twice = builder().searchable(Told::gives("notes", []));
    assert_eq!(refused(twice), ConfigureError::SourceTwice { name: "notes".into() });
    let nameless = builder().source(Told::gives("", []));
    assert_eq!(refused(nameless), ConfigureError::InvalidName { source: NameError::Empty });
    let unknown = builder().timeout_of("none", Duration::ZERO);
    assert_eq!(refused(unknown), ConfigureError::UnknownSource { name: "none".into() });
}
