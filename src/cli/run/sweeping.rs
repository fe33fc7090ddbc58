//! Removing what runs left that nobody goes on with: killed before they had saved anything, or given up by hand.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use agentbus::bus::EventBus;
use agentbus::checkpoint::{CheckpointFilter, CheckpointStatus, CheckpointStore};
use agentbus::service::sandbox::{Recovered, SandboxError, SandboxService};
use tokio::task::block_in_place;
use ulid::Ulid;

use super::folder::{KeptFile, RunFolder};
use super::resuming::named;
use super::services::tell;
use super::stages::done_or_told;

/// What became of what was left.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// How many commits are finished or undone.
    pub(crate) commits: usize,
    /// How many folders stay: what is in them cannot be seen to, which was said.
    pub(crate) stay: usize,
    /// Whether all of them stay, since a checkpoint that cannot be read may name any.
    pub(crate) is_unknown: bool,
}

/// Removes the folders of runs that no live process leads and no active checkpoint names. A commit that one of them was
/// killed in is finished or undone before, which is said, and told on the bus. What cannot be seen to stays.
///
/// In a runtime of several threads.
pub(crate) async fn sweep(checkpoints: &Path, bus: Option<&Arc<dyn EventBus>>) -> Swept {
    let mut swept = Swept::default();
    let Some(left) = block_in_place(|| left(checkpoints)) else {
        swept.is_unknown = block_in_place(|| RunFolder::is_any(checkpoints));
        return swept;
    };
    for folder in left {
        match SandboxService::open(folder.sandboxes(), bus.cloned()).await {
            Ok((sandboxes, recovered)) => {
                drop(sandboxes);
                tell(&recovered);
                swept.commits += recovered.finished.len() + recovered.undone.len();
                let is_gone = is_seen_to(&recovered) && forget(&folder);
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

/// The folders of such runs, which nobody else leads meanwhile. None where not all is known.
fn left(checkpoints: &Path) -> Option<Vec<RunFolder>> {
    let store = CheckpointStore::open_existing(checkpoints).ok()?;
    let before = named_runs(&store)?;
    let mut left = RunFolder::left(checkpoints, |run| !before.contains(&run)).ok()?;
    // Anew, now that nobody leads them: one may have saved something before it was killed.
    let now = named_runs(&store)?;
    left.retain(|folder| !now.contains(&folder.run));
    Some(left)
}

/// The runs that active checkpoints name; none if one of them cannot be read, which may name any.
fn named_runs(store: &CheckpointStore) -> Option<BTreeSet<Ulid>> {
    let listing = store.list(&CheckpointFilter::all().status(CheckpointStatus::Active)).ok()?;
    let named = listing.checkpoints.iter().filter_map(named).map(KeptFile::run).collect();
    listing.malformed.is_empty().then_some(named)
}
