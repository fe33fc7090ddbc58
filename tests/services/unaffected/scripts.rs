//! What is done with each service: one script each, which says all that came of it in lines without ids and times.

use std::fmt::{Debug, Display};

use super::Bus;

mod budgets;
mod decisions;
mod invariants;
mod plans;
mod sessions;
mod validations;

/// What came of the steps of a script.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn new(script: &str) -> Self {
        Self(vec![format!("# {script}")])
    }

    fn say(&mut self, line: impl Debug) {
        self.0.push(format!("{line:?}"));
    }

    /// What was done, as `tell` tells it, or why it was refused.
    fn came<T, E: Display, D: Debug>(&mut self, result: Result<T, E>, tell: impl FnOnce(T) -> D) {
        match result {
            Ok(done) => self.say(tell(done)),
            Err(refused) => self.0.push(format!("refused: {refused}")),
        }
    }
}

/// All scripts, one after the other.
pub(super) async fn all(bus: &Bus) -> Vec<String> {
    let scripts = [
        plans::script(bus.clone()).await,
        decisions::script(bus.clone()),
        invariants::script(bus.clone()).await,
        sessions::script(bus.clone()),
        budgets::script(bus.clone()),
        validations::script(bus.clone()).await,
    ];
    scripts.into_iter().flat_map(|lines| lines.0).collect()
}
