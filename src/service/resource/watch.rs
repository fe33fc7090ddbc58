//! [`Watch`]: a folder is looked after, and what others change in it is told.
//!
//! The system says where something happened; what happened is found out by looking there and comparing with what was
//! last told. So a file that is written in many steps is told once, an editor that saves by a rename has modified the
//! file, and what tools and this service write is known already and not told a second time. What a sandbox puts back into
//! its own tree is told as changed by the service; what a commit brings into a project that is watched, as changed by
//! others, since whoever watches that need not know of the sandbox. A file that goes in one
//! place and comes in another is moved; one that is moved into the folder is created, one that is moved out deleted.
//! Of what an index leaves out nothing is told: a file that a changed ignore file hides is dropped without a word, one
//! that it brings into view is created.
//!
//! What happens is told after [`WatchOptions::quiet`] without anything more, at the latest after
//! [`WatchOptions::at_most`]. If the system loses count of what happened, the whole folder is looked over again.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use super::error::{IndexError, ResourceError};
use crate::service::blocking::blocking;
use crate::sync::{Mutex, lock};

mod compare;
mod examine;
mod known;
mod mailbox;
mod source;
mod start;
mod task;

#[cfg(test)]
mod tests;

pub(super) use known::Known;
use source::Source;

/// How long the watcher waits before it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchOptions {
    /// So long nothing more must happen: 50 ms.
    pub quiet: Duration,
    /// At the latest so long after something happened: 500 ms.
    pub at_most: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(50), at_most: Duration::from_millis(500) }
    }
}

impl WatchOptions {
    /// The same with another time in which nothing more must happen.
    #[must_use]
    pub fn with_quiet(mut self, quiet: Duration) -> Self {
        self.quiet = quiet;
        self
    }

    /// The same with another longest wait.
    #[must_use]
    pub fn with_at_most(mut self, at_most: Duration) -> Self {
        self.at_most = at_most;
        self
    }
}

/// Why a folder is not watched, or not any more. What happened before was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// There is no such resource, or it is no folder on disk.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// It is watched already.
    #[error("cannot watch {resource} twice: close the other watch first")]
    Watched {
        /// The resource.
        resource: String,
    },
    /// The folder is not at its path any more.
    #[error("cannot watch {} any longer: the folder is not there any more", path.display())]
    Vanished {
        /// Where it was.
        path: PathBuf,
    },
    /// There are more files than an index may have.
    #[error("cannot watch {}: it has more than {max} files; ignore some or raise the limit", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        max: usize,
    },
    /// The system does not say what happens in a folder.
    #[error("cannot see what happens in {}", path.display())]
    Source {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// New folders come faster than they can be looked at.
    #[error("cannot watch {}: its folders come and go faster than they can be looked at", path.display())]
    Restless {
        /// The folder.
        path: PathBuf,
    },
    /// The watch was stopped.
    #[error("the watch of {} was stopped", path.display())]
    Cancelled {
        /// The folder.
        path: PathBuf,
    },
}

impl From<IndexError> for WatchError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Resource(error) => Self::Resource(error),
            IndexError::Vanished { path } => Self::Vanished { path },
            IndexError::TooMany { path, max } => Self::TooMany { path, max },
            IndexError::Cancelled { path } => Self::Cancelled { path },
        }
    }
}

/// How far the watcher is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// What had happened when the mark of that number was asked for has been told.
    mark: u64,
    /// Why it ended, once it has.
    end: Option<Arc<WatchError>>,
}

/// The watch of one folder, until it is closed or dropped.
#[must_use = "a dropped watch stops watching"]
pub struct Watch {
    path: PathBuf,
    source: Arc<Mutex<Box<dyn Source>>>,
    progress: watch::Receiver<Progress>,
    /// The number of the last mark that was asked for.
    asked: Arc<AtomicU64>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Watch {
    /// Waits until everything is told that has happened in the folder by now.
    ///
    /// # Errors
    /// Why the watch has ended; what had happened before its end was told.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn caught_up(&self) -> Result<(), Arc<WatchError>> {
        let mark = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let source = Arc::clone(&self.source);
        let marked = blocking(move |_stop| lock(&source).mark(mark)).await;
        if let Err(source) = marked {
            return Err(Arc::new(WatchError::Source { path: self.path.clone(), source }));
        }
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|progress| progress.mark >= mark || progress.end.is_some()).await;
        match reached {
            Ok(progress) if progress.mark >= mark => Ok(()),
            Ok(progress) => progress.end.clone().map_or(Ok(()), Err),
            // The task tells its end before it ends.
            Err(_ended) => Err(Arc::new(WatchError::Cancelled { path: self.path.clone() })),
        }
    }

    /// Why the watch has ended; none as long as it watches.
    pub fn error(&self) -> Option<Arc<WatchError>> {
        self.progress.borrow().end.clone()
    }

    /// Waits until the watch has ended by itself, and says why: the folder vanished, for example.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> Arc<WatchError> {
        let mut progress = self.progress.clone();
        let ended = progress.wait_for(|progress| progress.end.is_some()).await;
        let end = ended.ok().and_then(|progress| progress.end.clone());
        end.unwrap_or_else(|| Arc::new(WatchError::Cancelled { path: self.path.clone() }))
    }

    /// Stops watching and waits until that is done. What has happened and is not told yet stays untold.
    ///
    /// # Cancel safety
    /// Dropped, it stops all the same.
    pub async fn close(self) {
        drop(self.stop);
        // A panic of the task was told by the runtime; there is nothing left to stop then.
        drop(self.task.await);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("progress", &*self.progress.borrow()).finish_non_exhaustive()
    }
}
