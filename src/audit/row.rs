//! [`Row`]: an event as it is kept in the index.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::texts::texts_of;
use crate::event::{DomainEvent, EventId, Hash, Payload, PlanId};
use crate::journal::{Position, line};
use crate::redact::Redactor;

/// An event, its secrets masked.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) position: Position,
    /// The chain behind its line.
    pub(super) chain: Option<Hash>,
    pub(super) event: Arc<DomainEvent>,
    /// The event as JSON.
    pub(super) json: String,
    /// The texts of its details.
    pub(super) texts: String,
}

/// What is looked for in an event's JSON, its words in the details.
#[derive(Deserialize)]
struct Kept<'a> {
    id: EventId,
    #[serde(borrow)]
    details: &'a RawValue,
}

impl Row {
    /// An event at that position. Its secrets are masked once more: it may have been written by older rules.
    ///
    /// # Errors
    /// If it has no JSON form from which it could be read again, which no event of a journal has.
    pub(super) fn of(
        position: Position,
        event: &DomainEvent,
        redactor: &Redactor,
    ) -> Result<Self, serde_json::Error> {
        let json = redactor.event_json(event)?;
        let event = Arc::new(serde_json::from_str(&json)?);
        Self::new(position, None, event, json)
    }

    /// An event that was read from that line: as it stands there, if that is clean.
    ///
    /// # Errors
    /// As [`Row::of`].
    pub(super) fn of_line(
        position: Position,
        event: Arc<DomainEvent>,
        line: &[u8],
        redactor: &Redactor,
    ) -> Result<Self, serde_json::Error> {
        let chain = line::chain_of(line);
        let body = line::Body::of(line).ok().and_then(|body| std::str::from_utf8(body.bytes).ok());
        let json = body.map(|body| ["{", body, "}"].concat());
        match json.filter(|json| redactor.is_clean(&event, json)) {
            Some(json) => Self::new(position, chain, event, json),
            None => Self::of(position, &event, redactor).map(|row| Self { chain, ..row }),
        }
    }

    fn new(
        position: Position,
        chain: Option<Hash>,
        event: Arc<DomainEvent>,
        json: String,
    ) -> Result<Self, serde_json::Error> {
        let (_, texts) = kept(&json)?;
        Ok(Self { position, chain, event, json, texts })
    }

    /// The plan whose child the plan is that this event created.
    pub(super) fn parent_plan_id(&self) -> Option<&PlanId> {
        match self.event.payload() {
            Payload::PlanCreated(created) => created.parent_plan_id.as_ref(),
            _ => None,
        }
    }
}

/// The id of an event that is kept as that JSON, and the texts of its details.
pub(super) fn kept(json: &str) -> Result<(EventId, String), serde_json::Error> {
    let Kept { id, details } = serde_json::from_str(json)?;
    Ok((id, texts_of(details.get())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventType, PlanCreated, PlanPhase, SessionCreated};

    fn read(json: &str) -> DomainEvent {
        serde_json::from_str(json).unwrap()
    }

    /// The row of an event, from a line that holds it as `json`.
    fn row_of(json: &str) -> Row {
        let (mut line, body) = (Vec::new(), &json[1..json.len() - 1]);
        line::write(&mut line, Position::FIRST, body.as_bytes(), &Hash::of("before"));
        Row::of_line(Position::FIRST, Arc::new(read(json)), &line, &Redactor::new()).unwrap()
    }

    fn row(event: &DomainEvent) -> Row {
        let row = row_of(&serde_json::to_string(event).unwrap());
        assert_eq!(row.json, Row::of(Position::FIRST, event, &Redactor::new()).unwrap().json);
        row
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let scope = DomainEvent::new(SessionCreated::new(false)).scope();
        let plain = DomainEvent::new_in(&scope, SessionCreated::new(true));
        let full = DomainEvent::new(PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3))
            .with_plan_id("plan-7")
            .with_root_plan_id("plan-1")
            .with_session_id("s")
            .with_actor_name("agents/a b")
            .with_project_name("p")
            .with_user_identity("u")
            .with_attribute("cost", serde_json::json!({"usd": 1.50}));
        let unknown = read(
            r#"{"id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","event_type":"x.y","timestamp":"2026-01-31T09:30:00.000000001Z",
                "origin":"01J5Z3NDEKTSV4RRFFQ69G5FAW","seq":7,"correlation_id":"c","later":[1.50,"\u0000"],
                "details":{"text":"a \ud83d\ude00 b","number":1.500}}"#,
        );
        for event in [plain, full, unknown] {
            assert_eq!(read(&row(&event).json), event);
        }
    }

    #[test]
    fn secrets_that_older_rules_left_are_masked_everywhere() {
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        let event = DomainEvent::custom(EventType::declare("row_tests.told").unwrap(), &[&secret]).unwrap();
        let event = event.with_actor_name(secret.as_str()).with_attribute("key", secret.as_str());
        let row = row(&event);
        assert!(!format!("{row:?}").contains(&secret), "{row:?}");
        assert_eq!(crate::redact::without_tags(&row.texts), "[redacted]");
    }

    #[test]
    fn secrets_in_lines_that_somebody_else_wrote_are_masked_however_they_are_spelt() {
        let plain = serde_json::to_string(&DomainEvent::new(SessionCreated::new(false))).unwrap();
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        let spelt = format!("\\u0067{}", &secret[1..]);
        for (put, hidden) in [
            (format!(r#""user_identity":"{secret}""#), secret.as_str()),
            (format!(r#""user_identity":"{spelt}""#), &secret[1..]),
            (r#""attributes":{"pass\u0077ord":"hunter2"}"#.to_owned(), "hunter2"),
            (r#""attributes" : { "password" : "hunter2" }"#.to_owned(), "hunter2"),
            (r#""later":{"password":"hunter2"}"#.to_owned(), "hunter2"),
        ] {
            let behind = format!("{},{put}}}", &plain[..plain.len() - 1]);
            let before = format!("{{{put},{}", &plain[1..]);
            for json in [behind, before] {
                let row = row_of(&json);
                assert!(!format!("{row:?}").contains(hidden), "{json}");
            }
        }
    }

    #[test]
    fn only_the_details_are_texts() {
        let created = PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3);
        let event =
            DomainEvent::new(created).with_attribute("details", "not these").with_user_identity("nor");
        let texts = row(&event).texts;
        assert!(texts.contains("mend") && texts.contains("greeter"), "{texts}");
        assert!(!texts.contains("not these") && !texts.contains("nor"), "{texts}");
    }

    #[test]
    fn the_parent_of_a_plan_is_kept() {
        let mut details = PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3);
        details.parent_plan_id = Some("plan-1".into());
        assert_eq!(row(&DomainEvent::new(details)).parent_plan_id(), Some(&"plan-1".into()));
    }
}
