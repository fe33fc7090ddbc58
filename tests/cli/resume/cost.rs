//! [`Cost`]: what a run says that it cost, over all of its processes.

use std::fs;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::saved::{Saved, assert_one_run, session_of};
use crate::harness::{Ended, Task, calls, mend, says};

/// What a run says that it cost, in millionths of a dollar, and took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) spent: u64,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Cost {
    /// Of that many tokens, by the prices of the tasks.
    pub(super) fn of(read: u64, written: u64) -> Self {
        Self { spent: 3 * read + 15 * written, read, written }
    }

    /// That of a run that printed it.
    #[track_caller]
    pub(super) fn told(run: &Ended) -> Self {
        let (_, told) = run.stdout.split_once("\ncost\n  ").expect("it was printed in words");
        let words: Vec<_> = told.split_whitespace().collect();
        let spent = words[0].parse::<f64>().unwrap() * 1e6;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small amount")]
        let spent = spent.round() as u64;
        // "0.1 of 0.3 USD; 900 tokens read, 60 written"
        Self { spent, read: words[4].parse().unwrap(), written: words[7].parse().unwrap() }
    }

    pub(super) fn plus(self, read: u64, written: u64) -> Self {
        Self::of(self.read + read, self.written + written)
    }
}

/// What the tour costs that nobody kills.
pub(super) fn undisturbed() -> Cost {
    static COST: OnceLock<Cost> = OnceLock::new();
    *COST.get_or_init(|| {
        let run = Task::tour().run(&[]);
        run.assert_code(0);
        Cost::told(&run)
    })
}

/// What an answer takes that the harness made.
pub(super) const HELD: (u64, u64) = (100, 10);

#[test]
fn what_was_spent_counts_in_the_next_process_too() {
    let look = || calls(&[("list_files", json!({}))]);
    let saved = Saved::of(Task::small(&[]));
    let replies = json!({ "replies": [look(), look(), saved.hold()] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let session = session_of(&saved.killed_in_hold(&[]));
    let replies = json!({ "replies": [look(), mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    // Each answer took 100 and 10 tokens.
    let runs = fs::read_dir(saved.path("checkpoints/runs")).unwrap();
    let [run] = runs.map(|run| run.unwrap().path()).collect::<Vec<_>>().try_into().unwrap();
    let kept: Value = serde_json::from_slice(&fs::read(run.join("budgets.json")).unwrap()).unwrap();
    assert!(accounts(&kept).iter().all(|account| account["spent_usd"] == "0.00135"), "{kept}");

    // With no more than that, nothing is left to go on with.
    let mut poorer = kept.clone();
    for account in poorer["budgets"]["accounts"].as_array_mut().unwrap() {
        if account["tier"] == "plan" {
            account["limit_usd"] = account["spent_usd"].clone();
        }
    }
    fs::write(run.join("budgets.json"), poorer.to_string()).unwrap();
    let poor = saved.resume(&session);
    poor.assert_code(1);
    poor.assert_stderr("the actor reached a limit, budget");
    poor.assert_stderr("to go on: agentbus run ");
    fs::write(run.join("budgets.json"), kept.to_string()).unwrap();
    let rich = saved.resume(&session);
    rich.assert_code(0);
    assert!(rich.stdout.contains("0.0027 of 1 USD; 600 tokens read, 60 written"), "{}", rich.stdout);
    assert_one_run(&saved, &rich);
}

/// The accounts of what a run keeps of what was spent.
pub(super) fn accounts(kept: &Value) -> &[Value] {
    kept["budgets"]["accounts"].as_array().unwrap()
}

#[test]
fn an_answer_that_could_not_be_used_is_counted_in_the_next_process_too() {
    let saved = Saved::of(Task::small(&[says("")]));
    let failed = saved.run(&["--write-back"]);
    failed.assert_code(1);
    failed.assert_stderr("to go on: agentbus run ");
    let replies = json!({ "replies": [mend(), says("done")] });
    fs::write(saved.task.path("transcript.json"), replies.to_string()).unwrap();
    let run = saved.resume(&session_of(&failed.values()));
    run.assert_code(0);
    assert_eq!(Cost::told(&run), Cost::of(300, 30));
}
