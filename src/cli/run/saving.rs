//! Saving how far a run has come, and ending that.

use agentbus::Redactor;
use agentbus::checkpoint::CheckpointDraft;
use agentbus::event::{PlanId, SessionId};
use tokio::task::block_in_place;

use super::agent::Agent;
use super::ending::Ending;
use super::keeping::{End, SaveError};
use super::kept::Kept;
use super::progress::Part;
use super::stages::{Applied, done_or_told};
use crate::cli::escape::one_line;
use crate::cli::report::with_causes;

/// How much of a text a checkpoint tells, in characters.
const TOLD: usize = 200;

/// How long the texts of one list are together, in bytes of JSON.
const MAX_LIST: usize = 12 << 10;

impl Agent {
    /// Saves how far the run has come, if it does so: from here it goes on when it is killed. All that was told is in the
    /// journal before.
    pub(super) async fn save(&self, part: Part) -> Result<(), SaveError> {
        let (Some(keeping), Some((session, plan))) = (&self.keeping, self.ids()) else {
            return Ok(());
        };
        if let Some(bus) = &self.bus {
            bus.flush().await?;
        }
        let draft = self.draft(part, &session, &plan)?;
        let snapshot = self.sessions.snapshot(None);
        let kept = Kept::new(keeping.about.clone(), (session, plan), &snapshot, self.come())?;
        block_in_place(|| {
            keeping.keep_spent(&self.budgets, &self.meter)?;
            keeping.save(&kept, draft)
        })
    }

    /// Waits until all that was told is in the journal, if the run is to be gone on with from there.
    pub(super) async fn recorded(&self) {
        if let (Some(_), Some(bus)) = (&self.keeping, &self.bus) {
            done_or_told("record how the plan ended", bus.flush().await);
        }
    }

    /// What the checkpoint says: to people, and of what the run is.
    fn draft(&self, part: Part, session: &SessionId, plan: &PlanId) -> Result<CheckpointDraft, SaveError> {
        let redactor = Redactor::untagged();
        let said = |text: &str| redactor.redact_text(&one_line(text, TOLD)).into_owned();
        let mut draft = CheckpointDraft::new(self.task.actor.clone(), session.clone(), part.as_str());
        let context = &mut draft.context;
        context.add("plan_id", plan)?;
        context.add("project", &said(&self.task.project_name))?;
        context.add("task", &self.task.hash)?;
        let (scouts, files, sandbox) = self.progress(|progress| {
            (progress.scouts.clone(), progress.files.clone(), progress.work.sandbox.clone())
        });
        if let Some(sandbox) = sandbox {
            context.add("sandbox_id", &sandbox)?;
        }
        let name = |part: &Part| part.as_str().to_owned();
        let scout = |name: &str| said(&format!("scout {name}"));
        let to_send = self.task.scouts.iter().filter(|scout| !scouts.contains(&scout.actor));
        let to_send = to_send.filter(|_| part == Part::Strategize).map(|to_send| scout(&to_send.actor));
        let progress = &mut draft.progress;
        let done = Part::ALL.iter().filter(|earlier| **earlier < part).map(name);
        progress.tasks_completed = fitting(scouts.iter().map(|name| scout(name)).chain(done));
        let left = Part::ALL.iter().filter(|later| **later >= part).map(name);
        progress.tasks_remaining = fitting(to_send.chain(left));
        progress.files_modified = fitting(files.iter().map(|file| said(file)));
        let standing = self.decisions.list(plan).into_iter().filter(|decision| decision.superseded.is_none());
        progress.decisions =
            fitting(standing.map(|decision| said(&format!("{} {}", decision.question, decision.choice))));
        let hint = self.keeping.as_ref().map(|keeping| keeping.hint(session));
        draft.resume_hint = hint.map(|hint| redactor.redact_text(&hint).into_owned());
        Ok(draft)
    }

    /// Ends what is saved of a run that is over: it was applied, or nobody can go on with it. Otherwise says how to.
    pub(super) fn settle(&self, plan: &PlanId, ended: &Result<Applied, Ending>) {
        let Some(keeping) = &self.keeping else { return };
        let is_over = self.plans.get(plan).is_some_and(|plan| plan.is_final());
        match ended {
            Ok(_applied) => block_in_place(|| keeping.end(End::Applied)),
            Err(ending) if is_over || !keeping.is_saved() => {
                let why = Redactor::untagged().redact_text(&with_causes(ending)).into_owned();
                block_in_place(|| keeping.end(End::GivenUp(&one_line(&why, TOLD))));
            }
            Err(_ending) => {
                let way_on = self.ids().map(|(session, _plan)| keeping.hint(&session));
                self.tell_way_on(way_on);
            }
        }
    }
}

/// As many of the texts as there is room for, and how many more there are.
fn fitting(texts: impl Iterator<Item = String>) -> Vec<String> {
    let (mut kept, mut bytes, mut more) = (Vec::new(), 0, 0);
    for text in texts {
        // Escapes take room too.
        bytes += serde_json::to_string(&text).map_or(MAX_LIST, |json| json.len() + 1);
        if bytes > MAX_LIST {
            more += 1;
        } else {
            kept.push(text);
        }
    }
    if more > 0 {
        kept.push(format!("and {more} more"));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let texts = |count: usize| std::iter::repeat_n("\u{1b}".repeat(TOLD), count);
        assert_eq!(fitting(texts(2)).len(), 2);
        let many = fitting(texts(100));
        assert!(serde_json::to_string(&many).unwrap().len() < MAX_LIST + 100);
        assert_eq!(many.last().unwrap(), &format!("and {} more", 100 - (many.len() - 1)));
    }
}
