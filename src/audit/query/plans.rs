//! Every statement by which a query looks for something uses an index.

use rusqlite::Connection;

use super::cause::{BY_ID, PAIRS, UNLINKED, UNLINKED_OF_BLOCK};
use super::condition::{BY_FIELD, BY_TIME, BY_VALUE};
use super::run::{BLOCK, BLOCKS, TEXTS};
use super::{read, under};
use crate::audit::schema::CREATE;

/// What SQLite is going to do, a line for each step.
fn plan(statement: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(CREATE).unwrap();
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
    let values = vec![None::<i64>; explained.parameter_count()];
    let steps = explained.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
    steps.map(Result::unwrap).collect()
}

#[test]
fn each_kind_of_condition_is_looked_up_by_a_key() {
    for (statement, expected) in [
        (UNLINKED, "SEARCH unlinked USING PRIMARY KEY (cause=?)"),
        (UNLINKED_OF_BLOCK, "SEARCH unlinked USING PRIMARY KEY (cause=? AND position>? AND position<?)"),
        (PAIRS, "SEARCH effects USING PRIMARY KEY (cause=? AND block=?)"),
        (under::EFFECTS, "SEARCH effects USING PRIMARY KEY (cause=?)"),
        (under::PRESENT, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid=?)"),
        (under::CREATED, "SEARCH postings USING PRIMARY KEY (block=? AND field=? AND value=?)"),
        (under::PLAN, "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)"),
        (read::EVENT, "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)"),
        (BY_VALUE, "SEARCH postings USING PRIMARY KEY (block=? AND field=? AND value=?)"),
        (BY_FIELD, "SEARCH postings USING PRIMARY KEY (block=? AND field=?)"),
        (BY_TIME, "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (BLOCKS, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (BLOCK, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid=?)"),
        (under::CHILDREN, "SEARCH events USING COVERING INDEX events_by_parent (parent_plan_id=?)"),
    ] {
        assert_eq!(plan(statement), [expected], "{statement}");
    }
}

#[test]
fn what_looks_in_two_tables_looks_each_up_by_a_key() {
    let steps = plan(under::OF_PLAN);
    assert_eq!(
        steps,
        [
            "SEARCH b USING PRIMARY KEY (plan=?)",
            "SEARCH p USING PRIMARY KEY (block=? AND field=? AND value=?)"
        ]
    );
    let steps = plan(BY_ID);
    let searches: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH")).collect();
    assert_eq!(
        searches,
        [
            "SEARCH events USING COVERING INDEX sqlite_autoindex_events_1 (id=?)",
            "SEARCH twins USING PRIMARY KEY (id=?)"
        ]
    );
}

#[test]
fn words_are_found_in_the_order_of_positions_without_sorting() {
    for direction in ["ASC", "DESC"] {
        let steps = plan(&format!("{TEXTS} {direction}"));
        assert!(steps.len() == 1 && steps[0].starts_with("SCAN texts VIRTUAL TABLE INDEX"), "{steps:?}");
        let steps = plan(&format!("{BLOCKS} {direction}"));
        assert_eq!(steps.len(), 1, "{steps:?}");
    }
}
