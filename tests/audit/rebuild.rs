//! Making an index anew.

use std::fs;

use agentbus::Redactor;
use agentbus::audit::{AuditError, AuditIndex, AuditQuery, Rebuilt};

use crate::support::{Home, everything, positions, told};

fn rebuild(home: &Home) -> Rebuilt {
    AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap()
}

fn names(home: &Home) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    home.index_files()
        .iter()
        .map(name)
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect()
}

#[test]
fn an_index_is_made_anew_in_a_new_file_and_open_ones_turn_to_it() {
    // More than one transaction has.
    let home = Home::of(20_000);
    let mut index = home.index();
    let rebuilt = rebuild(&home);
    assert_eq!((rebuilt.indexed.events, rebuilt.carried, rebuilt.left), (20_000, 0, 0));
    assert_eq!(names(&home), ["index-00000002.sqlite", "lock"]);
    home.append([told(20_001)]);
    assert_eq!(index.index().unwrap().events, 1);
    home.assert_indexed(&mut index);
    rebuild(&home);
    home.assert_indexed(&mut index);
}

#[test]
fn what_the_journal_has_no_more_is_taken_over_and_counted() {
    let home = Home::with([]);
    home.append_in_segments(1, (1..=6).map(told));
    let mut index = home.index();
    let before = everything(&mut index, &AuditQuery::new());
    for gone in [1, 2] {
        fs::remove_file(home.path().join(format!("segments/{gone:020}.jsonl"))).unwrap();
    }
    let fourth = home.path().join(format!("segments/{:020}.jsonl", 4));
    let text = fs::read_to_string(&fourth).unwrap();
    fs::write(&fourth, text.replace("\"details\"", "\"details")).unwrap();
    let rebuilt = rebuild(&home);
    assert_eq!((rebuilt.indexed.events, rebuilt.indexed.unreadable), (3, 1));
    assert_eq!((rebuilt.carried, rebuilt.left, &rebuilt.set_aside), (3, 0, &None));
    assert_eq!(everything(&mut index, &AuditQuery::new()), before);
    assert_eq!(positions(&mut index, &AuditQuery::new().session("2")), [2]);
}

#[test]
fn a_damaged_index_is_set_aside_and_made_anew() {
    let home = Home::of(3);
    drop(home.index());
    fs::write(home.path().join("audit/index-00000001.sqlite"), "no database").unwrap();
    assert!(matches!(AuditIndex::open(home.path()), Err(AuditError::Damaged { .. })));
    let rebuilt = rebuild(&home);
    assert_eq!(rebuilt.indexed.events, 3);
    assert!(rebuilt.set_aside.unwrap().ends_with("index-00000001.sqlite.damaged"));
    home.assert_indexed(&mut home.index());
    assert_eq!(names(&home), ["index-00000001.sqlite.damaged", "index-00000002.sqlite", "lock"]);
}

#[test]
fn whatever_part_of_an_index_is_overwritten_it_is_told_or_right_and_made_anew() {
    const PART: usize = 4_096;
    let home = Home::of(40);
    let all = everything(&mut home.index(), &AuditQuery::new());
    let file = home.path().join("audit/index-00000001.sqlite");
    let whole = fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(PART) {
        let mut damaged = whole.clone();
        damaged[at..at + PART].fill(0);
        fs::remove_dir_all(home.path().join("audit")).unwrap();
        fs::create_dir(home.path().join("audit")).unwrap();
        fs::write(&file, damaged).unwrap();
        if let Ok(mut index) = AuditIndex::open(home.path())
            && let Ok(page) = index.query(&AuditQuery::new())
        {
            assert_eq!(page.events, all, "asked, damaged at {at}");
        }
        drop(rebuild(&home));
        assert_eq!(everything(&mut home.index(), &AuditQuery::new()), all, "made anew, damaged at {at}");
    }
}

#[test]
fn the_events_of_another_journal_are_not_taken_over() {
    let (home, other) = (Home::of(2), Home::of(5));
    drop(other.index());
    fs::create_dir(home.path().join("audit")).unwrap();
    for file in other.index_files() {
        fs::copy(&file, home.path().join("audit").join(file.file_name().unwrap())).unwrap();
    }
    let rebuilt = rebuild(&home);
    assert_eq!((rebuilt.indexed.events, rebuilt.carried), (2, 0));
    assert!(rebuilt.set_aside.is_some());
    home.assert_indexed(&mut home.index());
}

#[test]
fn what_stands_behind_the_end_of_the_journal_is_left_in_the_old_file() {
    let home = Home::with([]);
    home.append_in_segments(1, (1..=4).map(told));
    drop(home.index());
    fs::remove_file(home.path().join(format!("segments/{:020}.jsonl", 4))).unwrap();
    let rebuilt = rebuild(&home);
    assert_eq!((rebuilt.indexed.events, rebuilt.left), (3, 1));
    assert!(rebuilt.set_aside.unwrap().exists());
}

#[test]
fn a_crash_before_the_new_file_has_its_name_leaves_all_as_it_was() {
    let home = Home::of(3);
    drop(home.index());
    fs::write(home.path().join("audit/index-00000002.sqlite.tmp"), "half").unwrap();
    home.assert_indexed(&mut home.index());
    rebuild(&home);
    assert_eq!(names(&home), ["index-00000002.sqlite", "lock"]);
    home.assert_indexed(&mut home.index());
}

#[test]
fn one_that_fails_leaves_nothing_but_what_was_there() {
    let home = Home::with([]);
    home.append_in_segments(1, (1..=3).map(told));
    drop(home.index());
    let (segment, aside) = (home.path().join(format!("segments/{:020}.jsonl", 2)), home.path().join("aside"));
    fs::rename(&segment, &aside).unwrap();
    fs::create_dir(&segment).unwrap();
    let refused = AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap_err();
    assert!(matches!(refused, AuditError::Read(_)), "{refused:?}");
    assert_eq!(names(&home), ["index-00000001.sqlite", "lock"]);
    fs::remove_dir(&segment).unwrap();
    fs::rename(&aside, &segment).unwrap();
    home.assert_indexed(&mut home.index());
}

#[test]
fn two_cannot_make_it_anew_at_once() {
    let home = Home::of(1);
    drop(home.index());
    let lock = fs::File::create(home.path().join("audit/lock")).unwrap();
    lock.lock().unwrap();
    let refused = AuditIndex::rebuild(home.path(), &Redactor::new()).unwrap_err();
    assert!(matches!(refused, AuditError::Busy { .. }), "{refused}");
}
