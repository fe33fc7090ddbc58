//! Removing what runs left that nobody goes on with: killed before they had saved anything, or given up by hand.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentbus::bus::EventBus;
use agentbus::checkpoint::{CheckpointError, CheckpointFilter, CheckpointStatus, CheckpointStore};
use agentbus::service::sandbox::{Recovered, SandboxError};
use serde::Serialize;
use tokio::task::block_in_place;
use ulid::Ulid;

use super::folder::{KeptFile, LeftFolders, RunFolder, is_any_left};
use super::resuming::named;
use super::services::tell;
use super::stages::done_or_told;
use crate::cli::report::complain;

/// What became of what was left.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Swept {
    /// How many commits are finished.
    pub(crate) finished: usize,
    /// How many commits are undone.
    pub(crate) undone: usize,
    /// How many folders are gone.
    pub(crate) removed: usize,
    /// How many folders stay, which was said: what is in them cannot be seen to, or a checkpoint that cannot be read may
    /// name them.
    pub(crate) stay: usize,
}

/// Why it is not known what was left.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    #[error("cannot read {}: it must be a folder, and no link", checkpoints.join("runs").display())]
    Runs { checkpoints: PathBuf, source: io::Error },
}

impl LookError {
    fn runs(checkpoints: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Runs { checkpoints: checkpoints.to_owned(), source }
    }
}

/// Removes the folders of runs that no live process leads and no active checkpoint names. A commit that one of them was
/// killed in is finished or undone before, which is said, and told on the bus. What cannot be seen to stays.
///
/// In a runtime of several threads.
pub(crate) async fn sweep(checkpoints: &Path, bus: Option<&Arc<dyn EventBus>>) -> Swept {
    let mut swept = Swept::default();
    // Where there is no such folder yet, nothing was left in it.
    let Ok(store) = CheckpointStore::open_existing(checkpoints) else { return swept };
    let Left { folders, others, is_certain } = match block_in_place(|| left(&store, checkpoints)) {
        Ok(left) => left,
        Err(error) => {
            done_or_told("look at what runs left", Err::<(), _>(error));
            swept.stay += 1;
            return swept;
        }
    };
    for (path, error) in others {
        complain(&format!("{} stays: it is not seen to: {error}", path.display()));
        swept.stay += 1;
    }
    if !is_certain && !folders.is_empty() {
        complain("what runs left stays: one of the checkpoints that cannot be read may name it");
        swept.stay += folders.len();
        return swept;
    }
    for folder in folders {
        match folder.restore_sandboxes(bus.cloned()).await {
            Ok((_sandboxes, recovered)) => {
                tell(&recovered);
                swept.finished += recovered.finished.len();
                swept.undone += recovered.undone.len();
                let is_gone = is_seen_to(&recovered) && forget(&folder);
                swept.removed += usize::from(is_gone);
                swept.stay += usize::from(!is_gone);
            }
            Err(error) => {
                done_or_told("look at what a run left", Err::<(), _>(error));
                swept.stay += 1;
            }
        }
    }
    swept
}

/// Whether runs left anything that a sweep would see to, as far as it can be seen. Nothing is changed, and nothing looked at
/// outside of the folder.
pub(crate) fn is_anything_left(checkpoints: &Path) -> Result<bool, impl std::error::Error> {
    let store = CheckpointStore::open_existing(checkpoints)?;
    let (named, _is_all) = named_runs(&store)?;
    is_any_left(checkpoints, |run| !named.contains(&run)).map_err(LookError::runs(checkpoints))
}

fn forget(folder: &RunFolder) -> bool {
    let forgotten = block_in_place(|| folder.forget());
    let is_gone = forgotten.is_ok();
    done_or_told("remove what a run left", forgotten);
    is_gone
}

/// Whether nothing of the sandboxes is needed any more.
fn is_seen_to(recovered: &Recovered) -> bool {
    // Where the project is gone, there is nothing to finish.
    let is_gone = |error: &SandboxError| matches!(error, SandboxError::ProjectMoved { .. });
    recovered.in_use.is_empty()
        && recovered.kept.is_empty()
        && recovered.unreadable.iter().all(|(_, error)| is_gone(error))
}

/// What runs left.
struct Left {
    /// Their folders, which nobody else leads meanwhile.
    folders: Vec<RunFolder>,
    /// What stands in the place of one.
    others: Vec<(PathBuf, io::Error)>,
    /// Whether no checkpoint can name one of them.
    is_certain: bool,
}

fn left(store: &CheckpointStore, checkpoints: &Path) -> Result<Left, LookError> {
    let (before, _is_all) = named_runs(store)?;
    let LeftFolders { mut folders, others } =
        RunFolder::left(checkpoints, |run| !before.contains(&run)).map_err(LookError::runs(checkpoints))?;
    // Anew, now that nobody leads them: one may have saved something before it was killed.
    let (now, is_certain) = named_runs(store)?;
    folders.retain(|folder| !now.contains(&folder.run));
    Ok(Left { folders, others, is_certain })
}

/// The runs that active checkpoints name, and whether these are all: one that cannot be read may name any.
fn named_runs(store: &CheckpointStore) -> Result<(BTreeSet<Ulid>, bool), CheckpointError> {
    let listing = store.list(&CheckpointFilter::all().status(CheckpointStatus::Active))?;
    let named = listing.checkpoints.iter().filter_map(named).map(KeptFile::run).collect();
    Ok((named, listing.malformed.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn runs_that_cannot_be_looked_at_stay() {
        let checkpoints = tempfile::tempdir().unwrap();
        assert_eq!(sweep(checkpoints.path(), None).await.stay, 0);
        std::fs::write(checkpoints.path().join("runs"), "").unwrap();
        assert_eq!(sweep(checkpoints.path(), None).await.stay, 1);
    }
}
