//! Details and questions made to break something.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use agentbus::audit::{AuditError, AuditIndex, AuditQuery, TextError};
use agentbus::{DomainEvent, EventType, Redactor};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::support::{Home, everything, positions};

fn said(text: &str) -> DomainEvent {
    let kind = EventType::declare("audit_tests.said").unwrap();
    DomainEvent::custom(kind, &json!({ "key_of_it": text })).unwrap()
}

#[test]
fn operators_of_fts5_are_words() {
    let texts = [
        "plain words",
        "NEAR(plain words, 2)",
        "details : plain",
        "a AND b OR c NOT d",
        "\"quoted\" text",
        "xyz* y^ (z)",
        "nul\u{0}byte",
        "' ; DROP TABLE events; --",
    ];
    let home = Home::with(texts.map(said));
    let mut index = home.index();
    for (number, text) in (1..).zip(texts) {
        let found = positions(&mut index, &AuditQuery::new().text(text).unwrap());
        assert!(found.contains(&number), "{text:?} finds itself: {found:?}");
    }
    let find = |index: &mut AuditIndex, text: &str| positions(index, &AuditQuery::new().text(text).unwrap());
    assert_eq!(find(&mut index, "NEAR"), [2]);
    assert_eq!(find(&mut index, "NOT"), [4]);
    assert_eq!(find(&mut index, "words plain"), [1, 2]);
    assert_eq!(find(&mut index, "\"words plain\""), [0; 0]);
    assert_eq!(find(&mut index, "PLAIN wor*"), [1, 2]);
    assert_eq!(find(&mut index, "wor"), [0; 0]);
    assert_eq!(find(&mut index, "key_of_it"), [0; 0], "keys are no texts");
    assert_eq!(find(&mut index, "events DROP"), [8]);
}

#[test]
fn escaped_deep_and_long_details_are_indexed_and_come_back() {
    let raw = |details: &str| -> DomainEvent {
        let json = format!(
            r#"{{"id":"01J5Z3NDEKTSV4RRFFQ69G5FAV","event_type":"audit_tests.raw","timestamp":"2026-01-31T09:30:00Z",
                "correlation_id":"c","details":{details}}}"#
        );
        serde_json::from_str(&json).unwrap()
    };
    let deep = format!("{}\"bottom\"{}", "[".repeat(100), "]".repeat(100));
    let long = format!("\"{} end\"", "word ".repeat(100_000));
    let home = Home::with(
        [r#"{"a":"a\u0000pair\ud83d\ude00\u202e","b":"\u0007"}"#, &deep, &long, r#""text""#, "7"].map(raw),
    );
    let mut index = home.index();
    home.assert_indexed(&mut index);
    for (position, word) in [(1, "pair"), (2, "bottom"), (3, "end"), (4, "text")] {
        assert_eq!(positions(&mut index, &AuditQuery::new().text(word).unwrap()), [position]);
    }
}

#[test]
fn what_is_looked_for_is_bounded() {
    assert_eq!(AuditQuery::new().text(&"x".repeat(2_000)).unwrap_err(), TextError::TooLong { actual: 2_000 });
    assert_eq!(AuditQuery::new().text(&"x ".repeat(40)).unwrap_err(), TextError::TooManyWords { actual: 40 });
    assert_eq!(AuditQuery::new().text("\"*\"").unwrap_err(), TextError::NoWord);
}

