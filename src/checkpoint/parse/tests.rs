use proptest::prelude::*;

use super::json::MAX_DEPTH;
use super::*;

mod keys;

const LEAST: &str = r#"{"agent":"a","session_id":"s","phase":"p"}"#;

fn draft(json: &str) -> Result<CheckpointDraft, Refused> {
    Rules::default().draft(json.as_bytes())
}

fn file(json: &str) -> Result<SessionCheckpoint, Refused> {
    Rules::default().checkpoint(json.as_bytes())
}

/// A draft with these keys beside the least that is needed.
fn with(keys: &str) -> String {
    format!("{},{keys}}}", LEAST.trim_end_matches('}'))
}

/// The file of a draft that is sound.
fn written(json: &str) -> String {
    let at = crate::event::Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
    let checkpoint = SessionCheckpoint::new(draft(json).unwrap(), at, None);
    String::from_utf8(checkpoint.to_line()).unwrap()
}

/// What a refusal says, of what was given.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    result.unwrap_err().of(Subject::Given).to_string()
}

#[test]
fn what_an_agent_says_is_read_as_it_was_meant() {
    let read = draft(&with(
        r#""schema_version":1,"resume_hint":"first \u00e9","context":{"branch":"b","x":[1e400, {"y":1.0}],
           "task_ids":["t"]},"progress":{"decisions":["d"],"tasks_remaining":["r1","r2"]}"#,
    ))
    .unwrap();
    assert_eq!((&*read.agent, read.session_id.to_string(), &*read.phase), ("a", "s".to_owned(), "p"));
    assert_eq!(read.resume_hint.as_deref(), Some("first é"));
    assert_eq!(read.context.branch.as_deref(), Some("b"));
    assert_eq!(read.context.task_ids, ["t"]);
    assert_eq!(read.progress.tasks_remaining, ["r1", "r2"]);
    let others: Vec<_> = read.context.others().map(|(key, value)| (key, value.get())).collect();
    assert_eq!(others, [("x", r#"[1e400,{"y":1.0}]"#)], "as it was spelled");
}

#[test]
fn what_was_given_on_many_lines_is_kept_on_one_each_number_and_text_as_it_was_spelled() {
    let spelled =
        r#"{"n":[1e400,0.10,-0,1E+2,123456789012345678901234567890],"\u0061 \"":" a\\\" \t\u00e9 ","e":{}}"#;
    let pretty = r#"{ "n" :~[ 1e400 ,0.10,~-0,1E+2, 123456789012345678901234567890~],
        "\u0061 \"": " a\\\" \t\u00e9 ", "e": { } }"#
        .replace('~', "\t\r\n ");
    let json = with(&format!("\n\"context\" :\n{{ \"x\": {pretty},\n\"y\":\n[ ]\n}}\n"));
    let line = written(&json);
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    assert!(line.contains(&format!(r#""context":{{"x":{spelled},"y":[]}}"#)), "{line}");
    let again = file(&line.replace("\":", "\" :\n")).map(|again| again.to_line());
    assert_eq!(
        again.unwrap(),
        line.as_bytes(),
        "what was written by hand is one line when it is written again"
    );
}

#[test]
fn what_the_store_fills_in_is_refused_from_an_agent() {
    for key in ADDED {
        let refused = refusal(draft(&with(&format!(r#""{key}":"active""#))));
        assert!(
            refused.ends_with(&format!("{key:?} is filled in by the store alone: leave it out")),
            "{refused}"
        );
    }
}

#[test]
fn all_that_is_missing_or_of_another_form_is_told_without_its_value() {
    let refused =
        refusal(draft(r#"{"agent":"","session_id":7,"context":[],"progress":{"decisions":["x",8]}}"#));
    let expected = "what was given is no checkpoint: \"agent\" must not be empty; \"session_id\" must be a text; \
                    \"phase\" is missing; \"context\" must be an object; \
                    \"progress.decisions\" must be an array of texts";
    assert_eq!(refused, expected);
    for json in ["[]", "7", "null", "\"text\""] {
        assert_eq!(
            refusal(draft(json)),
            format!("what was given is no checkpoint: it must be an object{MISSING}")
        );
    }
}

const MISSING: &str = "; \"agent\" is missing; \"session_id\" is missing; \"phase\" is missing";

#[test]
fn what_is_no_json_is_corrupt_and_the_place_is_told() {
    for json in ["", "{", r#"{"agent":"a""#, "{'agent':1}", "\u{feff}{}", "{} {}", "nul", "{\"a\":\"\u{1}\"}"]
    {
        let refused = draft(json);
        assert!(matches!(refused, Err(Refused::Corrupt(CorruptFault::Json { .. }))), "{json:?}: {refused:?}");
    }
    assert!(matches!(Rules::default().draft(b"{\"\xff\":1}"), Err(Refused::Corrupt(CorruptFault::Encoding))));
    for half in [r#"{"a":"\ud800"}"#, r#"{"\udc00":1}"#, r#"{"context":{"x":[["\ud800"]]}}"#] {
        assert!(matches!(draft(half), Err(Refused::Corrupt(CorruptFault::Text))), "{half}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_however_deep_it_is() {
    let nested =
        |depth: usize| with(&format!(r#""context":{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    // The whole and the context are two.
    draft(&nested(MAX_DEPTH - 2)).unwrap();
    for depth in [MAX_DEPTH - 1, 1_000, 30_000] {
        let refused = draft(&nested(depth));
        assert!(matches!(refused, Err(Refused::Corrupt(CorruptFault::TooDeep { .. }))), "{depth}");
    }
}

#[test]
fn what_is_too_long_is_refused_by_the_byte() {
    let padded = |len: usize| format!("{LEAST}{}", " ".repeat(len - LEAST.len()));
    draft(&padded(MAX_DRAFT_BYTES)).unwrap();
    assert!(matches!(draft(&padded(MAX_DRAFT_BYTES + 1)), Err(Refused::TooLarge(MAX_DRAFT_BYTES))));
}

#[test]
fn the_longest_draft_still_fits_when_all_is_added_that_may_be() {
    let hint = "\u{1}".repeat((MAX_DRAFT_BYTES - LEAST.len() - 17) / 6);
    let long = with(&format!(r#""resume_hint":{}"#, serde_json::to_string(&hint).unwrap()));
    assert!(long.len() <= MAX_DRAFT_BYTES && long.len() > MAX_DRAFT_BYTES - 10, "{}", long.len());
    let mut checkpoint = file(&written(&long)).unwrap();
    let (reason, operator) = ("\"".repeat(MAX_REASON_BYTES), "\"".repeat(256));
    let (reason, operator) = motive(&reason, &operator).unwrap();
    let abandoned_at = checkpoint.created_at;
    checkpoint.abandonment = Some(Abandonment { reason, operator, abandoned_at });
    checkpoint.status = CheckpointStatus::Abandoned;
    checkpoint.journal = Some(crate::event::EventId::from_bytes([0xff; 16]));
    checkpoint.position = Some(crate::journal::Position::MAX);
    assert_eq!(file(str::from_utf8(&checkpoint.to_line()).unwrap()).unwrap(), checkpoint);
}

#[test]
fn a_secret_is_refused_wherever_it_stands_and_not_told() {
    let key = format!("sk-ant-api03-{}", "x1Y2".repeat(20));
    for json in [
        with(&format!(r#""resume_hint":"use {key}""#)),
        with(&format!(r#""context":{{"x":["{key}"]}}"#)),
        with(&format!(r#""{key}":1"#)),
        with(r#""context":{"password":"hunter22"}"#),
    ] {
        assert!(matches!(draft(&json), Err(Refused::Secret)), "{:?}", draft(&json));
        let told = refusal(draft(&json));
        assert!(!told.contains("sk-ant") && !told.contains("hunter"), "{told}");
    }
    let rules = Rules { redactor: Redactor::none(), agents: None };
    rules.draft(with(r#""context":{"password":"hunter22"}"#).as_bytes()).unwrap();
}

#[test]
fn only_agents_that_are_allowed_are_taken() {
    let rules = |agent: &str| Rules { agents: Some([Text::from(agent)].into()), ..Rules::default() };
    rules("a").draft(LEAST.as_bytes()).unwrap();
    let refused = rules("b").draft(LEAST.as_bytes());
    assert!(matches!(refused, Err(Refused::NotConforming(Nonconformity::Agent))));
    assert!(rules("b").checkpoint(written(LEAST).as_bytes()).is_err());
}

#[test]
fn a_file_that_contradicts_itself_is_not_taken() {
    let sound = written(LEAST);
    let why =
        r#""disposition":"abandoned","reason":"r","operator":"o","abandoned_at":"2026-01-01T00:00:00Z""#;
    let with_why = |status: &str| {
        sound.replace("\"active\"", &format!("\"{status}\"")).trim_end().trim_end_matches('}').to_owned()
            + &format!(",{why}}}")
    };
    assert_eq!(file(&with_why("abandoned")).unwrap().abandonment.unwrap().reason, "r");
    for (json, reason) in [
        (with_why("active"), Nonconformity::Disposition),
        (with_why("resolved"), Nonconformity::Disposition),
        (sound.replace("active", "abandoned"), Nonconformity::Disposition),
        (with_why("abandoned").replace(r#""operator":"o","#, ""), Nonconformity::Disposition),
        (with_why("abandoned").replace(r#""disposition":"abandoned","#, ""), Nonconformity::Disposition),
        (with_why("abandoned").replace(r#""reason":"r","#, ""), Nonconformity::Disposition),
        (with_why("abandoned").replace(r#""reason":"r""#, r#""reason":" ""#), Nonconformity::Reason),
        (with_why("abandoned").replace(r#""reason":"r""#, r#""reason":"a\nb""#), Nonconformity::Reason),
        (
            with_why("abandoned").replace(r#""reason":"r""#, &format!(r#""reason":"{}""#, "x".repeat(1_001))),
            Nonconformity::Reason,
        ),
        (with_why("abandoned").replace("2026-01", "2006-01"), Nonconformity::Times),
        (sound.replace(r#""updated_at":"2023"#, r#""updated_at":"2022"#), Nonconformity::Times),
        (r#"{"schema_version":2,"wholly":"other"}"#.to_owned(), Nonconformity::Version { found: 2 }),
    ] {
        let refused = file(&json);
        assert!(
            matches!(refused, Err(Refused::NotConforming(found)) if found == reason),
            "{json}: {refused:?}"
        );
    }
    for (from, to) in [("\"active\"", "\"Active\""), ("2023-11", "2023-13"), ("\"schema_version\":1,", "")] {
        assert!(matches!(file(&sound.replace(from, to)), Err(Refused::Invalid(_))), "{to}");
    }
}

#[test]
fn a_reason_and_an_operator_are_a_line_each() {
    motive("why", "me").unwrap();
    for (reason, operator) in
        [("", "me"), (" ", "me"), ("a\nb", "me"), ("why", ""), ("why", "a\u{1b}"), ("", "")]
    {
        assert!(motive(reason, operator).is_err(), "{reason:?} {operator:?}");
    }
    assert!(motive(&"x".repeat(MAX_REASON_BYTES + 1), "me").is_err());
}

proptest! {
    #[test]
    fn whatever_bytes_are_read_they_are_refused_or_come_back_as_they_were(bytes: Vec<u8>) {
        if let Ok(checkpoint) = Rules::default().checkpoint(&bytes) {
            prop_assert_eq!(Rules::default().checkpoint(&checkpoint.to_line()).unwrap(), checkpoint);
        }
        drop(Rules::default().draft(&bytes));
    }

    #[test]
    fn a_file_with_any_byte_changed_is_refused_or_sound(at in 0..400_usize, byte: u8) {
        let mut bytes = written(&with(r#""context":{"x":{"y":[1,"z"]}},"progress":{"decisions":["d"]}"#)).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(checkpoint) = Rules::default().checkpoint(&bytes) {
            prop_assert_eq!(Rules::default().checkpoint(&checkpoint.to_line()).unwrap(), checkpoint);
        }
    }

    #[test]
    fn what_a_context_holds_comes_back_as_it_was_spelled(
        entries in proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,20}", 0..6),
        spaces in "[ \t\n]{0,3}",
    ) {
        prop_assume!(!entries.keys().any(|key| CheckpointContext::KEYS.contains(&key.as_str())));
        let spaced = |spaces: &str, text: &str| {
            format!("{spaces}[{spaces}{}{spaces},1.50{spaces}]", serde_json::to_string(text).unwrap())
        };
        let keys: Vec<_> =
            entries.iter().map(|(key, text)| format!("{key:?}:{}", spaced(&spaces, text))).collect();
        let json = with(&format!(r#""context":{{{}}}"#, keys.join(",")));
        let Ok(_) = draft(&json) else { return Ok(()) };
        let read = file(&written(&json)).unwrap();
        let found: Vec<_> =
            read.saved.context.others().map(|(key, value)| (key.to_owned(), value.get().to_owned())).collect();
        let given: Vec<_> = entries.iter().map(|(key, text)| (key.clone(), spaced("", text))).collect();
        prop_assert_eq!(found, given);
    }
}
