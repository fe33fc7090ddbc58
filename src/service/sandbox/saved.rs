//! What a later process must know of a sandbox, in its folder, and how it is found again.
//!
//! | file | what | when it is written |
//! |---|---|---|
//! | `lock` | locked by the process that has the sandbox open | when it is made |
//! | `sandbox.json` | [`Saved`]: what it is, its state, its checkpoints | when one of these changes, durably |
//! | `active` | an empty file: somebody may have written in it since | before the first write |
//! | `base` | what the project was | when it is made |
//! | `checkpoints/<id>` | what stood in the tree | with the checkpoint |
//! | `commit` | [`Intent`]: what a commit is about to do | before it changes the project; removed after it was told |
//! | `way back` | [`WayBack`]: a rollback, or going to a checkpoint | before it changes the tree; removed after it was told |

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::apply::Planned;
use super::checkpoint::{SandboxCheckpoint, facts_of};
use super::diff::SandboxDiff;
use super::disk::Disk;
use super::error::SandboxError;
use super::going_back::WayBack;
use super::handle::Shared;
use super::place::{open_dir, open_root, stands_at};
use super::record::{self, Listed, path_text};
use super::state::SandboxState;
use super::tree::Manifest;
use super::worktree::{Recorded, Worktree};
use crate::event::{CheckpointId, PlanId, SandboxId, SandboxStrategy, Scope};
use crate::service::scope::KeptScope;

pub(super) const LOCK: &str = "lock";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const SAVED: &str = "sandbox.json";
const BASE: &str = "base";
const ACTIVE: &str = "active";
const INTENT: &str = "commit";
const WAY: &str = "way back";

/// Where a sandbox is in its life, as far as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// It is not whole yet: a later process removes it.
    Making,
    /// Made, and perhaps written in: the file `active` says so.
    Created,
    Active,
    Committed,
    /// Rolled back, and perhaps written in since.
    RolledBack,
    /// Its removal began: a later process ends it.
    Closing,
}

impl From<SandboxState> for Stage {
    fn from(state: SandboxState) -> Self {
        match state {
            SandboxState::Created => Self::Created,
            SandboxState::Active => Self::Active,
            SandboxState::Committed => Self::Committed,
            SandboxState::RolledBack => Self::RolledBack,
            SandboxState::Closed => Self::Closing,
        }
    }
}

/// What a sandbox is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) sandbox_id: SandboxId,
    pub(super) plan_id: PlanId,
    #[serde(with = "path_text")]
    pub(super) project: PathBuf,
    pub(super) strategy: SandboxStrategy,
    pub(super) stage: Stage,
    pub(super) scope: KeptScope,
    pub(super) worktree: Option<Worktree>,
    /// Oldest first.
    pub(super) checkpoints: Vec<SandboxCheckpoint>,
}

/// What a commit is about to do to the project.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) changes: Vec<Planned>,
    /// What is told of it.
    pub(super) diff: Counts,
    pub(super) recorded: Option<Recorded>,
}

/// How much a commit changes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) removed: u64,
    pub(super) lines_added: u64,
    pub(super) lines_removed: u64,
}

impl From<&SandboxDiff> for Counts {
    fn from(diff: &SandboxDiff) -> Self {
        Self {
            added: diff.files_added(),
            changed: diff.files_changed(),
            removed: diff.files_removed(),
            lines_added: diff.lines_added(),
            lines_removed: diff.lines_removed(),
        }
    }
}

/// The folder of a sandbox.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) path: PathBuf,
    pub(super) dir: Dir,
    pub(super) disk: Disk,
}

impl Home {
    pub(super) fn open(path: &Path, disk: Disk) -> Result<Self, SandboxError> {
        let dir = open_root(path).map_err(SandboxError::io("open", path))?;
        Ok(Self { path: path.to_owned(), dir, disk })
    }

    /// The one that the handle is of, which need not be readable, whatever stands at its path by now.
    pub(super) fn within(dir: &Dir, path: &Path, disk: Disk) -> Result<Self, SandboxError> {
        let dir = open_dir(dir, OsStr::new(".")).map_err(SandboxError::io("open", path))?;
        Ok(Self { path: path.to_owned(), dir, disk })
    }

    /// Whether the folder stands where it was made.
    pub(super) fn is_there(&self) -> Result<bool, SandboxError> {
        stands_at(&self.dir, &self.path).map_err(SandboxError::io("find", &self.path))
    }

    pub(super) fn save(&self, saved: &Saved) -> Result<(), SandboxError> {
        self.write(SAVED, "sandbox", saved)
    }

    pub(super) fn load(&self) -> Result<Option<Saved>, SandboxError> {
        record::load(&self.dir, &self.path, SAVED, "sandbox")
    }

    pub(super) fn save_base(&self, base: &Manifest) -> Result<(), SandboxError> {
        self.write(BASE, "base", &Listed::from(base))
    }