#[test]
fn a_file_that_is_no_index_is_named_with_the_way_out() {
    let contents: [&[u8]; 3] =
        [b"no database", &[0; 8_192], b"SQLite format 3\0 and then nothing of the kind"];
    for content in contents {
        let home = Home::of(2);
        fs::create_dir(home.path().join("audit")).unwrap();
        fs::write(home.path().join("audit/index-00000001.sqlite"), content).unwrap();
        let refused = AuditIndex::open(home.path()).unwrap_err();
        assert!(matches!(refused, AuditError::Damaged { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains("index-00000001.sqlite") && text.contains("audit DIR rebuild"), "{text}");
    }
}

#[test]
fn what_is_no_file_is_no_database_and_another_is_made() {
    let elsewhere = tempfile::tempdir().unwrap();
    let makes: [&dyn Fn(&Path); 3] = [
        &|path| mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
        &|path| fs::create_dir(path).unwrap(),
        &|path| symlink(elsewhere.path().join("other"), path).unwrap(),
    ];
    for make in makes {
        for name in ["index-00000001.sqlite", "index-00000001.sqlite-wal"] {
            let home = Home::of(2);
            drop(home.index());
            let path = home.path().join("audit").join(name);
            drop(fs::remove_file(&path));
            make(&path);
            let refused = AuditIndex::open(home.path()).unwrap_err();
            assert!(matches!(refused, AuditError::Damaged { .. }), "{name}: {refused:?}");
            AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap();
            home.assert_indexed(&mut home.index());
        }
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_written_through_a_link_in_the_place_of_the_folder() {
    let (home, elsewhere) = (Home::of(2), tempfile::tempdir().unwrap());
    symlink(elsewhere.path(), home.path().join("audit")).unwrap();
    let refused = [
        AuditIndex::open(home.path()).unwrap_err(),
        AuditIndex::open_to_ask(home.path()).unwrap_err(),
        AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap_err(),
    ];
    for refused in refused {
        assert!(matches!(refused, AuditError::NoFolder { .. }), "{refused:?}");
        assert!(refused.to_string().contains("audit is no folder of its own: move it away"), "{refused}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn secrets_that_older_rules_left_in_a_line_do_not_reach_the_index() {
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let home = Home::with([]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let builder = agentbus::journal::Journal::builder(home.path()).redactor(Redactor::none());
        let journal = builder.open().unwrap();
        let event = said(&secret).with_actor_name(secret.as_str()).with_attribute("password", "open sesame");
        journal.append(event).await.unwrap();
    });
    let mut index = home.index();
    assert_eq!(everything(&mut index, &AuditQuery::new()).len(), 1);
    drop(index);
    for file in home.index_files() {
        let bytes = fs::read(file).unwrap();
        for secret in [secret.as_bytes(), &secret.as_bytes()[4..], b"sesame"] {
            assert!(!bytes.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_text_is_an_error_of_sql(questions in prop::collection::vec("[ \"*():^a-cNEARTO'\\x00{}\\-+é日\u{301}½]{1,24}|.{1,40}", 200)) {
        let home = Home::with(questions.iter().take(20).map(|text| said(text)));
        let mut index = home.index();
        for text in &questions {
            if let Ok(query) = AuditQuery::new().text(text) {
                index.query(&query).unwrap();
            }
        }
    }
}

#[test]
fn a_database_of_somebody_else_is_refused_and_left_as_it_is() {
    let home = Home::of(1);
    let foreign = home.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&foreign).unwrap();
    let file = home.path().join("audit/index-00000001.sqlite");
    fs::create_dir(home.path().join("audit")).unwrap();
    fs::copy(&foreign, &file).unwrap();
    assert!(matches!(AuditIndex::open(home.path()), Err(AuditError::Damaged { .. })));
    assert_eq!(fs::read(&file).unwrap(), before);
    fs::remove_file(&file).unwrap();
    symlink(&foreign, &file).unwrap();
    assert!(matches!(AuditIndex::open(home.path()), Err(AuditError::Damaged { .. })));
    assert_eq!(fs::read(&foreign).unwrap(), before);
}

#[test]
fn a_pipe_in_the_place_of_the_lock_is_not_waited_for() {
    let home = Home::of(1);
    drop(home.index());
    let lock = home.path().join("audit/lock");
    fs::remove_file(&lock).unwrap_or_default();
    assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
    assert!(AuditIndex::rebuild(home.path(), &Redactor::new()).is_err());
}
