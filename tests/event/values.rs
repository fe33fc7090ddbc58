//! The bounded types: what goes in comes out, or is refused, or is cut and marked.

use std::collections::HashSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use agentbus::event::*;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::strategies::{Any, name};

/// Writes a value as text and as JSON, and reads both again.
#[expect(clippy::unwrap_used, reason = "what cannot be written or read fails the test")]
fn round_trip<T>(value: &T) -> Result<(), TestCaseError>
where
    T: Debug + Display + FromStr<Err: Debug> + PartialEq + Serialize + DeserializeOwned,
{
    prop_assert_eq!(&value.to_string().parse::<T>().unwrap(), value);
    let json = serde_json::to_string(value).unwrap();
    prop_assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    Ok(())
}

proptest! {
    #[test]
    fn ids_are_kept_byte_for_byte(text in prop_oneof![name(), "[0-9A-HJKMNP-TV-Z]{26}", "[0-9a-zA-Z]{26}"]) {
        let id = PlanId::from(text.as_str());
        prop_assert_eq!(id.to_string(), text.as_str());
        prop_assert_eq!(&id, &text.as_str());
        round_trip(&id)?;
        round_trip(&SessionId::from(text))?;
    }

    #[test]
    fn an_id_is_equal_to_what_has_its_text(one in "[0-7][0-9A-HJKMNP-TV-Z]{25}", other in "[A-Z]{26}") {
        prop_assert_eq!(PlanId::from(one.as_str()), one.parse::<PlanId>().unwrap());
        let ids: HashSet<_> = [PlanId::from(one.as_str()), one.parse().unwrap(), PlanId::from(other)].into();
        prop_assert_eq!(ids.len(), 2);
        prop_assert_eq!(PlanId::from(one.parse::<EventId>().unwrap()), one.as_str());
    }

    #[test]
    fn an_event_id_is_its_sixteen_bytes(bytes in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
        let (id, other_id) = (EventId::from_bytes(bytes), EventId::from_bytes(other));
        prop_assert_eq!(id.as_bytes(), &bytes);
        prop_assert_eq!(id.cmp(&other_id), bytes.cmp(&other));
        prop_assert_eq!(id.to_string().cmp(&other_id.to_string()), bytes.cmp(&other), "texts order alike");
        round_trip(&id)?;
        round_trip(&Origin::from_bytes(bytes))?;
    }

    #[test]
    fn a_name_from_outside_is_kept_or_refused(text in prop_oneof![any::<String>(), ".{250,260}"]) {
        let fits = !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control);
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(text.parse::<Text>().is_ok(), fits);
        prop_assert_eq!(text.parse::<PlanId>().is_ok(), fits);
        prop_assert_eq!(serde_json::from_str::<Text>(&json).is_ok(), fits);
        prop_assert_eq!(serde_json::from_str::<CallId>(&json).is_ok(), fits);
    }

    #[test]
    fn a_name_of_the_program_is_made_to_fit(text in "(?s).{1,400}") {
        let made = Text::from(text.as_str());
        prop_assert!(made.len() <= MAX_NAME_BYTES && !made.contains(char::is_control));
        if text.parse::<Text>().is_ok() {
            prop_assert_eq!(&made, &text.as_str());
        }
        round_trip(&made)?;
    }

    #[test]
    fn a_brief_is_whole_or_cut_and_marked(text in prop_oneof![any::<String>(), "(?s).{100,600}"]) {
        let brief = Brief::from(text.as_str());
        prop_assert!(brief.len() <= MAX_BRIEF_BYTES);
        if text.len() <= MAX_BRIEF_BYTES {
            prop_assert_eq!(&brief, &text.as_str());
        } else {
            let kept = brief.strip_suffix(CUT_MARK).unwrap();
            prop_assert!(text.starts_with(kept) && kept.len() + CUT_MARK.len() + 4 > MAX_BRIEF_BYTES);
        }
        prop_assert_eq!(&Brief::from(brief.as_str()), &brief, "cutting again changes nothing");
        let json = serde_json::to_string(&brief).unwrap();
        prop_assert_eq!(serde_json::from_str::<Brief>(&json).unwrap(), brief);
    }

    #[test]
    fn few_are_the_first_and_a_count(length in 0..200_usize) {
        let few: Few<Text> = (0..length).map(|number| number.to_string()).collect();
        prop_assert_eq!(few.items().len(), length.min(MAX_FEW_ITEMS));
        prop_assert_eq!(few.more(), length.saturating_sub(MAX_FEW_ITEMS) as u64);
        let json = serde_json::to_string(&few).unwrap();
        prop_assert_eq!(serde_json::from_str::<Few<Text>>(&json).unwrap(), few);
    }

    #[test]
    fn hashes_are_sixty_four_lower_case_digits(bytes in any::<[u8; 32]>()) {
        let hash = Hash::from_bytes(bytes);
        let text = hash.to_string();
        prop_assert!(text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        round_trip(&hash)?;
        for bad in [text.to_uppercase() + "A", text[1..].to_owned(), format!("{text}0"), format!(" {text}")] {
            prop_assert_eq!(bad.parse::<Hash>(), Err(ParseHashError));
        }
    }

    #[test]
    fn money_is_exact(micros in any::<i64>()) {
        let usd = Usd::from_micros(micros);
        let text = usd.to_string();
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        prop_assert!(places <= 6 && !text.ends_with('.') && !(places > 0 && text.ends_with('0')));
        round_trip(&usd)?;
        prop_assert_eq!(usd.checked_add(Usd::from_micros(1)).is_none(), micros == i64::MAX);
    }

    #[test]
    fn reading_money_is_safe(text in "[-+0-9.eE ]{0,40}") {
        if let Ok(usd) = text.parse::<Usd>() {
            prop_assert_eq!(usd.to_string().parse::<Usd>(), Ok(usd));
        }
        drop(serde_json::from_str::<Usd>(&text));
    }

    #[test]
    fn a_fraction_survives_json(millionths in 0..=1_000_000_u32, amount in any::<i64>()) {
        let fraction = Fraction::from_millionths(millionths);
        let json = serde_json::to_string(&fraction).unwrap();
        prop_assert_eq!(serde_json::from_str::<Fraction>(&json).unwrap(), fraction);
        let part = i128::from(fraction.of(Usd::from_micros(amount)).as_micros());
        let exact = i128::from(amount) * i128::from(millionths);
        prop_assert!((part * 1_000_000 - exact).abs() < 1_000_000, "off by less than a micro-dollar");
    }

    #[test]
    fn times_are_utc_and_exact(nanos in any::<i64>()) {
        let time = Timestamp::from_unix_nanos(nanos);
        prop_assert!(time.to_string().ends_with('Z'));
        round_trip(&time)?;
    }

    #[test]
    fn a_trace_is_what_w3c_writes(text in "0[01]-[0-9a-fA-F]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}") {
        if let Ok(trace) = text.parse::<TraceContext>() {
            prop_assert_eq!(trace.to_string(), text);
            round_trip(&trace)?;
        }
    }

    #[test]
    fn a_decision_type_in_other_words_is_kept(word in Text::any()) {
        let json = serde_json::to_string(&DecisionType::from(word.clone())).unwrap();
        let read: DecisionType = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(read.as_str(), word.as_str());
    }
}

#[test]
fn a_place_is_never_zero() {
    assert_eq!((Seq::new(0), Turn::new(0)), (None, None));
    assert_eq!(Seq::new(u64::MAX).unwrap().get(), u64::MAX);
    assert!(serde_json::from_str::<Seq>("0").is_err());
}

#[test]
fn a_list_of_a_million_from_outside_is_bounded() {
    let json = format!("[{}\"last\"]", "\"x\",".repeat(1_000_000));
    let few: Few<Text> = serde_json::from_str(&json).unwrap();
    assert_eq!((few.items().len(), few.more()), (MAX_FEW_ITEMS, 1_000_001 - MAX_FEW_ITEMS as u64));
    let most = format!(r#"["a",{{"more":{}}},{{"more":{}}}]"#, u64::MAX, u64::MAX);
    assert_eq!(serde_json::from_str::<Few<Text>>(&most).unwrap().more(), u64::MAX);
}
