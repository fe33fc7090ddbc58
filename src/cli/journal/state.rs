//! `state`: what the plans and their decisions came to, as the journal tells it.

use agentbus::service::decision::DecisionService;
use agentbus::service::plan::PlanService;
use agentbus::service::restore::Restored;

use super::{Ended, VerbError, directory, print_answer};
use crate::cli::args::journal::StateArgs;
use crate::cli::report::{complain, with_causes};
use crate::cli::state::State;
use crate::cli::timeline::counted;

pub(super) fn main(args: &StateArgs) -> Result<Ended, VerbError> {
    let (reader, meter) = directory::metered(&args.of.directory)?;
    let progress = meter.show();
    let (plans, decisions) = match args.at {
        Some(position) => {
            (PlanService::state_at(&reader, position)?, DecisionService::state_at(&reader, position)?)
        }
        None => (PlanService::restore(&reader, None)?, DecisionService::restore(&reader, None)?),
    };
    drop(progress);
    let state = State::of(&plans, &decisions);
    print_answer(args.of.json, &state, |out| state.print(out))?;
    let restored = [("plans", plans.restored()), ("decisions", decisions.restored())];
    let told = restored.map(|(what, restored)| restored.is_none_or(|restored| tell_losses(what, restored)));
    Ok(Ended::well_if(told.into_iter().all(|is_whole| is_whole)))
}

/// Says what is missing; returns whether nothing is.
fn tell_losses(what: &str, restored: &Restored) -> bool {
    for broken in &restored.broken {
        complain(&format!("the {what} of {} cannot be told: {}", broken.plan_id, with_causes(&broken.fault)));
    }
    let unreadable = restored.unreadable.len() as u64 + restored.unreadable.more();
    if unreadable > 0 {
        complain(&format!(
            "{} cannot be read: what they tell of {what} is not known",
            counted(unreadable, "line")
        ));
    }
    if restored.gaps > 0 {
        complain(&format!("the journal lacks events in {}", counted(restored.gaps, "place")));
    }
    if let Some(removed) = restored.removed {
        complain(&format!("the journal has nothing up to {removed} any more"));
    }
    if restored.strays > 0 {
        complain(&format!("{} of {what} name no plan", counted(restored.strays, "event")));
    }
    restored.is_whole()
}
