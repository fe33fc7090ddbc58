//! How a watch begins.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::examine::Examiner;
use super::mailbox::Mailbox;
use super::source::{NotifySource, Source};
use super::task::Watcher;
use super::{Progress, Watch, WatchError};
use crate::event::Scope;
use crate::service::blocking::blocking;
use crate::service::resource::Resource;
use crate::sync::Mutex;

/// Makes the source for a folder.
pub(super) type MakeSource = Box<dyn FnOnce(&Path, Arc<Mailbox>) -> io::Result<Box<dyn Source>> + Send>;

impl Resource {
    /// Tells from now on, as `resource.modified`, what others change in the folder. In what scope this is called, the
    /// changes are told.
    ///
    /// Every folder in it that an index does not leave out is watched, which takes one of the system's watches each. A
    /// folder `.agentbus-staging-*` is made for as long as it is watched, whose files say how far that is: of a sandbox
    /// beside its files, else in the folder for temporary files; a process that is killed leaves it, empty.
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time.
    ///
    /// # Cancel safety
    /// Dropped, nothing is watched.
    pub async fn watch(&self) -> Result<Watch, WatchError> {
        // Of a sandbox beside its files: what a process leaves that is killed goes with the sandbox.
        let home = self.folder("watch")?.home().map(Path::to_owned);
        self.watch_with_marks_in(home.unwrap_or_else(std::env::temp_dir)).await
    }

    /// The same; the marks by which the watcher knows how far it is are made in `temporary`.
    pub(super) async fn watch_with_marks_in(&self, temporary: PathBuf) -> Result<Watch, WatchError> {
        let make = move |root: &Path, mailbox| {
            NotifySource::new(root, &temporary, mailbox).map(|source| Box::new(source) as _)
        };
        self.watch_by(Box::new(make)).await
    }

    pub(super) async fn watch_by(&self, make: MakeSource) -> Result<Watch, WatchError> {
        let folder = self.folder("watch")?;
        let path = folder.path().to_owned();
        let failed = |source| WatchError::Source { path: path.clone(), source };
        let root = folder.dir().try_clone().map_err(failed)?;
        let rewrites = folder.rewrites().clone();
        let turn = Arc::clone(&self.shared.turn).lock_owned().await;
        if turn.is_some() {
            return Err(WatchError::Watched { resource: self.name().to_string() });
        }
        let (mailbox, stop) = (Arc::new(Mailbox::default()), CancellationToken::new());
        let (resource, options, last) = (self.name().clone(), self.shared.options.index, self.indexed());
        let (hints, at, stopped) = (Arc::clone(&mailbox), path.clone(), stop.clone());
        let stop_when_dropped = stop.clone().drop_guard();
        let (examiner, known, source, mut turn) = blocking(move |_stop| {
            let source =
                make(&at, hints).map_err(|source| WatchError::Source { path: at.clone(), source })?;
            let source = Arc::new(Mutex::new(source));
            let (folders, rules, by) = (BTreeSet::new(), None, Arc::clone(&source));
            let mut examiner = Examiner {
                resource,
                root,
                path: at,
                options,
                source: by,
                folders,
                last,
                rules,
                rewrites,
                stop: stopped,
            };
            let known = examiner.begin()?;
            Ok::<_, WatchError>((examiner, known, source, turn))
        })
        .await?;
        // From here on nothing is waited for: who drops this future before has watched nothing.
        *turn = Some(known);
        let (progress, seen) = watch::channel(Progress::default());
        let asked = Arc::new(AtomicU64::new(0));
        let watcher = Watcher {
            shared: Arc::clone(&self.shared),
            mailbox,
            options: self.shared.options.watch,
            progress,
            asked: Arc::clone(&asked),
            stop,
            scope: Scope::current(),
        };
        let task = tokio::spawn(watcher.run(examiner));
        Ok(Watch { path, source, progress: seen, asked, stop: stop_when_dropped, task })
    }
}
