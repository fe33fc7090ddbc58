//! One line of stdin: an event, with what it left out filled in.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::Range;

use agentbus::DomainEvent;
use agentbus::event::{CorrelationId, Timestamp};
use agentbus::journal::MAX_LINE_BYTES;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Keys that are set by others.
const RESERVED: [(&str, &str); 4] =
    [("pos", "the journal"), ("chain", "the journal"), ("origin", "a bus"), ("seq", "a bus")];

/// What may be left out.
const FILLED: [&str; 3] = ["id", "timestamp", "correlation_id"];

/// What must not be left out.
const REQUIRED: [&str; 2] = ["event_type", "details"];

/// Why a line is no event that may be recorded. Never with its content; columns count bytes from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    #[error("it is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    #[error("it is no UTF-8 text, the fault is at column {column}")]
    NotText { column: usize },
    #[error("it is no JSON, the fault is at column {column}")]
    NotJson { column: usize },
    #[error("it is no JSON object")]
    NotAnObject,
    #[error("it must not have {key}: {who} sets that")]
    Reserved { key: &'static str, who: &'static str },
    #[error("it lacks {key}")]
    Lacks { key: String },
    #[error("its {key} is not what it should be{}", place(*column))]
    Bad { key: &'static str, column: Option<usize> },
    #[error("it is no event{}", place(*column))]
    NotAnEvent { column: Option<usize> },
}

fn place(column: Option<usize>) -> String {
    column.map(|column| format!(", the fault is at column {column}")).unwrap_or_default()
}

/// The event of a line.
pub(super) fn event(line: &[u8]) -> Result<DomainEvent, LineError> {
    let text =
        std::str::from_utf8(line).map_err(|error| LineError::NotText { column: error.valid_up_to() + 1 })?;
    let outline = Outline::of(text)?;
    let filled = outline.fill(text);
    // What stands in front of the first key now, less what stood there.
    let shift = filled.len() - text.len();
    serde_json::from_str(&filled).map_err(|error| outline.fault(&error, shift))
}

/// Which keys a line has, and where their values stand.
#[derive(Debug)]
struct Outline {
    keys: Vec<(&'static str, Range<usize>)>,
    /// Behind the opening brace.
    inside: usize,
    /// Behind the closing one.
    end: usize,
}

impl Outline {
    fn of(text: &str) -> Result<Self, LineError> {
        let Keys(all) = serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data => LineError::NotAnObject,
            _ => LineError::NotJson { column: error.column() },
        })?;
        if let Some((key, who)) =
            RESERVED.into_iter().find(|(key, _)| all.iter().any(|(given, _)| given == key))
        {
            return Err(LineError::Reserved { key, who });
        }
        let known = DomainEvent::KEYS.into_iter();
        let place = |value: &RawValue| {
            let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + value.get().len()
        };
        let keys: Vec<_> = known
            .flat_map(|key| {
                all.iter().filter(move |(given, _)| given == key).map(move |(_, value)| (key, place(value)))
            })
            .collect();
        let lacks = |key: &&str| !keys.iter().any(|(given, _)| given == key);
        if let Some(key) = REQUIRED.into_iter().find(lacks) {
            return Err(LineError::Lacks { key: key.to_owned() });
        }
        let inside = text.find('{').map_or(0, |brace| brace + 1);
        Ok(Self { keys, inside, end: text.trim_ascii_end().len() })
    }

    /// The line with what it left out.
    fn fill(&self, text: &str) -> String {
        let (before, rest) = text.split_at(self.inside);
        let mut filled = String::with_capacity(text.len() + 160);
        filled.push_str(before);
        // An event that sets something off has the id of the correlation.
        let id = CorrelationId::generate();
        for key in FILLED.into_iter().filter(|key| !self.keys.iter().any(|(given, _)| given == key)) {
            let value: &dyn fmt::Display = if key == "timestamp" { &Timestamp::now() } else { &id };
            write!(filled, "\"{key}\":\"{value}\",").expect("a String takes any text");
        }
        filled.push_str(rest);
        filled
    }

    /// What is wrong with an event, in which `shift` bytes stand before the first key that were not given.
    fn fault(&self, error: &serde_json::Error, shift: usize) -> LineError {
        if let Some(key) = missing_detail(&error.to_string()) {
            return LineError::Lacks { key: format!("details.{key}") };
        }
        let column = error.column().saturating_sub(shift).max(1);
        if error.is_data() && column >= self.end {
            // It was noticed at the end only.
            let is_in_details = error.to_string().starts_with(IN_DETAILS);
            return if is_in_details {
                LineError::Bad { key: "details", column: None }
            } else {
                LineError::NotAnEvent { column: None }
            };
        }
        let key =
            self.keys.iter().find(|(_, place)| place.contains(&(column - 1)) || place.end == column - 1);
        let column = Some(column);
        match key {
            Some((key, _)) => LineError::Bad { key, column },
            None => LineError::NotAnEvent { column },
        }
    }
}

