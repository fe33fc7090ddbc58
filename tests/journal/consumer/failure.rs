//! What failed: retries, dead letters, corrupt cursors, lost locks.

use agentbus::journal::{NackError, Nacked};

use super::*;

#[test]
fn a_failed_event_is_given_again_after_a_backoff_and_those_behind_it_wait() {
    let clock = clock();
    let directory = journal_of(3);
    let mut consumer = open(directory.path(), "indexer");
    consumer.ack(at(1)).unwrap();
    let nacked = consumer.nack(at(2), "timed out").unwrap();
    let not_before = "2026-01-31T09:30:01Z".parse().unwrap();
    assert_eq!(nacked, Nacked::Again { attempts: 1, not_before });
    let polled = consumer.poll(10).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![], None));
    clock.advance(Duration::from_millis(999));
    assert!(given(&mut consumer).is_empty());
    clock.advance(Duration::from_millis(1));
    assert_eq!(given(&mut consumer), [2, 3]);
    let again = consumer.nack(at(2), "timed out").unwrap();
    assert!(
        matches!(again, Nacked::Again { attempts: 2, not_before } if not_before.to_string().ends_with(":03Z"))
    );
}

#[test]
fn an_event_before_the_failed_one_is_given_while_that_waits() {
    let _clock = clock();
    let directory = journal_of(3);
    let only = |filter: &str| ConsumerOptions::new().filter(filter.parse::<Filter>().unwrap());
    let mut consumer = open_with(directory.path(), only("session=s-2"));
    consumer.nack(at(2), "timed out").unwrap();
    drop(consumer);
    let mut consumer = open_with(directory.path(), ConsumerOptions::new());
    let polled = consumer.poll(10).unwrap();
    assert_eq!((positions(&polled), polled.through), (vec![1], Some(at(1))));
    drop(consumer);
    let mut without_it = open_with(directory.path(), only("session=s-3"));
    assert_eq!(given(&mut without_it), [3], "what is not asked for holds nothing back");
}

#[test]
fn the_attempts_outlive_a_restart_and_acknowledging_forgets_them() {
    let clock = clock();
    let directory = journal_of(2);
    open(directory.path(), "indexer").nack(at(1), "timed out").unwrap();
    let mut consumer = open(directory.path(), "indexer");
    let retry = consumer.retry().unwrap();
    assert_eq!((retry.position, retry.attempts, &*retry.reason), (at(1), 1, "timed out"));
    assert!(given(&mut consumer).is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(given(&mut consumer), [1, 2]);
    consumer.ack(at(1)).unwrap();
    drop(consumer);
    assert_eq!(open(directory.path(), "indexer").retry(), None);
}

#[test]
fn only_the_next_event_can_fail() {
    let directory = journal_of(3);
    let mut consumer = open(directory.path(), "indexer");
    consumer.ack(at(1)).unwrap();
    for asked in [at(1), at(3), at(4)] {
        let refused = consumer.nack(asked, "timed out").unwrap_err();
        assert!(matches!(refused, NackError::NotNext { next, .. } if next == Some(at(2))), "{refused:?}");
    }
    consumer.ack(at(3)).unwrap();
    let refused = consumer.nack(at(4), "timed out").unwrap_err();
    assert_eq!(refused.to_string(), "cannot note a failure of position 4: there is no event to acknowledge");
}

#[test]
fn after_the_last_attempt_an_event_becomes_a_dead_letter_and_those_behind_it_go_on() {
    let clock = clock();
    let directory = journal_of(3);
    let mut consumer = open_with(directory.path(), ConsumerOptions::new().max_attempts(3));
    let event = consumer.poll(1).unwrap().events.remove(0).event;
    for attempts in 1..3 {
        let nacked = consumer.nack(at(1), &format!("attempt {attempts}")).unwrap();
        assert!(matches!(nacked, Nacked::Again { attempts: told, .. } if told == attempts));
        clock.advance(Duration::from_mins(5));
    }
    assert_eq!(consumer.nack(at(1), "attempt 3").unwrap(), Nacked::Dead { attempts: 3 });
    assert_eq!(given(&mut consumer), [2, 3]);
    assert_eq!(consumer.position(), Some(at(1)));
    let dead = consumer.dead_letters().unwrap();
    assert!(dead.unreadable.is_empty());
    let [letter] = &dead.letters[..] else { panic!("one letter, not {dead:?}") };
    assert_eq!((letter.position, letter.attempts, &*letter.reason), (at(1), 3, "attempt 3"));
    assert_eq!((letter.failed_at, &letter.event), (Timestamp::now(), &event));
    let line = fs::read_to_string(directory.path().join("dead/indexer.jsonl")).unwrap();
    let beginning =
        r#"{"pos":1,"attempts":3,"reason":"attempt 3","failed_at":"2026-01-31T09:40:00Z","event":{"id":"#;
    assert!(line.starts_with(beginning), "{line}");
    assert!(line.ends_with("}}\n"), "{line}");
}

#[test]
fn a_reason_tells_no_secret_and_is_cut() {
    let directory = journal_of(2);
    let mut consumer = open_with(directory.path(), ConsumerOptions::new().max_attempts(2));
    let secret = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789";
    let reason = format!("{} {secret} {}", "x".repeat(440), "y".repeat(1_000));
    for _ in 0..2 {
        consumer.nack(at(1), &reason).unwrap();
    }
    for file in ["cursors/indexer.json", "dead/indexer.jsonl"] {
        let text = fs::read_to_string(directory.path().join(file)).unwrap();
        assert!(!text.contains("sk-ant"), "{file}: {text}");
    }
    let letter = &consumer.dead_letters().unwrap().letters[0];
    assert!(letter.reason.len() <= 500 && letter.reason.contains("[redacted:"), "{}", letter.reason);
}

#[test]
fn a_crash_between_the_letter_and_the_cursor_doubles_no_letter() {
    let clock = clock();
    let directory = journal_of(2);
    let dying = || open_with(directory.path(), ConsumerOptions::new().max_attempts(1));
    let cursor = directory.path().join("cursors/indexer.json");
    let mut consumer = dying();
    let before = fs::read(&cursor).unwrap();
    clock.advance(Duration::from_secs(1));
    consumer.nack(at(1), "first").unwrap();
    drop(consumer);
    fs::write(&cursor, before).unwrap();
    let mut consumer = dying();
    assert_eq!(given(&mut consumer), [1, 2], "at least once");
    clock.advance(Duration::from_secs(1));
    consumer.nack(at(1), "second").unwrap();
    assert_eq!(consumer.dead_letters().unwrap().letters.len(), 1);
    assert_eq!(given(&mut consumer), [2]);
    drop(consumer);
    // But what dies again after a reset is told again.
    let reset = ConsumerOptions::new().max_attempts(1).reset_to(ReadFrom::Start);
    clock.advance(Duration::from_secs(1));
    let mut consumer = open_with(directory.path(), reset);
    consumer.nack(at(1), "third").unwrap();
    let reasons: Vec<_> =
        consumer.dead_letters().unwrap().letters.into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons, ["second", "third"]);
}

