//! What the sources give, of services and a journal of their own.

use std::num::NonZeroUsize;

use serde_json::json;

use super::*;
use crate::event::{
    BudgetExceeded, BudgetTierKind, ContextBuilt, CorrectionMode, DecisionType, DomainEvent, EventType,
    Fraction, MessageRole, PlanErrorKind, PlanErrored, PlanId, PlanPhase, SessionCreated, Timestamp, Usd,
};
use crate::journal::Journal;
use crate::redact::Redactor;
use crate::service::context::{ContextRequest, ContextSource, Detail, Fragment, SourceError};
use crate::service::decision::{DecisionService, NewDecision};
use crate::service::session::SessionService;

fn request() -> ContextRequest {
    ContextRequest::new("polite greeting", 10_000)
}

fn titles(fragments: &[Fragment]) -> Vec<&str> {
    fragments.iter().map(Fragment::title).collect()
}

fn texts(fragments: &[Fragment], detail: Detail) -> Vec<&str> {
    fragments.iter().map(|fragment| fragment.text(detail).unwrap()).collect()
}

#[tokio::test]
async fn decisions_are_those_of_the_plan_that_hold() {
    let decisions = DecisionService::new(None);
    let plan = PlanId::from("p");
    let root = decisions.record(NewDecision::root(&plan, "what?", "a polite greeter")).unwrap();
    let under = |choice: &str| NewDecision::under(&root, DecisionType::StrategyChoice, "how?", choice);
    let old = decisions.record(under("guess")).unwrap();
    let sure = Fraction::try_from(0.25).unwrap();
    let ask = under("ask for a name").with_alternatives(["guess", "shout"]).with_confidence(sure);
    let ask = decisions.record(ask).unwrap();
    let deep = decisions.record(NewDecision::under(&ask, DecisionType::ToolChoice, "by?", "stdin")).unwrap();
    let approved = decisions.approve(&deep.id, "ann").unwrap();
    decisions.correct(&old.id, CorrectionMode::Revert, "never guess").unwrap();
    decisions.record(NewDecision::root(PlanId::from("other"), "what?", "else")).unwrap();

    let source = DecisionSource::new(decisions);
    assert!(source.gather(&request()).await.unwrap().is_empty());
    let found = source.gather(&request().with_plan("p")).await.unwrap();
    assert_eq!(
        titles(&found),
        ["0, prompt_definition", "2, strategy_choice", "3, tool_choice", "4, user_intervention",]
    );
    assert_eq!(
        texts(&found, Detail::Full)[1],
        "asked: how?\nchosen: ask for a name\nnot chosen: guess; shout\nconfidence: 0.25\n"
    );
    assert_eq!(texts(&found, Detail::Outline)[1], "how? -> ask for a name");
    assert_eq!(texts(&found, Detail::Line)[1], "ask for a name");
    assert_eq!(found.iter().map(Fragment::depth).collect::<Vec<_>>(), [0, 1, 2, 1]);
    let quality = found.iter().map(|found| (found.quality() * 100.0).round()).collect::<Vec<_>>();
    assert_eq!(format!("{quality:?}"), "[50.0, 25.0, 100.0, 50.0]");
    assert!(found[0].relevance() > 0.0 && found[1].relevance() < 1e-12);
    assert_eq!((found[2].id(), found[2].time()), (deep.id.to_string().as_str(), Some(approved.changed_at)));
}

#[tokio::test]
async fn messages_are_the_last_of_the_session() {
    let sessions = SessionService::new(None);
    let session = sessions.create("planner", None).unwrap();
    let long = format!("a greeting, please\n{}", "and more ".repeat(100));
    for (role, content) in [
        (MessageRole::System, "be kind"),
        (MessageRole::User, long.as_str()),
        (MessageRole::Assistant, "done"),
        (MessageRole::Tool, "exit 0"),
    ] {
        sessions.append(&session.id, role, content, None).unwrap();
    }
    let source = MessageSource::new(sessions).with_last(NonZeroUsize::new(3).unwrap());
    assert!(source.gather(&request()).await.unwrap().is_empty());
    let found = source.gather(&request().with_session(&session.id)).await.unwrap();
    assert_eq!(titles(&found), ["2, user", "3, assistant", "4, tool"]);
    assert_eq!(texts(&found, Detail::Full)[0], long);
    assert_eq!(texts(&found, Detail::Line)[0], "a greeting, please\u{2026}");
    let outline = texts(&found, Detail::Outline)[0];
    assert!(outline.len() <= 403 && outline.ends_with('\u{2026}'), "{outline}");
    assert!(found[0].relevance() > 0.0 && found[1].relevance() < 1e-12);
    assert!(found[0].quality() > found[1].quality() && found[1].quality() > found[2].quality());

    let refused = source.gather(&request().with_session("none")).await.unwrap_err();
    assert_eq!(refused, SourceError::refused("there is no session none"));
}

