//! Tests of the tables that a task may have: scouts, invariants, tools.

use agentbus::service::tool::Tool as _;

use super::*;

/// Reads GOOD with these tables behind it.
fn with(tables: &str) -> Result<Task, TaskError> {
    read_text(&format!("{GOOD}{tables}"))
}

/// Asserts that these tables are refused, in which line of them and why.
#[track_caller]
fn assert_refused(tables: &str, place: (usize, usize), expected: &str) {
    let error = with(tables).unwrap_err();
    let TaskError::Fault { line, column, message, .. } = &error else { panic!("{error}") };
    assert_eq!((*line - GOOD.lines().count(), *column), place, "{error}");
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}

const SCOUT: &str =
    "[[scout]]\nname = \"s\"\ngoal = \"look\"\nplan_usd = \"0.1\"\ntranscript = \"transcript.json\"\n";

#[test]
fn a_task_has_none_of_them_unless_it_says_so() {
    let task = read_text(GOOD).unwrap();
    assert!(task.scouts.is_empty() && task.rules.is_empty() && task.tools.is_empty());
    assert_eq!((task.context_tokens, task.limits.retries), (None, 1));
}

#[test]
fn a_context_has_neither_too_few_tokens_nor_too_many() {
    for tokens in [256, 60_000] {
        assert_eq!(with(&format!("[context]\ntokens = {tokens}\n")).unwrap().context_tokens, Some(tokens));
    }
    for tokens in ["0", "255", "60001", "9223372036854775807"] {
        let table = format!("[context]\ntokens = {tokens}\n");
        assert_refused(&table, (2, 10), "`tokens` of a context; expected 256 to 60000");
    }
    assert_refused("[context]\ntokens = -1\n", (2, 10), "invalid value: integer `-1`, expected u64");
}

#[test]
fn a_scout_has_a_goal_a_model_and_a_name_of_its_own() {
    let task = with(SCOUT).unwrap();
    assert_eq!((task.scouts[0].actor.as_str(), task.scouts[0].is_read_only), ("s", false));
    assert_refused(&SCOUT.replace("look", " "), (3, 8), "expected what to look for");
    assert_refused(&SCOUT.replace("0.1", "-1"), (4, 12), "expected 0 or more");
    assert_refused(&SCOUT.replace("transcript = \"transcript.json\"", ""), (1, 1), "no model");
    assert_refused(&format!("{SCOUT}{SCOUT}"), (6, 1), "two scouts are called \"s\"");
}

#[test]
fn a_rule_says_how_far_it_reaches() {
    let rule = |more: &str| format!("[[invariant]]\nid = \"i\"\ntext = \"t\"\n{more}\n");
    assert!(with(&rule("unchanged = [\"a/**\"]")).unwrap().rules[0].demands.is_some());
    assert!(with(&rule("")).unwrap().rules[0].demands.is_none());
    assert!(with(&rule("scope = \"action\"\naction = \"apply\"")).is_ok());
    assert!(with(&rule("scope = \"global\"\nnon_overridable = true")).is_ok());
    assert_refused(&rule("scope = \"action\""), (2, 6), "lacks `action`");
    assert_refused(&rule("scope = \"action\"\naction = \"party\""), (5, 10), "strategize, execute, apply");
    assert_refused(&rule("action = \"apply\""), (4, 10), "only a rule of the scope `action`");
    assert_refused(&rule("non_overridable = true"), (4, 19), "only a rule of the scope `global`");
    assert_refused(&rule("unchanged = [\"a[\"]"), (4, 13), "a[");
    assert_refused(&rule("").replace("\"t\"", "\"\""), (3, 8), "expected what must hold");
    assert_refused(&format!("{}{}", rule(""), rule("")), (6, 6), "there is one already");
    let absolute = |id: &str| {
        format!(
            "[[invariant]]\nid = \"{id}\"\ntext = \"t\"\nscope = \"global\"\nkey = \"k\"\nnon_overridable = true\n"
        )
    };
    assert_refused(&format!("{}{}", absolute("a"), absolute("b")), (8, 6), "cannot add");
}

#[test]
fn a_tool_has_a_program_and_a_name_that_no_other_tool_has() {
    let tool = "[[tool]]\nname = \"t\"\ndescription = \"d\"\ncommand = [\"true\", \"{a}\"]\nparameters = { a = \"one\" }\n";
    let spec = with(tool).unwrap().tools[0].spec();
    assert_eq!((spec.name.as_str(), spec.read_only), ("t", false));
    assert_refused(&tool.replace("\"t\"", "\"read_file\""), (2, 8), "a second tool named read_file");
    assert_refused(&tool.replace("\"t\"", "\"a b\""), (2, 8), "a name has 1 to 64");
    assert_refused(&tool.replace("[\"true\", \"{a}\"]", "[]"), (4, 11), "expected a program");
}