#[test]
fn a_torn_letter_is_cut_and_a_line_that_is_no_letter_is_told() {
    let directory = journal_of(3);
    let mut consumer = open_with(directory.path(), ConsumerOptions::new().max_attempts(1));
    consumer.nack(at(1), "one").unwrap();
    let file = directory.path().join("dead/indexer.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    for len in [1, 10, whole.len() - 1] {
        fs::write(&file, format!("{whole}no letter\n{}", &whole[..len])).unwrap();
        let dead = consumer.dead_letters().unwrap();
        assert_eq!((dead.letters.len(), dead.unreadable.len()), (1, 1), "what is torn is no letter yet");
        let unreadable = &dead.unreadable[0];
        assert_eq!((unreadable.at, unreadable.after), (whole.len() as u64, Some(at(1))));
        consumer.nack(at(2), "two").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().last().unwrap().starts_with("{\"pos\":2,"));
        drop(consumer);
        let again = ConsumerOptions::new().max_attempts(1).reset_to(ReadFrom::After(at(1)));
        consumer = open_with(directory.path(), again);
    }
}

#[test]
fn a_corrupt_cursor_names_its_file_and_the_way_out() {
    let directory = journal_of(3);
    let reader = JournalReader::open(directory.path()).unwrap();
    let file = directory.path().join("cursors/indexer.json");
    open(directory.path(), "indexer").ack(at(3)).unwrap();
    let good = fs::read_to_string(&file).unwrap();
    for bad in [String::new(), good.replace(":3", ":-3"), good.replace("indexer", "other"), "\0".repeat(90)] {
        fs::write(&file, &bad).unwrap();
        let corrupt = reader.consumer("indexer").unwrap_err();
        assert!(matches!(&corrupt, ConsumerError::Corrupt { .. }), "{corrupt:?}");
        let text = corrupt.to_string();
        assert!(text.contains("cursors/indexer.json") && text.contains("reset_to"), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), bad, "evidence is kept");
        reader.reset_consumer("indexer", ReadFrom::After(at(1))).unwrap();
        let mut consumer = open(directory.path(), "indexer");
        assert_eq!(given(&mut consumer), [2, 3]);
        consumer.ack(at(2)).unwrap();
    }
}

#[test]
fn a_consumer_begins_anew_where_it_is_told_to() {
    let directory = journal_of(3);
    let reader = JournalReader::open(directory.path()).unwrap();
    let mut held = open(directory.path(), "indexer");
    held.ack(at(2)).unwrap();
    assert!(matches!(reader.reset_consumer("indexer", ReadFrom::Start), Err(ConsumerError::Busy { .. })));
    drop(held);
    for (from, expected) in
        [(ReadFrom::Start, vec![1, 2, 3]), (ReadFrom::After(at(1)), vec![2, 3]), (ReadFrom::End, vec![])]
    {
        reader.reset_consumer("indexer", from).unwrap();
        assert_eq!(given(&mut open(directory.path(), "indexer")), expected, "{from:?}");
    }
    let ahead = reader.reset_consumer("indexer", ReadFrom::After(at(4))).unwrap_err();
    assert!(matches!(ahead, ConsumerError::Ahead { last, .. } if last == Some(at(3))), "{ahead:?}");
}

#[test]
fn a_consumer_whose_lock_was_taken_away_acknowledges_no_more() {
    let directory = journal_of(3);
    let mut consumer = open(directory.path(), "indexer");
    fs::remove_file(directory.path().join("cursors/indexer.lock")).unwrap();
    let mut second = open(directory.path(), "indexer");
    second.ack(at(2)).unwrap();
    assert!(matches!(consumer.ack(at(1)), Err(AckError::Write { .. })));
    drop(consumer);
    drop(second);
    assert_eq!(open(directory.path(), "indexer").position(), Some(at(2)));
}