#[tokio::test]
async fn history_is_the_last_of_what_happened_to_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let noon = Timestamp::from_unix_nanos(0);
    let of = |plan: &str, event: DomainEvent| event.with_plan_id(plan).with_timestamp(noon);
    let errored = |error: &str| PlanErrored::new(3, PlanPhase::Execute, error, PlanErrorKind::Transient, 1);
    let exceeded = BudgetExceeded::new(BudgetTierKind::Plan, "p", Usd::ZERO, Usd::ZERO, Usd::ZERO);
    for event in [
        of("p", DomainEvent::new(errored("the first error, which is too long ago"))),
        of("other", DomainEvent::new(errored("of another plan"))),
        of("p", DomainEvent::new(exceeded)),
        of("p", DomainEvent::new(ContextBuilt::new(1, 0, 0, 1, 1, 1, 0, 0))),
        of("p", DomainEvent::new(errored("no polite greeting"))),
        DomainEvent::new(SessionCreated::new(false)).with_session_id("s"),
    ] {
        journal.append(event).await.unwrap();
    }
    let source = HistorySource::new(&journal).with_last(NonZeroUsize::new(2).unwrap());
    assert!(source.gather(&request()).await.unwrap().is_empty());
    let found = source.gather(&request().with_plan("p").with_session("s")).await.unwrap();
    assert_eq!(titles(&found), ["3", "5"]);
    let full = texts(&found, Detail::Full);
    assert!(full[0].starts_with("1970-01-01T00:00:00Z budget.exceeded {\"limit_usd\":\"0\","), "{}", full[0]);
    assert!(full[1].contains("no polite greeting"), "{}", full[1]);
    assert_eq!(texts(&found, Detail::Line)[1], "1970-01-01T00:00:00Z plan.errored");
    assert_eq!((found[0].depth(), found[1].depth(), found[1].time()), (1, 0, Some(noon)));
    assert!(found[1].relevance() > found[0].relevance());
    let of_session = source.gather(&request().with_session("s")).await.unwrap();
    assert_eq!(titles(&of_session), ["6"]);
}

/// A text with a password in an address, which a cut after so many bytes would go through.
fn with_a_password_at(cut: usize) -> String {
    let address = "postgres://app:hunter2hunter2@db/main";
    format!("{} {address} {}", "x".repeat(cut - 20), "y".repeat(700))
}

/// Expects that the text is cut, and has no part of the password.
#[track_caller]
fn expect_masked(text: &str) {
    assert!(text.contains("postgres://app:") && !text.contains("hunt"), "{text}");
    assert!(text.ends_with('\u{2026}'), "{text}");
}

#[tokio::test]
async fn a_message_is_masked_before_it_is_cut() {
    let sessions = SessionService::new(None);
    let session = sessions.create("planner", None).unwrap();
    for cut in [MAX_LINE_BYTES, 400] {
        sessions.append(&session.id, MessageRole::User, with_a_password_at(cut), None).unwrap();
    }
    let request = request().with_session(&session.id);
    let found = MessageSource::new(sessions.clone()).gather(&request).await.unwrap();
    expect_masked(found[0].text(Detail::Line).unwrap());
    expect_masked(found[1].text(Detail::Outline).unwrap());
    assert!(
        found[1].text(Detail::Full).unwrap().contains("hunter2"),
        "a service masks it with what is around it"
    );
    let bare = MessageSource::new(sessions).with_redactor(Redactor::none()).gather(&request).await.unwrap();
    assert!(bare[0].text(Detail::Line).unwrap().contains("hunt"));
}

#[tokio::test]
async fn a_decision_is_masked_before_it_is_cut() {
    let decisions = DecisionService::new(None);
    decisions.record(NewDecision::root("p", "where?", with_a_password_at(MAX_LINE_BYTES))).unwrap();
    let found = DecisionSource::new(decisions).gather(&request().with_plan("p")).await.unwrap();
    expect_masked(found[0].text(Detail::Line).unwrap());
}

#[tokio::test]
async fn an_event_is_masked_before_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::builder(folder.path()).redactor(Redactor::none()).open().unwrap();
    let kind = EventType::declare("test.long").unwrap();
    let before = "1970-01-01T00:00:00Z test.long {\"text\":\"".len();
    let event = DomainEvent::custom(kind, &json!({ "text": with_a_password_at(600 - before) })).unwrap();
    let event = event.with_plan_id("p").with_timestamp(Timestamp::from_unix_nanos(0));
    journal.append(event).await.unwrap();
    let found = HistorySource::new(&journal).gather(&request().with_plan("p")).await.unwrap();
    expect_masked(found[0].text(Detail::Full).unwrap());
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_fails() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    journal.append(DomainEvent::new(SessionCreated::new(false)).with_session_id("s")).await.unwrap();
    let reader = journal.reader().clone();
    drop(journal);
    let segments = folder.path().join("segments");
    std::fs::remove_dir_all(&segments).unwrap();
    std::fs::write(&segments, "no folder").unwrap();
    let failed = HistorySource::new(&reader).gather(&request().with_session("s")).await.unwrap_err();
    assert!(
        matches!(&failed, SourceError::Failed { message } if message.starts_with("cannot read the journal")),
        "{failed}"
    );
}

#[test]
fn lines_are_short_and_say_when_they_are_cut() {
    assert_eq!(first_line("  one\ntwo"), "one\u{2026}");
    assert_eq!(first_line("one\n\n"), "one");
    assert_eq!(first_line(""), "");
    let long = "\u{e9}".repeat(200);
    assert_eq!(first_line(&long), format!("{}\u{2026}", "\u{e9}".repeat(80)));
    assert_eq!((beginning("abc", 3), beginning("abcd", 3)), ("abc".to_owned(), "abc\u{2026}".to_owned()));
}
