use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::event::{EventType, PlanApplied, ToolErrorKind, ToolErrored};
use crate::redact::details_of;
use crate::redact::json::{Of, Scan};
use crate::redact::text::MARKERS;

/// Parts of secrets, of what only resembles one, and what JSON is made of.
const PARTS: [&str; 36] = [
    "gh",
    "o_0123456789abcdef0123",
    "gho_01234",
    "56789abcdef",
    "sk",
    "-abcd1234efgh",
    "Bea",
    "rer abc123def456",
    "Bearer",
    "eyJhbGciOiJ",
    "IUzI1NiJ9.eyJzdWIi",
    "-----BEGIN PRI",
    "VATE KEY-----",
    "MIIEpAIBAAKCAQEA",
    "https:",
    "//u:",
    "/u:pass@host",
    "--password",
    "--api-key=abc",
    "--tok",
    "en",
    "-",
    "hunter2",
    "\"",
    "\\",
    ",",
    ":",
    "[",
    "]",
    "{",
    "\":\"",
    "\n",
    " ",
    "é",
    "\u{2026}",
    "[redacted]",
];

/// The same of keys.
const KEYS: [&str; 24] = [
    "password",
    "pass",
    "word",
    "api",
    "Key",
    "API_KEY",
    "tok",
    "token",
    "s",
    "_count",
    "secret",
    "lane",
    "secret\\",
    "\n",
    "\"",
    "\\",
    ":",
    "é",
    "-",
    "auth",
    "Header",
    "conn",
    "ection-str",
    "dsn",
];

fn text(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(of), 0..4).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![4 => text(&PARTS).prop_map(Value::from), 1 => any::<i32>().prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(text(&KEYS), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// The ways in which the same JSON may be written.
fn written(value: &Value) -> [String; 4] {
    let compact = value.to_string();
    let pretty = serde_json::to_string_pretty(value).unwrap();
    // Neither stands outside of texts.
    [compact.replace('o', "\\u006F"), compact.replace('/', "\\/"), pretty.replace(':', " \t:"), compact]
}

/// The line of an event, as any serialiser writes it, and where its details begin.
fn written_as_event(event: &DomainEvent) -> (String, usize) {
    let mut line = Vec::new();
    let details = event.write_json(&mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    assert_eq!(line, serde_json::to_string(event).unwrap());
    assert_eq!(line[details..line.len() - 1], event.details_json().unwrap());
    (line, details)
}

proptest! {
    #[test]
    fn what_is_told_to_be_clean_has_nothing_to_mask(value in value()) {
        let rules = Rules::built_in();
        for json in written(&value) {
            if is_clean(&rules, &json, 0..json.len()) {
                prop_assert!(Scan::new(&rules, &json, Of::Json).run().is_none(), "{json}");
            }
        }
    }

    #[test]
    fn so_it_is_with_events(details in value(), attribute in value(), key in text(&KEYS), has in any::<[bool; 2]>()) {
        let rules = Rules::built_in();
        let kind = EventType::declare("clean.looked_at").unwrap();
        let mut event = if has[0] {
            DomainEvent::custom(kind, &json!({"details": details, "attributes": {}})).unwrap()
        } else {
            let error = details.as_str().unwrap_or("it failed");
            DomainEvent::new(ToolErrored::new("cargo", "call-1", error, ToolErrorKind::Failed, 1, 3))
        };
        if has[1] {
            event = event.with_attribute(key, attribute);
        }
        let (line, details) = written_as_event(&event);
        if is_clean(&rules, &line, keyed_part(&event, &line, details)) {
            prop_assert!(Scan::new(&rules, &line, Of::Event(details_of(&event))).run().is_none(), "{line}");
        }
    }
}

/// A token in two texts, each so long that only its ends are looked at.
#[test]
fn a_secret_in_two_texts_is_seen_wherever_it_is_cut() {
    let (rules, long) = (Rules::built_in(), "an innocent text ".repeat(20));
    for marker in MARKERS.map(|(marker, _)| marker).into_iter().filter(|marker| !marker.contains('\\')) {
        let secret = format!("{marker}u:p@\u{2026}");
        for cut in 0..=marker.len() {
            let (before, after) = secret.split_at(cut);
            let json = json!({"a": [format!("{long}{before}"), format!("{after}{long}")]}).to_string();
            assert!(!is_clean(&rules, &json, 0..0), "{before} {after}");
        }
        assert!(marker.len() <= MAX_MARKER_BYTES);
    }
}

#[test]
fn what_agents_do_is_told_to_be_clean() {
    let rules = Rules::built_in();
    for value in [
        json!({"command": ["cargo", "test", "--workspace"], "usage": {"input_tokens": 3, "token_count": 4}}),
        json!({"arguments": r#"{"path":"src/lib.rs"}"#, "url": "https://example.org:443/v1", "keys": ["a", "b"]}),
        json!([[["task", "me"], ["C:\\Users", "x:y"]], {"primary_key": "id", "authors": ["é"]}]),
    ] {
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            assert!(is_clean(&rules, &json, 0..json.len()), "{json}");
        }
    }
    let applied = DomainEvent::new(PlanApplied::new(1, ["docs", "site"], 3, 20, 4, 2, 1_500));
    for event in [applied.clone().with_attribute("lane", "left").with_attribute("n", json!(["a"])), applied] {
        let (line, details) = written_as_event(&event);
        assert!(is_clean(&rules, &line, keyed_part(&event, &line, details)), "{line}");
    }
}

#[test]
fn what_is_nested_too_deep_is_looked_at() {
    let rules = Rules::built_in();
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(is_clean(&rules, &nested(MAX_DEPTH), 0..2 * MAX_DEPTH));
    assert!(!is_clean(&rules, &nested(MAX_DEPTH + 1), 0..2 * MAX_DEPTH));
}