/// What a message begins with that tells of details.
const IN_DETAILS: &str = "`details`: ";

/// The name in a message that says that a detail is missing: one of our own, never content.
fn missing_detail(message: &str) -> Option<&str> {
    let (name, _) = message.strip_prefix(IN_DETAILS)?.strip_prefix("missing field `")?.split_once('`')?;
    Some(name).filter(|name| name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()))
}

/// The keys and values of an object, as they are written.
struct Keys<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
        let mut keys = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            keys.push((key, value));
        }
        Ok(Keys(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","event_type":"session.created","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c","details":{"imported":false}}"#;

    fn refused(line: &str) -> LineError {
        event(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_whole_event_is_taken_as_it_is() {
        assert_eq!(serde_json::to_string(&event(WHOLE.as_bytes()).unwrap()).unwrap(), WHOLE);
        assert_eq!(event(format!(" {WHOLE}\r").as_bytes()).unwrap(), event(WHOLE.as_bytes()).unwrap());
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let before = Timestamp::now();
        let event = event(br#" {"event_type":"session.created","details":{"imported":false}}"#).unwrap();
        assert!(event.timestamp() >= before && event.timestamp() <= Timestamp::now());
        assert_eq!(event.correlation_id(), &event.id().to_string().as_str());
    }

    #[test]
    fn a_key_that_others_set_is_refused_however_it_is_written() {
        for key in ["pos", "chain", "origin", "seq", r"\u0070os"] {
            let line = WHOLE.replacen('{', &format!("{{\"{key}\":1,"), 1);
            assert!(matches!(refused(&line), LineError::Reserved { .. }), "{line}");
        }
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        assert_eq!(refused("{"), LineError::NotJson { column: 1 });
        assert_eq!(refused("\u{feff}{}"), LineError::NotJson { column: 1 });
        assert_eq!(refused(&format!("{WHOLE} {WHOLE}")), LineError::NotJson { column: WHOLE.len() + 2 });
        assert_eq!(refused("[1]"), LineError::NotAnObject);
        assert_eq!(refused("{}"), LineError::Lacks { key: "event_type".to_owned() });
        assert_eq!(event(b"{\"a\":\"\xff\"}").unwrap_err(), LineError::NotText { column: 7 });
        let lacks = refused(r#"{"event_type":"session.created","details":{}}"#);
        assert_eq!(lacks, LineError::Lacks { key: "details.imported".to_owned() });
        let bad = refused(r#"{"event_type":"session.created","plan_id":7,"details":{"imported":false}}"#);
        assert_eq!(bad, LineError::Bad { key: "plan_id", column: Some(43) });
        let bad = refused(r#"{"event_type":"No Name","details":{}}"#);
        assert_eq!(bad, LineError::Bad { key: "event_type", column: Some(23) });
    }

    #[test]
    fn a_place_that_is_not_known_is_not_told_however_much_was_filled_in() {
        let whole = WHOLE.replace("session.created", "x.y").replace("false", "1e400");
        for line in [
            whole.as_str(),
            r#"{"event_type":"x.y","details":{"x":1e400}} "#,
            r#"{"details":{"imported":7},"event_type":"session.created"}"#,
            r#"{"details":{"x":1e400},"event_type":"x.y"}"#,
        ] {
            assert_eq!(refused(line), LineError::Bad { key: "details", column: None }, "{line}");
        }
        let bad = refused(r#"{"event_type":"x.y","more":1e400,"details":{}}"#);
        assert_eq!(bad, LineError::NotAnEvent { column: Some(32) });
    }

    #[test]
    fn no_fault_tells_content() {
        let secret = "hunter2";
        for line in [
            format!(r#"{{"event_type":"{secret}!","details":{{}}}}"#),
            format!(
                r#"{{"{secret}":1,"{secret}":2,"event_type":"session.created","details":{{"imported":true}}}}"#
            ),
            format!(r#"{{"event_type":"session.created","details":{{"imported":"{secret}"}}}}"#),
            format!(
                r#"{{"event_type":"session.created","timestamp":"{secret}","details":{{"imported":true}}}}"#
            ),
            format!(r#"{{"event_type":"a.b","details":"{secret}"}} {secret}"#),
            WHOLE.replacen("01J5Z3NDEKTSV4RRFFQ69G5FAV", secret, 1),
        ] {
            let error = refused(&line).to_string();
            assert!(!error.contains(secret), "{error}");
        }
    }

    #[test]
    fn brackets_without_end_and_endless_numbers_are_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for value in [deep.as_str(), "1e400"] {
            let line = format!(r#"{{"event_type":"a.b","details":{{"x":{value}}}}}"#);
            assert!(event(line.as_bytes()).is_err());
        }
    }
}
