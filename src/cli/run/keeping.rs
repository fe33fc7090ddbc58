//! [`Keeping`]: where a run saves how far it has come, so that it is gone on with when it is killed.
//!
//! What is kept is written first, under a name of its own; then the checkpoint that names it; only then is the one before
//! resolved, and what that named removed. So a run that is killed anywhere in between has an active checkpoint, and what
//! the newest one names is there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentbus::bus::{EventBus, FlushError};
use agentbus::checkpoint::memory::{MemoryError, MemoryStore};
use agentbus::checkpoint::{CheckpointDraft, CheckpointError, CheckpointStatus, CheckpointStore};
use agentbus::event::SessionId;
use agentbus::journal::JournalReader;
use agentbus::service::budget::BudgetService;
use agentbus::service::sandbox::{Recovered, SandboxService};

use super::folder::{KeptFile, RestoreError, RunFolder};
use super::kept::{About, Kept};
use super::metering::{Meter, Spent};
use crate::cli::args::{KeyGrant, RunArgs};
use crate::cli::report::{complain, with_causes};

/// By what key a checkpoint names what the run keeps.
pub(super) const STATE: &str = "state";

/// Who gives a run up that is over.
const OPERATOR: &str = "agentbus run";

/// Why a run could not save how far it has come.
#[derive(Debug, thiserror::Error)]
pub(super) enum SaveError {
    #[error("the journal does not have all that happened")]
    Flush(#[from] FlushError),
    #[error("what is needed to go on has no JSON form")]
    Form(#[from] serde_json::Error),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the checkpoint {file} is not active any more: somebody has ended the run")]
    Ended { file: String },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Where a run saves how far it has come.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) about: About,
    pub(super) memories: MemoryStore,
    store: CheckpointStore,
    folder: RunFolder,
    /// How the run is gone on with, but for the session.
    command: String,
    /// Guards what was saved last; held while something is saved, which is done by one at a time.
    saved: Mutex<Saved>,
}

/// What was saved.
#[derive(Debug)]
pub(super) struct Saved {
    /// The checkpoints that are active, the newest first.
    pub(super) active: Vec<String>,
    /// What the newest of them names.
    pub(super) file: Option<KeptFile>,
}

impl Keeping {
    /// In the folder of the checkpoints, with what is saved there of this run.
    pub(super) fn open(
        args: &RunArgs,
        checkpoints: &Path,
        folder: RunFolder,
        about: About,
        saved: Saved,
    ) -> Result<Self, SaveError> {
        // Whoever goes on may stand elsewhere.
        let checkpoints = &std::path::absolute(checkpoints)
            .map_err(|source| SaveError::Write { path: checkpoints.to_owned(), source })?;
        Ok(Self {
            about,
            memories: MemoryStore::open(checkpoints)?,
            store: CheckpointStore::open(checkpoints)?,
            folder,
            command: command(args, checkpoints),
            saved: Mutex::new(saved),
        })
    }

    /// The same that tells what is saved on that bus, and how far that journal had come.
    pub(super) fn telling(self, bus: Option<Arc<dyn EventBus>>, journal: Option<JournalReader>) -> Self {
        let store = self.store.with_bus(bus.clone());
        let store = match journal {
            Some(journal) => store.with_journal(journal),
            None => store,
        };
        Self { store, memories: self.memories.with_bus(bus), ..self }
    }

    /// Where the sandboxes of the run are.
    pub(super) fn sandboxes(&self) -> PathBuf {
        self.folder.sandboxes()
    }

    /// Opens the sandboxes of a run that was killed.
    pub(super) async fn restore_sandboxes(
        &self,
        bus: Option<Arc<dyn EventBus>>,
    ) -> Result<(SandboxService, Recovered), RestoreError> {
        self.folder.restore_sandboxes(bus).await
    }

    /// The command that goes on with the run.
    pub(super) fn hint(&self, session: &SessionId) -> String {
        format!("{} --resume {}", self.command, quoted(&session.to_string()))
    }

    /// Saves how far the run has come. It blocks.
    pub(super) fn save(&self, kept: &Kept, mut draft: CheckpointDraft) -> Result<(), SaveError> {
        let mut saved = self.saved();
        self.is_still_active(&mut saved)?;
        let file = saved.file.map_or_else(|| self.folder.first_file(), KeptFile::next);
        let written = self.folder.write(file, &serde_json::to_vec(kept)?);
        written.map_err(|source| SaveError::Write { path: file.name().into(), source })?;
        draft.context.add(STATE, &file.name())?;
        let stored = self.store.create(&draft)?;
        saved.active.insert(0, stored.file);
        let earlier = saved.file.replace(file);
        while let Some(before) = saved.active.get(1) {
            self.store.resolve(before)?;
            // Only now: one that could not be resolved is resolved with the next.
            saved.active.remove(1);
        }
        if let Some(earlier) = earlier {
            self.folder.remove(earlier);
        }
        Ok(())
    }

