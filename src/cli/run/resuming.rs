//! [`Resuming`]: what there is to go on with of a run whose process is gone: looked at before anything is begun.

use std::io;
use std::path::{Path, PathBuf};

use agentbus::checkpoint::{
    CheckpointError, CheckpointFilter, CheckpointStatus, CheckpointStore, EventsSince, Resumed, Since,
    StoredCheckpoint,
};
use agentbus::event::{PlanCreated, SessionId};
use agentbus::journal::{Entry, JournalReader, ReadError, ReadFrom};
use agentbus::service::session::SessionSnapshot;

use super::folder::{KeptFile, RunFolder};
use super::keeping::{STATE, Saved};
use super::kept::{About, Kept};
use super::metering::Spent;
use crate::cli::EXIT_NOT_DONE;
use crate::cli::destination::{Destination, DestinationError};
use crate::cli::escape::Escaped;
use crate::cli::journal::{self, VerbError};
use crate::cli::report::{complain, with_causes};
use crate::cli::task::{Shown, Task};

/// Why a run is not gone on with. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResumeError {
    #[error(transparent)]
    Verb(#[from] VerbError),
    #[error(
        "{}; `agentbus checkpoint list {}` tells what there is. A run that was applied or given up is over: run the \
         task anew, without --resume",
        Escaped(missing),
        Shown(directory)
    )]
    Nothing { directory: PathBuf, missing: String },
    #[error("the checkpoint {file} was not saved by `agentbus run`: go on as its hint says")]
    Foreign { file: String },
    #[error("a live process leads this run: wait until it has ended, or end it")]
    Live,
    #[error(
        "what the run kept for its checkpoint {file} is gone or damaged: abandon the checkpoint, and run the task anew"
    )]
    Damaged {
        file: String,
        #[source]
        source: Option<io::Error>,
    },
    #[error("the run was of another task, or {} has changed since: give the one that it was of", Shown(task))]
    OtherTask { task: PathBuf },
    #[error(
        "the journal {} does not tell of this run: give the one that it recorded; a commit that the run was killed in is finished or undone then",
        Shown(directory)
    )]
    OtherJournal { directory: PathBuf },
    #[error("cannot read the journal")]
    Read(#[from] ReadError),
}

impl ResumeError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Verb(error) => error.exit_code(),
            _ => EXIT_NOT_DONE,
        }
    }
}

/// What there is to go on with.
#[derive(Debug)]
pub(super) struct Resuming {
    pub(super) led: Led,
    pub(super) known: Known,
}

/// The run, which this process leads.
#[derive(Debug)]
pub(super) struct Led {
    pub(super) folder: RunFolder,
    pub(super) saved: Saved,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) kept: Kept,
    pub(super) sessions: SessionSnapshot,
    pub(super) spent: Spent,
    /// What the journal tells of its plans and decisions.
    pub(super) told: Vec<Entry>,
}

/// A run that this process leads, of which nothing is read yet but its newest checkpoint.
#[derive(Debug)]
pub(super) struct Leading<'a> {
    pub(super) led: Led,
    pub(super) places: Places<'a>,
    /// Whether the journal is the one that the checkpoint was saved beside.
    pub(super) knows_journal: bool,
    newest: Resumed,
    file: KeptFile,
    reader: JournalReader,
}

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) checkpoints: &'a Path,
    pub(super) journal: &'a Path,
}

impl<'a> Leading<'a> {
    /// Looks what there is of the run of that session. From then on this process leads it. It blocks.
    pub(super) fn look(places: Places<'a>, session: &SessionId) -> Result<Self, ResumeError> {
        journal::look(places.checkpoints)?;
        let reader = journal::reader(places.journal)?;
        let store = CheckpointStore::open_existing(places.checkpoints).map_err(VerbError::from)?;
        let store = store.with_journal(reader.clone());
        let newest = newest(&store, places, session)?.stored;
        let file = named(&newest).ok_or_else(|| ResumeError::Foreign { file: newest.file.clone() })?;
        let folder = RunFolder::open(places.checkpoints, file).map_err(|error| match error {
            error if error.kind() == io::ErrorKind::ResourceBusy => ResumeError::Live,
            error => damaged(&newest.file, Some(error)),
        })?;
        // Anew, now that nobody else leads it: it may have gone on meanwhile.
        let newest = self::newest(&store, places, session)?;
        let file = named(&newest.stored).ok_or_else(|| damaged(&newest.stored.file, None))?;
        let saved = Saved { active: active(&store, session)?, file: Some(file) };
        let since = newest.events.as_ref().map(EventsSince::since);
        let knows_journal = matches!(since, Some(Since::Position(_)));
        Ok(Self { led: Led { folder, saved }, places, knows_journal, newest, file, reader })
    }

