use proptest::prelude::*;

use super::*;

fn name() -> ConsumerName {
    "indexer".parse().unwrap()
}

fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

fn cursor() -> Cursor {
    let retry = Retry {
        position: at(43),
        attempts: 2,
        not_before: "2026-01-31T09:30:02Z".parse().unwrap(),
        reason: Brief::from("timed out"),
    };
    let updated = "2026-01-31T09:30:00Z".parse().unwrap();
    Cursor { position: Some(at(42)), updated, retry: Some(retry) }
}

const TEXT: &str = r#"{"format":1,"consumer":"indexer","position":42,"updated":"2026-01-31T09:30:00Z","retry":{"position":43,"attempts":2,"not_before":"2026-01-31T09:30:02Z","reason":"timed out"}}"#;

fn written(cursor: &Cursor) -> String {
    let directory = tempfile::tempdir().unwrap();
    let storage = crate::journal::FileSystem::new(directory.path());
    storage.create_folder("cursors").unwrap();
    cursor.write(&storage, &name()).unwrap();
    assert_eq!(Cursor::read(&storage, &name()).unwrap().as_ref(), Some(cursor));
    std::fs::read_to_string(directory.path().join("cursors/indexer.json")).unwrap()
}

#[test]
fn a_cursor_reads_what_it_wrote_and_looks_as_documented() {
    assert_eq!(written(&cursor()), format!("{TEXT}\n"));
    let fresh = written(&Cursor { retry: None, position: None, ..cursor() });
    assert_eq!(
        fresh,
        "{\"format\":1,\"consumer\":\"indexer\",\"position\":0,\"updated\":\"2026-01-31T09:30:00Z\"}\n"
    );
}

#[test]
fn the_longest_cursor_can_be_read_again() {
    let name: ConsumerName = "x".repeat(64).parse().unwrap();
    let mut cursor = cursor();
    cursor.position = Position::MAX.previous();
    if let Some(retry) = &mut cursor.retry {
        retry.position = Position::MAX;
        retry.attempts = u32::MAX;
        retry.reason = Brief::from("\u{1}".repeat(500));
    }
    let directory = tempfile::tempdir().unwrap();
    let storage = crate::journal::FileSystem::new(directory.path());
    storage.create_folder("cursors").unwrap();
    cursor.write(&storage, &name).unwrap();
    assert_eq!(Cursor::read(&storage, &name).unwrap(), Some(cursor));
}

#[test]
fn what_is_no_cursor_is_told_by_its_fault() {
    let damaged =
        |text: &str| matches!(Cursor::parse(text.as_bytes(), &name()), Err(CursorFault::Damaged { .. }));
    for text in [
        "",
        "\0\0\0\0",
        "{",
        "[]",
        "42",
        "null",
        r#"{"format":1}"#,
        r#"{"format":-1}"#,
        &TEXT[..TEXT.len() - 1],
        &TEXT.replace(":42", ":-1"),
        &TEXT.replace(":42", ":42.0"),
        &TEXT.replace(":42", ":\"42\""),
        &TEXT.replace(":42", ":99999999999999999999"),
        &TEXT.replace(":43", ":0"),
        &TEXT.replace(":43", ":9007199254740992"),
        &TEXT.replace("indexer", "../indexer"),
        &TEXT.replace("2026-01-31T09:30:00Z", "yesterday"),
        &TEXT.replace("\"position\":42", "\"position\":42,\"position\":41"),
        &format!("{TEXT}{TEXT}"),
        &"[".repeat(10_000),
    ] {
        assert!(damaged(text), "{text:.200}");
    }
    let parse = |text: String| Cursor::parse(text.as_bytes(), &name());
    assert_eq!(parse(TEXT.replace(":42", ":9007199254740992")), Err(CursorFault::Impossible));
    assert_eq!(parse(TEXT.replace("indexer", "other")), Err(CursorFault::OfAnother));
    assert_eq!(parse(TEXT.replace("\"format\":1", "\"format\":2")), Err(CursorFault::Format { found: 2 }));
}

#[test]
fn a_cursor_longer_than_any_is_impossible() {
    let directory = tempfile::tempdir().unwrap();
    let storage = crate::journal::FileSystem::new(directory.path());
    storage.create_folder("cursors").unwrap();
    let padded = format!("{}{TEXT}", " ".repeat(MAX_BYTES));
    std::fs::write(directory.path().join("cursors/indexer.json"), padded).unwrap();
    let read = Cursor::read(&storage, &name());
    assert!(matches!(read, Err(Unusable::Fault(CursorFault::Impossible))), "{read:?}");
}

#[test]
fn a_retry_that_is_acknowledged_already_is_none() {
    let text = TEXT.replace(":43", ":42");
    assert_eq!(Cursor::parse(text.as_bytes(), &name()).unwrap().retry, None);
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up_for_long() {
    let retry = cursor().retry.unwrap();
    let longest = Duration::from_mins(5);
    let before =
        |seconds: i64| Timestamp::from_unix_nanos(retry.not_before.unix_nanos() - seconds * 1_000_000_000);
    assert!(retry.holds_back(before(1), longest) && retry.holds_back(before(300), longest));
    assert!(!retry.holds_back(before(0), longest) && !retry.holds_back(before(-1), longest));
    assert!(!retry.holds_back(before(301), longest));
}

proptest! {
    #[test]
    fn reading_a_damaged_cursor_is_safe(damages in prop::collection::vec((0..TEXT.len(), any::<u8>()), 1..6)) {
        let mut bytes = TEXT.as_bytes().to_vec();
        for (place, byte) in damages {
            bytes[place] = byte;
        }
        if let Ok(cursor) = Cursor::parse(&bytes, &name()) {
            prop_assert!(cursor.retry.is_none_or(|retry| Some(retry.position) > cursor.position));
        }
    }
}
