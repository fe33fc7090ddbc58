//! [`Making`]: the services of a run, made or taken up.

use std::path::Path;
use std::sync::Arc;

use agentbus::bus::EventBus;
use agentbus::journal::JournalReader;
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::RunError;
use super::folder::RunFolder;
use super::keeping::{Keeping, SaveError, Saved};
use super::kept::About;
use super::resuming::{Led, Resuming};
use super::services::Services;
use super::sweeping;
use crate::cli::args::RunArgs;
use crate::cli::destination::Destination;
use crate::cli::task::Task;

/// What the services of a run are made of.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) task: &'a Task,
    pub(super) destination: &'a Destination,
    pub(super) bus: Option<Arc<dyn EventBus>>,
    pub(super) reader: Option<JournalReader>,
}

impl Making<'_> {
    /// The services. A run that saves nothing works in `workshop`.
    pub(super) async fn services(
        self,
        resuming: Option<Resuming>,
        workshop: &mut Option<TempDir>,
    ) -> Result<Services, RunError> {
        let bus = self.bus.clone();
        match (self.args.checkpoints.as_deref(), resuming) {
            (Some(checkpoints), Some(Resuming { led, known })) => {
                let keeping = block_in_place(|| self.keeping(checkpoints, led))?;
                Ok(Services::restored(known, keeping, bus.as_ref()).await?)
            }
            (Some(checkpoints), None) => {
                sweeping::sweep(checkpoints, bus.as_ref()).await;
                let keeping = block_in_place(|| self.first_keeping(checkpoints))?;
                Ok(Services::new(self.task, &keeping.sandboxes(), Some(keeping), bus.as_ref()))
            }
            (None, _) => {
                let folder = tempfile::Builder::new().prefix("agentbus-run-").tempdir()?;
                Ok(Services::new(self.task, workshop.insert(folder).path(), None, bus.as_ref()))
            }
        }
    }

    fn first_keeping(&self, checkpoints: &Path) -> Result<Keeping, SaveError> {
        // By the store, which refuses what it cannot use.
        drop(agentbus::checkpoint::CheckpointStore::open(checkpoints)?);
        let folder = RunFolder::make(checkpoints)
            .map_err(|source| SaveError::Write { path: checkpoints.to_owned(), source })?;
        self.keeping(checkpoints, Led { folder, saved: Saved { active: Vec::new(), file: None } })
    }

    fn keeping(&self, checkpoints: &Path, Led { folder, saved }: Led) -> Result<Keeping, SaveError> {
        let about = About {
            task: self.task.hash,
            project_name: self.task.project_name.clone(),
            destination: self.destination.folder().to_owned(),
            place: self.destination.place(),
            is_project: self.destination.is_project(),
        };
        let keeping = Keeping::open(self.args, checkpoints, folder, about, saved)?;
        Ok(keeping.telling(self.bus.clone(), self.reader.clone()))
    }
}
