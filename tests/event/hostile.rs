//! Bad input: refused with a reason, or kept; never a panic, never without bound.

use agentbus::DomainEvent;
use proptest::prelude::*;

use crate::envelope::whole_events;
use crate::reading_is_safe;

const HEAD: &str =
    r#""id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","timestamp":"2026-01-31T09:30:00Z","correlation_id":"c""#;
const KNOWN: &str = r#""event_type":"session.created""#;
const UNKNOWN: &str = r#""event_type":"plan.merged""#;

fn read(rest: &str) -> Result<DomainEvent, String> {
    serde_json::from_str(&format!("{{{HEAD},{rest}}}")).map_err(|error| error.to_string())
}

#[track_caller]
#[expect(clippy::unwrap_used, reason = "what is not refused fails the test")]
fn assert_refused(rest: &str, why: &str) {
    let error = read(rest).unwrap_err();
    assert!(error.contains(why), "{rest:.100}: {error:.300}");
    assert!(error.len() < 2_000, "an error quotes no megabyte: {} bytes", error.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn reading_any_bytes_is_safe(bytes in any::<Vec<u8>>()) {
        reading_is_safe(&bytes)?;
    }

    #[test]
    fn reading_what_looks_like_json_is_safe(text in r#"[\[\]{}:,"\\u0-9a-z. \-]{0,200}"#) {
        reading_is_safe(text.as_bytes())?;
    }

    #[test]
    fn reading_a_damaged_event_is_safe(
        event in whole_events(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&event).unwrap();
        for (place, byte) in damages {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        reading_is_safe(&bytes)?;
    }

    #[test]
    fn a_torn_event_is_refused(event in whole_events(), place in any::<prop::sample::Index>()) {
        let bytes = serde_json::to_vec(&event).unwrap();
        let torn = &bytes[..place.index(bytes.len())];
        prop_assert!(serde_json::from_slice::<DomainEvent>(torn).is_err());
    }

    #[test]
    fn two_events_mixed_are_safe_to_read(
        one in whole_events(), other in whole_events(),
        (cut, join) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let (one, other) = (serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&other).unwrap());
        let mixed = [&one[..cut.index(one.len())], &other[join.index(other.len())..]].concat();
        reading_is_safe(&mixed)?;
    }
}

#[test]
fn a_megabyte_of_id_or_name_is_refused_and_of_text_is_cut() {
    let long = "x".repeat(1 << 20);
    for key in ["plan_id", "session_id", "root_plan_id", "actor_name", "project_name", "user_identity"] {
        assert_refused(&format!(r#"{KNOWN},"{key}":"{long}","details":{{}}"#), "at most 256 bytes");
    }
    assert_refused(&format!(r#"{KNOWN},"causation_id":"{long}","details":{{}}"#), "must be a ULID");
    assert_refused(&format!(r#""event_type":"a.{long}","details":1"#), "at most 64 bytes");
    let event = read(&format!(r#"{KNOWN},"details":{{"imported":true,"title":"{long}"}}"#)).unwrap();
    let title = event.details::<agentbus::event::SessionCreated>().unwrap().title.clone().unwrap();
    assert!(title.len() <= 500 && title.ends_with('…'));
}

#[test]
fn control_characters_in_names_are_refused_with_their_place() {
    for code in (0..0x20).chain(0x7f..0xa0) {
        let escaped = format!("a\\u{code:04x}");
        assert_refused(&format!(r#"{KNOWN},"plan_id":"{escaped}","details":{{}}"#), "at byte 1");
        assert_refused(&format!(r#"{KNOWN},"actor_name":"{escaped}","details":{{}}"#), "control characters");
    }
}

#[test]
fn invented_names_are_kept_and_impossible_ones_refused() {
    assert!(read(r#""event_type":"plan.createdx","details":{}"#).is_ok());
    for name in
        ["", "plan", "Plan.created", "plan..created", ".plan", "plan.", "plan created", "plän.created"]
    {
        assert_refused(&format!(r#""event_type":"{name}","details":{{}}"#), "`event_type`");
    }
    assert_refused(r#""event_type":7,"details":{}"#, "`event_type`: invalid type");
    assert_refused(r#""event_type":null,"details":{}"#, "`event_type`: invalid type");
}

#[test]
fn the_same_key_twice_is_refused_wherever_it_stands() {
    let details = r#""details":{"imported":true}"#;
    for key in ["id", "timestamp", "correlation_id"] {
        assert_refused(&format!(r#"{KNOWN},{details},"{key}":"c""#), &format!("duplicate field `{key}`"));
    }
    assert_refused(&format!("{KNOWN},{details},{details}"), "duplicate field `details`");
    let twice = r#""details":{"imported":true,"imported":true}"#;
    assert_refused(&format!("{KNOWN},{twice}"), "duplicate field `imported`");
    assert_refused(&format!("{twice},{KNOWN}"), "duplicate field `imported`");
    let unknown = r#""details":{"imported":true,"x":1,"x":1}"#;
    assert_refused(&format!("{KNOWN},{unknown}"), "duplicate field `x`");
    assert_refused(&format!("{unknown},{KNOWN}"), "duplicate field `x`");
    assert_refused(&format!(r#"{KNOWN},{details},"x":1,"y":2,"x":1"#), "duplicate field `x`");
    assert_refused(&format!(r#"{KNOWN},{details},"x":1,"\u0078":1"#), "duplicate field `x`");
}

/// Were each compared with all others, this would take an hour.
#[test]
fn two_hundred_thousand_unknown_keys_are_read_each_once() {
    let keys =
        (0..200_000).fold(String::new(), |keys, number| keys + r#""x"# + &number.to_string() + r#"":1,"#);
    let event = read(&format!(r#"{KNOWN},{keys}"details":{{{keys}"imported":true}}"#)).unwrap();
    assert_eq!(event.unknown_keys().count(), 200_000);
    let twice = format!(r#"{KNOWN},{keys}"x7":1,"details":{{"imported":true}}"#);
    assert_refused(&twice, "duplicate field `x7`");
    let twice = format!(r#"{KNOWN},"details":{{{keys}"x7":1,"imported":true}}"#);
    assert_refused(&twice, "duplicate field `x7`");
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_refused(&format!(r#"{UNKNOWN},"details":{deep}"#), "recursion limit");
        assert_refused(&format!(r#"{KNOWN},"x":{deep},"details":{{}}"#), "recursion limit");
        assert_refused(&format!(r#"{KNOWN},"attributes":{{"x":{deep}}},"details":{{}}"#), "recursion limit");
        assert_refused(&format!(r#"{KNOWN},"details":{{"x":{deep}}}"#), "recursion limit");
        assert_refused(&format!(r#""details":{{"x":{deep}}},{KNOWN}"#), "recursion limit");
        assert_refused(&format!(r#"{KNOWN},"plan_id":{deep},"details":{{}}"#), "`plan_id`");
    }
}

#[test]
fn numbers_of_six_thousand_digits_are_refused_and_small_ones_kept() {
    let (large, small) = ("9".repeat(6_000), format!("0.{}", "1".repeat(6_000)));
    assert_refused(&format!(r#"{UNKNOWN},"details":{large}"#), "number out of range");
    assert_refused(&format!(r#"{KNOWN},"x":-{large},"details":{{}}"#), "number out of range");
    assert_refused(&format!(r#"{KNOWN},"origin":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":{large}"#), "`seq`");
    let event = read(&format!(r#"{UNKNOWN},"details":{small}"#)).unwrap();
    assert_eq!(event.details_json().unwrap(), small);
    for seq in ["0", "-1", "1.0", "18446744073709551616", "\"1\"", "true"] {
        let place = format!(r#""origin":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":{seq}"#);
        assert_refused(&format!(r#"{KNOWN},{place},"details":{{"imported":true}}"#), "`seq`");
    }
}

#[test]
fn half_a_surrogate_pair_is_refused_wherever_it_stands() {
    for half in [r"\ud800", r"\udc00", r"\ud800A", r"\ud800\ud800", r"\uD8", r"\u"] {
        assert!(read(&format!(r#"{KNOWN},"plan_id":"{half}","details":{{"imported":true}}"#)).is_err());
        assert!(read(&format!(r#"{KNOWN},"{half}":1,"details":{{"imported":true}}"#)).is_err());
        assert!(read(&format!(r#"{KNOWN},"x":"{half}","details":{{"imported":true}}"#)).is_err());
        assert!(read(&format!(r#"{UNKNOWN},"details":"{half}""#)).is_err());
        assert!(read(&format!(r#"{UNKNOWN},"details":{{"{half}":1}}"#)).is_err());
    }
    assert!(read(r#""event_type":"plan.merged","details":"\ud83d\ude00""#).is_ok());
}

#[test]
fn what_is_no_object_or_has_more_than_one_is_refused() {
    let whole = format!(r#"{{{HEAD},{KNOWN},"details":{{"imported":true}}}}"#);
    assert!(serde_json::from_str::<DomainEvent>(&whole).is_ok());
    for text in ["", " ", "null", "[]", "7", "\"plan.created\"", "{}", "{", "nul"] {
        assert!(serde_json::from_str::<DomainEvent>(text).is_err(), "{text:?}");
    }
    assert!(serde_json::from_str::<DomainEvent>(&format!("\u{feff}{whole}")).is_err(), "a byte order mark");
    assert!(serde_json::from_str::<DomainEvent>(&format!("{whole}{whole}")).is_err());
    assert!(
        serde_json::from_slice::<DomainEvent>(&whole.replace('c', "\u{fffd}").into_bytes()[..40]).is_err()
    );
    let latin1 = [whole.as_bytes(), b"\xff"].concat();
    assert!(serde_json::from_slice::<DomainEvent>(&latin1).is_err());
}

#[test]
fn a_refusal_does_not_quote_what_was_refused() {
    let secret = "sk-secret-0123456789";
    for rest in [
        format!(r#"{KNOWN},"plan_id":"{secret}\u0000","details":{{}}"#),
        format!(r#"{KNOWN},"causation_id":"{secret}","details":{{}}"#),
        format!(r#"{KNOWN},"traceparent":"{secret}","details":{{}}"#),
        format!(r#"{UNKNOWN},"details":"{secret}\ud800""#),
    ] {
        let error = read(&rest).unwrap_err();
        assert!(!error.contains(secret), "{error}");
    }
}