    pub(super) fn load_base(&self) -> Result<Manifest, SandboxError> {
        let listed: Option<Listed> = record::load(&self.dir, &self.path, BASE, "base")?;
        listed.map(Manifest::from).ok_or_else(|| self.missing(BASE))
    }

    pub(super) fn save_intent(&self, intent: &Intent) -> Result<(), SandboxError> {
        self.write(INTENT, "commit", intent)
    }

    pub(super) fn load_intent(&self) -> Result<Option<Intent>, SandboxError> {
        record::load(&self.dir, &self.path, INTENT, "commit")
    }

    pub(super) fn remove_intent(&self) -> io::Result<()> {
        self.disk.remove_if_there((&self.dir, OsStr::new(INTENT)))
    }

    pub(super) fn save_way(&self, way: &WayBack) -> Result<(), SandboxError> {
        self.write(WAY, "way back", way)
    }

    pub(super) fn load_way(&self) -> Result<Option<WayBack>, SandboxError> {
        record::load(&self.dir, &self.path, WAY, "way back")
    }

    pub(super) fn remove_way(&self) -> io::Result<()> {
        self.disk.remove_if_there((&self.dir, OsStr::new(WAY)))
    }

    /// Says that somebody may write from now on.
    pub(super) fn mark_active(&self) -> Result<(), SandboxError> {
        let marked = self.disk.mark((&self.dir, OsStr::new(ACTIVE)));
        marked.map_err(SandboxError::io("write", &self.path.join(ACTIVE)))
    }

    pub(super) fn is_marked_active(&self) -> bool {
        self.dir.exists(ACTIVE)
    }

    pub(super) fn unmark_active(&self) -> io::Result<()> {
        self.disk.remove_if_there((&self.dir, OsStr::new(ACTIVE)))
    }

    pub(super) fn save_checkpoint(&self, id: &CheckpointId, manifest: &Manifest) -> Result<(), SandboxError> {
        let (dir, path) = self.checkpoints()?;
        let (name, listed) = (id.to_string(), Listed::from(manifest));
        record::write(&self.disk, (&dir, OsStr::new(&name)), "checkpoint", &listed)
            .map_err(SandboxError::io("write", &path.join(name)))
    }

    pub(super) fn load_checkpoint(&self, id: &CheckpointId) -> Result<Manifest, SandboxError> {
        let (dir, path) = self.checkpoints()?;
        let name = id.to_string();
        if name.contains('/') {
            return Err(SandboxError::Damaged {
                path: self.path.join(SAVED),
                reason: "it names a file elsewhere",
            });
        }
        let listed: Option<Listed> = record::load(&dir, &path, &name, "checkpoint")?;
        listed.map(Manifest::from).ok_or_else(|| self.missing(&format!("{CHECKPOINTS}/{id}")))
    }

    pub(super) fn remove_checkpoint(&self, id: &CheckpointId) -> Result<(), SandboxError> {
        let (dir, path) = self.checkpoints()?;
        let name = id.to_string();
        let removed = self.disk.remove_if_there((&dir, OsStr::new(&name)));
        removed.map_err(SandboxError::io("remove", &path.join(name)))
    }

    fn checkpoints(&self) -> Result<(Dir, PathBuf), SandboxError> {
        let path = self.path.join(CHECKPOINTS);
        let dir = open_dir(&self.dir, OsStr::new(CHECKPOINTS));
        Ok((dir.map_err(SandboxError::io("open", &path))?, path))
    }

    fn write(&self, name: &str, what: &str, value: &impl Serialize) -> Result<(), SandboxError> {
        record::write(&self.disk, (&self.dir, OsStr::new(name)), what, value)
            .map_err(SandboxError::io("write", &self.path.join(name)))
    }

    fn missing(&self, name: &str) -> SandboxError {
        SandboxError::Damaged { path: self.path.join(name), reason: "it is missing" }
    }
}

impl Shared {
    /// Keeps what it is, in that state and with these checkpoints.
    pub(super) fn save(&self, stage: Stage, checkpoints: Vec<SandboxCheckpoint>) -> Result<(), SandboxError> {
        let scope = self.status.read(|status| status.scope.clone());
        self.save_in(&scope, stage, checkpoints)
    }

    /// The same, where its events are told in that scope.
    pub(super) fn save_in(
        &self,
        scope: &Scope,
        stage: Stage,
        checkpoints: Vec<SandboxCheckpoint>,
    ) -> Result<(), SandboxError> {
        self.home.save(&Saved {
            sandbox_id: self.id.clone(),
            plan_id: self.plan.clone(),
            project: self.project.clone(),
            strategy: self.strategy,
            stage,
            scope: KeptScope::of(scope),
            worktree: self.worktree.clone(),
            checkpoints,
        })
    }

    /// Keeps it in that state.
    pub(super) fn save_stage(&self, stage: Stage) -> Result<(), SandboxError> {
        self.save(stage, self.status.read(|status| facts_of(&status.checkpoints)))
    }
}
