//! Every statement by which a query looks for something uses an index.

use rusqlite::Connection;

use super::condition::{BY_CAUSE, BY_FIELD, BY_ID, BY_TIME, BY_VALUE};
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
        (BY_ID, "SEARCH events USING COVERING INDEX events_by_id (id=? AND rowid>? AND rowid<?)"),
        (
            BY_CAUSE,
            "SEARCH events USING COVERING INDEX events_by_cause (causation_id=? AND rowid>? AND rowid<?)",
        ),
        (BY_VALUE, "SEARCH postings USING PRIMARY KEY (block=? AND field=? AND value=?)"),
        (BY_FIELD, "SEARCH postings USING PRIMARY KEY (block=? AND field=?)"),
        (BY_TIME, "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (BLOCKS, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (BLOCK, "SEARCH blocks USING INTEGER PRIMARY KEY (rowid=?)"),
        (under::CAUSED, "SEARCH events USING COVERING INDEX events_by_cause (causation_id=?)"),
        (under::CHILDREN, "SEARCH events USING COVERING INDEX events_by_parent (parent_plan_id=?)"),
    ] {
        assert_eq!(plan(statement), [expected], "{statement}");
    }
}

#[test]
fn what_joins_two_tables_looks_one_up_by_the_other() {
    let by_key = "USING INTEGER PRIMARY KEY (rowid=?)";
    for statement in [under::EVENT, read::EVENT] {
        let steps = plan(statement);
        assert!(steps.len() == 2 && steps.iter().all(|step| step.ends_with(by_key)), "{steps:?}");
    }
    let steps = plan(under::OF_PLAN);
    assert_eq!(steps, ["SCAN b", "SEARCH p USING PRIMARY KEY (block=? AND field=? AND value=?)"]);
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
