//! What is done with each service: one script each, which says all that came of it in lines without ids and times.

use std::fmt::{Debug, Display};

use super::Bus;

mod actors;
mod budgets;
mod contexts;
mod decisions;
mod invariants;
mod plans;
mod resources;
mod sandboxes;
mod sessions;
mod tools;
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

    /// Says `name` wherever `what` stands, which is another each time.
    fn call(&mut self, what: impl Display, name: &str) {
        let what = what.to_string();
        for line in &mut self.0 {
            *line = line.replace(&what, name);
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
        tools::script(bus.clone()).await,
        actors::script(bus.clone()).await,
        sandboxes::script(bus.clone()).await,
        resources::script(bus.clone()).await,
        contexts::script(bus.clone()).await,
    ];
    scripts.into_iter().flat_map(|lines| lines.0).collect()
}