    /// Refuses to save more of a run whose newest checkpoint somebody has ended, or moved away: the next one would be
    /// active, as if it had not been.
    fn is_still_active(&self, saved: &mut Saved) -> Result<(), SaveError> {
        let Some(newest) = saved.active.first() else { return Ok(()) };
        let is_active = match self.store.get(newest) {
            Ok(stored) => stored.checkpoint.status == CheckpointStatus::Active,
            Err(CheckpointError::NotFound { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        if is_active {
            return Ok(());
        }
        let file = newest.clone();
        saved.active.clear();
        Err(SaveError::Ended { file })
    }

    /// Whether there is anything to go on from.
    pub(super) fn is_saved(&self) -> bool {
        !self.saved().active.is_empty()
    }

    /// Keeps what was spent, which counts also where nothing else is saved since. It blocks.
    pub(super) fn keep_spent(&self, budgets: &BudgetService, meter: &Meter) -> Result<(), SaveError> {
        // One at a time.
        let _saving = self.saved();
        let written = self.folder.write_budgets(&serde_json::to_vec(&Spent::now(budgets, meter))?);
        written.map_err(|source| SaveError::Write { path: self.folder.budgets(), source })
    }

    /// The run is over: nobody goes on with it. It blocks.
    pub(super) fn end(&self, end: End<'_>) {
        let saved = self.saved();
        for file in &saved.active {
            let ended = match end {
                End::Applied => self.store.resolve(file),
                End::GivenUp(reason) => self.store.abandon(file, reason, OPERATOR),
            };
            if let Err(error) = ended {
                complain(&format!("the checkpoint {file} stays active: {}", with_causes(&error)));
            }
        }
        if let Err(error) = self.folder.forget() {
            complain(&format!("cannot remove what the run kept: {error}"));
        }
    }

    fn saved(&self) -> MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a run is over.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    Applied,
    /// For that reason, on one line.
    GivenUp(&'a str),
}

/// How a run of `args` is gone on with, but for its session.
fn command(args: &RunArgs, checkpoints: &Path) -> String {
    // Whoever goes on may stand elsewhere.
    let path = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        quoted(&path.to_string_lossy())
    };
    let mut words = vec!["agentbus run".to_owned(), path(&args.task)];
    words.extend(args.journal.as_deref().map(|journal| format!("--journal {}", path(journal))));
    words.push(format!("--checkpoints {}", path(checkpoints)));
    let grants = args.send_key.iter().filter_map(KeyGrant::said);
    words.extend(grants.map(|grant| format!("--send-key {}", quoted(&grant))));
    words.extend(args.sign_with.as_deref().map(|key| format!("--sign-with {}", path(key))));
    words.join(" ")
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use agentbus::event::{Hash, PlanId};
    use agentbus::service::actor::Conversation;
    use agentbus::service::session::SessionService;
    use clap::Parser as _;

    use super::super::kept::{Come, Taken};
    use super::super::progress::Progress;
    use super::*;
    use crate::cli::args::{CommandLine, Verb};
    use crate::cli::destination::Place;

    fn about() -> About {
        About {
            task: Hash::of("task"),
            project_name: "notes".into(),
            destination: "/nowhere".into(),
            place: Place::default(),
            is_project: false,
        }
    }

    fn keeping(checkpoints: &Path) -> Keeping {
        let Verb::Run(args) = CommandLine::parse_from(["agentbus", "run", "task"]).verb else {
            panic!("it is the verb that was said");
        };
        let folder = RunFolder::make(checkpoints).unwrap();
        let saved = Saved { active: Vec::new(), file: None };
        Keeping::open(&args, checkpoints, folder, about(), saved).unwrap()
    }

    fn kept() -> Kept {
        let sessions = SessionService::new(None);
        let session = sessions.create("agents/a", None).unwrap().id;
        let come = Come {
            conversation: Conversation::new(),
            taken: Taken::default(),
            elapsed_ms: 0,
            progress: Progress::default(),
        };
        Kept::new(about(), (session, PlanId::from("p-1")), &sessions.snapshot(None), come).unwrap()
    }

    #[test]
    fn a_checkpoint_that_could_not_be_resolved_is_resolved_with_the_next() {
        let place = tempfile::tempdir().unwrap();
        let (keeping, kept) = (keeping(place.path()), kept());
        let draft = || CheckpointDraft::new("agents/a", kept.session_id.clone(), "execute");
        let file = |name: &str| place.path().join(name);
        keeping.save(&kept, draft()).unwrap();
        let first = keeping.saved().active.clone();
        // As where the run was killed when the next checkpoint was written.
        let second = keeping.store.create(&draft()).unwrap().file;
        keeping.saved().active.insert(0, second.clone());
        let content = std::fs::read(file(&first[0])).unwrap();
        std::fs::write(file(&first[0]), "{").unwrap();
        keeping.save(&kept, draft()).unwrap_err();
        std::fs::write(file(&first[0]), content).unwrap();
        keeping.save(&kept, draft()).unwrap();
        for resolved in [&first[0], &second] {
            let status = keeping.store.get(resolved).unwrap().checkpoint.status;
            assert_eq!(status, CheckpointStatus::Resolved, "{resolved}");
        }
        assert_eq!(keeping.saved().active.len(), 1);
    }

    #[test]
    fn a_shell_takes_a_word_as_it_is() {
        assert_eq!(quoted("a/b-c_1.toml"), "a/b-c_1.toml");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b$(c)"), "'a b$(c)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
