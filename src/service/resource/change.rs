//! What changes a resource: one [`Act`] at a time, driven to its end and told, whoever still waits for it.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{HandlerError, ResourceError};
use super::handle::Resource;
use super::handler::Written;
use super::standing::Meant;
use super::told::{Fact, Modified};
use crate::event::{Hash, ResourceChange, Scope};

/// One change.
#[derive(Debug)]
pub(super) enum Act {
    Write { path: PathBuf, content: Vec<u8>, expected: Option<Hash> },
    Delete { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
}

/// Why a resource is not changed that cannot be.
const READ_ONLY: &str = "can only be read";

impl Act {
    /// What it is called in errors.
    fn doing(&self) -> &'static str {
        match self {
            Self::Write { expected: None, .. } => "write",
            Self::Write { .. } => "replace",
            Self::Delete { .. } => "delete",
            Self::Rename { .. } => "move",
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Write { path, .. } | Self::Delete { path } | Self::Rename { from: path, .. } => path,
        }
    }
}

impl Resource {
    /// Does it in a task of its own, which goes on when nobody waits any more: what was begun is told when it is done.
    pub(super) async fn change(&self, act: Act) -> Result<(), ResourceError> {
        let (doing, path) = (act.doing(), act.path().to_owned());
        let (resource, scope) = (self.clone(), Scope::current());
        let task = tokio::spawn(async move { resource.run(act, &scope).await });
        match tokio::time::timeout(self.shared.options.timeout, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(failed)) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Only a runtime that shuts down ends the task; it is about to drop this future too.
                Err(_shutting_down) => std::future::pending().await,
            },
            Err(_elapsed) => Err(self.timed_out(doing, &path)),
        }
    }

    async fn run(self, act: Act, scope: &Scope) -> Result<(), ResourceError> {
        let shared = Arc::clone(&self.shared);
        let done = {
            let mut turn = shared.turn.lock().await;
            self.perform(act).await.map(|(modified, written)| {
                if let Some(known) = &mut *turn {
                    known.keep(&modified, written);
                }
                shared.told.keep(scope, Fact::Modified(modified));
            })
        };
        shared.told.tell();
        done
    }

    /// Does it: what is to be told, and what became of what was written.
    async fn perform(&self, act: Act) -> Result<(Modified, Option<Written>), ResourceError> {
        let doing = act.doing();
        match act {
            Act::Write { path, content, expected } => {
                let writer =
                    self.shared.handler.writer().ok_or_else(|| self.unsupported(doing, READ_ONLY))?;
                if let Some(expected) = expected {
                    self.check_content(&path, &expected).await?;
                }
                let written = writer.write(&path, content).await;
                let written = written.map_err(|source| self.failed(doing, &path, source))?;
                let path = self.real_path(path, Meant::WhatItLeadsTo).await;
                Ok((self.modified(path, written.change, Some(written.bytes)), Some(written)))
            }
            Act::Delete { path } => {
                let writer =
                    self.shared.handler.writer().ok_or_else(|| self.unsupported(doing, READ_ONLY))?;
                let place = self.real_path(path.clone(), Meant::TheLink).await;
                writer.delete(&path).await.map_err(|source| self.failed(doing, &path, source))?;
                Ok((self.modified(place, ResourceChange::Deleted, None), None))
            }
            Act::Rename { from, to } => {
                let mover = self.shared.handler.mover();
                let mover =
                    mover.ok_or_else(|| self.unsupported(doing, "keeps what it holds where it is"))?;
                let place = self.real_path(from.clone(), Meant::TheLink).await;
                let renamed = mover.rename(&from, &to).await;
                let renamed = renamed.map_err(|source| self.failed(doing, &from, source))?;
                let to = self.real_path(to, Meant::TheLink).await;
                let mut modified = self.modified(to, ResourceChange::Moved, Some(renamed.bytes));
                modified.from = Some(place);
                Ok((modified, Some(renamed)))
            }
        }
    }

    /// Where what was asked for by `path` really stands: by that it is told of, and known to the watcher.
    async fn real_path(&self, path: PathBuf, meant: Meant) -> PathBuf {
        match self.shared.handler.folder() {
            Some(folder) => folder.real_path(&path, meant).await,
            None => path,
        }
    }

    fn modified(&self, path: PathBuf, change: ResourceChange, bytes: Option<u64>) -> Modified {
        Modified { path, change, source: self.source, from: None, bytes }
    }

    /// Whether the file has still the content that somebody has read.
    async fn check_content(&self, path: &Path, expected: &Hash) -> Result<(), ResourceError> {
        let read = self.shared.handler.read(path, self.shared.options.max_read_bytes).await;
        match read {
            Ok(content) if Hash::of(&content) == *expected => Ok(()),
            Ok(_) | Err(HandlerError::Absent | HandlerError::TooLarge { .. }) => {
                Err(ResourceError::Changed { resource: self.name().to_string(), path: path.to_owned() })
            }
            Err(source) => Err(self.failed("replace", path, source)),
        }
    }
}
