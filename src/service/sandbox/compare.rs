//! What is different in a sandbox from what it was made from.

use std::io;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::SandboxService;
use super::checkpoint::scan_tree;
use super::diff::{SandboxDiff, changes, diff};
use super::error::SandboxError;
use super::handle::Claim;
use super::place::{open_file, parent_of};
use super::state::SandboxOperation;
use crate::event::SandboxId;

impl SandboxService {
    /// What is different in the sandbox from what it was made from.
    ///
    /// # Errors
    /// [`SandboxError`]: `Unknown`, `State` once committed, `Busy`, `Io`, `Cancelled`; `Unfinished`, `NotUndone` and
    /// `Damaged` if what a killed way back left in the tree cannot be seen to.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn diff(&self, sandbox: &SandboxId) -> Result<SandboxDiff, SandboxError> {
        self.run(sandbox, SandboxOperation::Diff, |claim, stop| compare(&claim, stop)).await
    }
}

fn compare(claim: &Claim, stop: &CancellationToken) -> Result<SandboxDiff, SandboxError> {
    let shared = &claim.sandbox.shared;
    let now = scan_tree(claim, stop)?;
    let read = |path: &Path, _hash: &_| {
        let mut content = Vec::new();
        let (dir, name) = parent_of(&shared.tree, path)?;
        io::Read::read_to_end(&mut open_file(&dir, &name)?, &mut content)?;
        Ok(content)
    };
    diff(&changes(&shared.base, &now), &shared.store, read).map_err(|(path, source)| SandboxError::Io {
        doing: "compare",
        path,
        source,
    })
}