    /// What is known of it.
    pub(super) fn known(&mut self) -> Result<Known, ResumeError> {
        Known::read(&mut self.newest, self.file, (&self.reader, self.places), &self.led.folder)
    }
}

impl Known {
    /// Where the run works.
    pub(super) fn destination(&self) -> Result<Destination, DestinationError> {
        let About { destination, place, is_project, .. } = &self.kept.about;
        Destination::of_earlier(destination, *place, *is_project)
    }

    /// Refuses another task than that of the run, and has a recording go on where it was.
    pub(super) fn check(&self, task: &Task, path: &Path) -> Result<(), ResumeError> {
        let kept = &self.kept;
        if task.hash != kept.about.task {
            return Err(ResumeError::OtherTask { task: path.to_owned() });
        }
        if let Some(recording) = &task.recording {
            recording.skip(usize::try_from(kept.taken.questions).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    fn read(
        newest: &mut Resumed,
        file: KeptFile,
        (reader, places): (&JournalReader, Places<'_>),
        folder: &RunFolder,
    ) -> Result<Self, ResumeError> {
        // A newer checkpoint may be among them.
        for malformed in &newest.malformed {
            complain(&format!("{}; {}", with_causes(&malformed.error), malformed.error.advice()));
        }
        let checkpoint = &newest.stored;
        let damaged = |source| damaged(&checkpoint.file, source);
        let json = folder.read(file).map_err(|error| damaged(Some(error)))?;
        let session = &checkpoint.checkpoint.saved.session_id;
        let kept = Kept::read(&json).filter(|kept| kept.session_id == *session);
        let mut kept = kept.ok_or_else(|| damaged(None))?;
        let spent = folder.read_budgets().map_err(|error| damaged(Some(error)))?;
        let spent = serde_json::from_slice(&spent).map_err(|error| damaged(Some(error.into())))?;
        let other = || ResumeError::OtherJournal { directory: places.journal.to_owned() };
        let told = told_of(reader, &kept)?.ok_or_else(other)?;
        let mut since = Vec::new();
        for entry in newest.events.take().into_iter().flatten() {
            if let Entry::Event(recorded) = entry? {
                since.push(recorded.event);
            }
        }
        let sessions = kept.sessions(&since).ok_or_else(|| damaged(None))?;
        Ok(Self { kept, sessions, spent, told })
    }
}

fn damaged(file: &str, source: Option<io::Error>) -> ResumeError {
    ResumeError::Damaged { file: file.to_owned(), source }
}

/// The newest active checkpoint of the session, and what happened since.
fn newest(store: &CheckpointStore, places: Places<'_>, session: &SessionId) -> Result<Resumed, ResumeError> {
    store.resume(session).map_err(|error| match error {
        missing @ CheckpointError::NotFound { .. } => {
            let missing = missing.to_string();
            ResumeError::Nothing { directory: places.checkpoints.to_owned(), missing }
        }
        error => VerbError::from(error).into(),
    })
}

/// What a checkpoint says that the run kept for it.
pub(super) fn named(stored: &StoredCheckpoint) -> Option<KeptFile> {
    let context = &stored.checkpoint.saved.context;
    let name = context.others().find_map(|(key, value)| (key == STATE).then_some(value))?;
    KeptFile::parse(&serde_json::from_str::<String>(name.get()).ok()?)
}

/// All active checkpoints of the session, which are resolved when the next is saved.
fn active(store: &CheckpointStore, session: &SessionId) -> Result<Vec<String>, VerbError> {
    let listing = store.list(&CheckpointFilter::all().status(CheckpointStatus::Active))?;
    let of_session = |stored: &StoredCheckpoint| stored.checkpoint.saved.session_id == *session;
    Ok(listing.checkpoints.into_iter().filter(of_session).map(|stored| stored.file).collect())
}

/// What the journal tells of the plans and decisions of the session, and where it lacks something; none if it does not
/// tell of the run's plan at all.
fn told_of(reader: &JournalReader, kept: &Kept) -> Result<Option<Vec<Entry>>, ReadError> {
    let kinds = "plan.*,decision.*,journal.*".parse().expect("these are the names of kinds");
    let (mut told, mut is_known) = (Vec::new(), false);
    for entry in reader.read(ReadFrom::Start, kinds)? {
        let entry = entry?;
        if let Entry::Event(recorded) = &entry {
            let event = &recorded.event;
            let is_of_journal = event.type_name().starts_with("journal.");
            if !is_of_journal && event.session_id() != Some(&kept.session_id) {
                continue;
            }
            is_known |= event.plan_id() == Some(&kept.plan_id) && event.details::<PlanCreated>().is_some();
        }
        told.push(entry);
    }
    Ok(is_known.then_some(told))
}
