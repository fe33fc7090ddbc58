//! [`Row`]: an event as it is kept in the index, and back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::texts::texts_of;
use crate::event::{Category, DomainEvent, Hash, Payload, Severity, Timestamp};
use crate::journal::Position;
use crate::redact::Redactor;

/// An event, its secrets masked, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) position: Position,
    /// The chain behind its line.
    pub(super) chain: Option<Hash>,
    pub(super) kind: Kind,
    /// Nanoseconds since 1970.
    pub(super) timestamp: i64,
    pub(super) envelope: Envelope,
    /// The plan whose child this event's is.
    pub(super) parent_plan_id: Option<String>,
    /// What else stands in the envelope, as an object of JSON.
    pub(super) more: Option<String>,
    /// The texts of its details.
    pub(super) texts: String,
}

/// A kind of event, and what followed from it when it was indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) is_critical: bool,
    pub(super) is_security: bool,
}

/// The keys of an event's envelope that have a column of their own, and the details.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) event_type: String,
    #[serde(skip_deserializing)]
    pub(super) timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    pub(super) correlation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) causation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root_plan_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) actor_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) project_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<String>,
    pub(super) details: Box<RawValue>,
}

impl Row {
    /// An event at that position. Its secrets are masked once more: its line may have been written by older rules.
    ///
    /// # Errors
    /// If it has no JSON form from which it could be read again, which no event of a journal has.
    pub(super) fn of(
        position: Position,
        chain: Option<Hash>,
        event: &DomainEvent,
        redactor: &Redactor,
    ) -> Result<Self, serde_json::Error> {
        let json = redactor.event_json(event)?;
        let envelope: Envelope = serde_json::from_str(&json)?;
        let has_more = event.attributes().next().is_some() || event.unknown_keys().next().is_some();
        let more = has_more.then(|| more_of(&json)).transpose()?;
        let parent = match event.payload() {
            Payload::PlanCreated(created) => created.parent_plan_id.as_ref(),
            _ => None,
        };
        let parent_plan_id = parent.map(|parent| redactor.redact_text(&parent.to_string()).into_owned());
        let texts = texts_of(envelope.details.get());
        let (kind, timestamp) = (Kind::of(event), event.timestamp().unix_nanos());
        Ok(Self { position, chain, kind, timestamp, envelope, parent_plan_id, more, texts })
    }
}

/// The keys of an event that have no column of their own, as an object of JSON.
fn more_of(json: &str) -> Result<String, serde_json::Error> {
    let mut all: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
    let has_column = |key: &str| key != "attributes" && DomainEvent::KEYS.contains(&key);
    all.retain(|key, _| !has_column(key));
    serde_json::to_string(&all)
}

impl Kind {
    fn of(event: &DomainEvent) -> Self {
        let kind = event.event_type();
        Self {
            name: event.type_name().to_owned(),
            category: kind.category(),
            severity: kind.severity(),
            is_critical: kind.is_critical(),
            is_security: kind.is_security(),
        }
    }
}

/// The event of a row that was written.
///
/// # Errors
/// If what stands there is no event.
pub(super) fn event_of(
    mut envelope: Envelope,
    timestamp: i64,
    more: Option<&str>,
) -> Result<DomainEvent, serde_json::Error> {
    envelope.timestamp = Timestamp::from_unix_nanos(timestamp).to_string();
    let mut json = serde_json::to_string(&envelope)?;
    if let Some(more) = more.and_then(|more| more.strip_prefix('{')).filter(|more| *more != "}") {
        json.pop();
        json.push(',');
        json.push_str(more);
    }
    serde_json::from_str(&json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventType, PlanCreated, PlanPhase, SessionCreated};

    fn read(json: &str) -> DomainEvent {
        serde_json::from_str(json).unwrap()
    }

    fn back(row: Row) -> DomainEvent {
        event_of(row.envelope, row.timestamp, row.more.as_deref()).unwrap()
    }

    fn row(event: &DomainEvent) -> Row {
        Row::of(Position::FIRST, None, event, &Redactor::new()).unwrap()
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
            assert_eq!(back(row(&event)), event);
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
    fn the_parent_of_a_plan_is_kept() {
        let mut details = PlanCreated::new(1, "mend", PlanPhase::Action, ["greeter"], 3);
        details.parent_plan_id = Some("plan-1".into());
        assert_eq!(row(&DomainEvent::new(details)).parent_plan_id.as_deref(), Some("plan-1"));
    }
}
