//! [`Resource`]: the handle of one resource, by which everything is done with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use super::ResourceOptions;
use super::dir::DirHandler;
use super::error::{HandlerError, IndexError, PathFault, ResourceError};
use super::handler::{ResourceEntry, ResourceHandler, ResourceStat};
use super::index::{Index, IndexReport, Run};
use super::path::plain;
use super::told::{Fact, Indexed, Told};
use super::watch::Known;
use crate::emitter::Emitter;
use crate::event::{Hash, ResourceOperation, ResourceSource, Scope, Text};
use crate::service::blocking::blocking;
use crate::service::resource::change::Act;
use crate::service::sandbox::WriteAccess;
use crate::sync::{Mutex, lock};

/// One resource. Cheap to clone; clones are the same resource, and keep it when it is unregistered.
///
/// Paths are relative to the resource; the empty one is the resource itself. A `..` takes back the name before it.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(super) shared: Arc<Shared>,
    /// As whose what is done by this handle is told.
    pub(super) source: ResourceSource,
    /// The right to write in the sandbox whose files these are, for as long as something is written.
    access: Option<Arc<WriteAccess>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) handler: Arc<dyn ResourceHandler>,
    pub(super) options: ResourceOptions,
    pub(super) told: Told,
    /// Where those who change it queue up: one at a time changes it, and keeps what is to be told of that before the
    /// next one may. It is held while the handler works, and never while an event is emitted.
    /// What stands in it is what has been told, if the resource is watched.
    pub(super) turn: Arc<tokio::sync::Mutex<Option<Known>>>,
    /// Where index runs queue up, so that each tells the difference from the one before.
    indexing: tokio::sync::Mutex<()>,
    /// Guards the last index; held for single moves.
    index: Mutex<Option<Arc<Index>>>,
}

impl Resource {
    pub(super) fn new(
        name: Text,
        handler: Arc<dyn ResourceHandler>,
        options: ResourceOptions,
        emitter: Emitter,
    ) -> Self {
        let shared = Shared {
            handler,
            options,
            told: Told::new(name, emitter),
            turn: Arc::default(),
            indexing: tokio::sync::Mutex::default(),
            index: Mutex::default(),
        };
        Self::of(Arc::new(shared))
    }

    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { shared, source: ResourceSource::Service, access: None }
    }

    /// The same resource; what is changed by this handle is told as changed by a tool.
    #[must_use]
    pub fn for_tools(mut self) -> Self {
        self.source = ResourceSource::Tool;
        self
    }

    /// The same resource, whose changes need that access until they are done.
    pub(in crate::service) fn with_access(mut self, access: WriteAccess) -> Self {
        self.access = Some(Arc::new(access));
        self
    }

    /// What it is registered as, and called in events.
    pub fn name(&self) -> &Text {
        self.shared.told.resource()
    }

    /// The content of a file, of at most [`ResourceOptions::max_read_bytes`]. Told as `resource.accessed`.
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, ResourceError> {
        let path = self.plain("read", path.as_ref())?;
        let max = self.shared.options.max_read_bytes;
        let content = self.asked("read", &path, self.shared.handler.read(&path, max)).await?;
        self.accessed(ResourceOperation::Read, content.len() as u64);
        Ok(content)
    }

    /// What is in a folder, by name. Told as `resource.accessed`.
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn list(&self, path: impl AsRef<Path>) -> Result<Vec<ResourceEntry>, ResourceError> {
        let path = self.plain("list", path.as_ref())?;
        let entries = self.asked("list", &path, self.shared.handler.list(&path)).await?;
        self.accessed(ResourceOperation::List, 0);
        Ok(entries)
    }

    /// What is known of a file, a folder or a link, which is not followed. Told as `resource.accessed`.
    ///
    /// # Errors
    /// [`ResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing has changed and nothing was told.
    pub async fn stat(&self, path: impl AsRef<Path>) -> Result<ResourceStat, ResourceError> {
        let path = self.plain("stat", path.as_ref())?;
        let stat = self.asked("stat", &path, self.shared.handler.stat(&path)).await?;
        self.accessed(ResourceOperation::Stat, 0);
        Ok(stat)
    }

    /// Gives a file this content; it is made if it is not there, with the folders that it needs. Told as
    /// `resource.modified`.
    ///
    /// # Errors
    /// [`ResourceError`]: the file is what it was then, unless it is `TimedOut`.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn write(
        &self,
        path: impl AsRef<Path>,
        content: impl Into<Vec<u8>>,
    ) -> Result<(), ResourceError> {
        let path = self.plain("write", path.as_ref())?;
        self.change(Act::Write { path, content: content.into(), expected: None }).await
    }

    /// Gives a file this content if it still has the content of that hash, so that no change is overwritten that the
    /// caller has not seen. What somebody writes beside this service in the same moment is not noticed.
    ///
    /// # Errors
    /// [`ResourceError::Changed`] if it has another content; the others as of [`Resource::write`].
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn replace(
        &self,
        path: impl AsRef<Path>,
        expected: &Hash,
        content: impl Into<Vec<u8>>,
    ) -> Result<(), ResourceError> {
        let path = self.plain("replace", path.as_ref())?;
        self.change(Act::Write { path, content: content.into(), expected: Some(*expected) }).await
    }

    /// Deletes a file; of a link, the link. Told as `resource.modified`.
    ///
    /// # Errors
    /// [`ResourceError`]: it is still there then, unless it is `TimedOut`.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn delete(&self, path: impl AsRef<Path>) -> Result<(), ResourceError> {
        let path = self.plain("delete", path.as_ref())?;
        self.change(Act::Delete { path }).await
    }

    /// Gives a file another path, where nothing may stand. Told as `resource.modified`.
    ///
    /// # Errors
    /// [`ResourceError`]: it stands where it stood then, unless it is `TimedOut`.
    ///
    /// # Cancel safety
    /// Dropped, it goes on to its end, and is told.
    pub async fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), ResourceError> {
        let from = self.plain("move", from.as_ref())?;
        let to = self.plain("move to", to.as_ref())?;
        self.change(Act::Rename { from, to }).await
    }

    /// Finds out which files the folder has now. Told as `resource.indexed`.
    ///
    /// # Errors
    /// [`IndexError`]: the last index is what it was then.
    ///
    /// # Cancel safety
    /// Dropped, it stops soon; the last index is what it was, and nothing is told.
    pub async fn index(&self) -> Result<IndexReport, IndexError> {
        let folder = self.folder("index")?;
        let root = folder
            .dir()
            .try_clone()
            .map_err(|_closed| IndexError::Vanished { path: folder.path().to_owned() });
        let (root, path, scope) = (root?, folder.path().to_owned(), Scope::current());
        let _alone = self.shared.indexing.lock().await;
        let (resource, options, previous) = (self.name().clone(), self.shared.options.index, self.indexed());
        let report = blocking(move |stop| {
            let (root, path, previous) = (&root, path.as_path(), previous.as_ref());
            let started = Run::now();
            Run { resource: &resource, root, path, options: &options, previous, stop, started }.to_report()
        })
        .await?;
        self.go_on_from(Arc::clone(&report.index));
        self.shared.told.keep(&scope, Fact::Indexed(Indexed::of(&report)));
        self.shared.told.tell();
        Ok(report)
    }

    /// The last index, if there was one.
    pub fn indexed(&self) -> Option<Arc<Index>> {
        lock(&self.shared.index).clone()
    }

    /// Takes that as the last index.
    pub(super) fn go_on_from(&self, index: Arc<Index>) {
        *lock(&self.shared.index) = Some(index);
    }

    /// Looks over a folder on disk with its handle. It is told with the number of bytes that `look` says it has read.
    pub(in crate::service) async fn look_over<T: Send + 'static, E: From<ResourceError> + Send + 'static>(
        &self,
        operation: ResourceOperation,
        look: impl FnOnce(&Dir, &CancellationToken) -> Result<(T, u64), E> + Send + 'static,
    ) -> Result<T, E> {
        let folder = self.folder("look over")?;
        let opened = folder.dir().try_clone();
        let root = opened.map_err(|source| self.failed("look over", Path::new(""), source.into()))?;
        let (found, bytes) = blocking(move |stop| look(&root, stop)).await?;
        self.accessed(operation, bytes);
        Ok(found)
    }

    /// Tells that something was read.
    fn accessed(&self, operation: ResourceOperation, bytes: u64) {
        self.shared.told.keep(&Scope::current(), Fact::Accessed { operation, bytes });
        self.shared.told.tell();
    }

    /// Waits for what the handler was asked.
    async fn asked<T>(
        &self,
        doing: &'static str,
        path: &Path,
        work: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<T, ResourceError> {
        match tokio::time::timeout(self.shared.options.timeout, work).await {
            Ok(done) => done.map_err(|source| self.failed(doing, path, source)),
            Err(_elapsed) => Err(self.timed_out(doing, path)),
        }
    }

    pub(super) fn folder(&self, doing: &'static str) -> Result<&DirHandler, ResourceError> {
        self.shared
            .handler
            .folder()
            .ok_or_else(|| self.unsupported(doing, "is no folder on disk, so use one that is"))
    }

    fn plain(&self, doing: &'static str, path: &Path) -> Result<PathBuf, ResourceError> {
        plain(path).map_err(|fault| self.bad_path(doing, path, fault))
    }

    pub(super) fn bad_path(&self, doing: &'static str, path: &Path, fault: PathFault) -> ResourceError {
        ResourceError::Path { resource: self.name().to_string(), doing, path: path.to_owned(), fault }
    }

    pub(super) fn unsupported(&self, doing: &'static str, way_out: &'static str) -> ResourceError {
        ResourceError::Unsupported { resource: self.name().to_string(), doing, way_out }
    }

    pub(super) fn failed(&self, doing: &'static str, path: &Path, source: HandlerError) -> ResourceError {
        ResourceError::Handler { resource: self.name().to_string(), doing, path: path.to_owned(), source }
    }

    pub(super) fn timed_out(&self, doing: &'static str, path: &Path) -> ResourceError {
        ResourceError::TimedOut { resource: self.name().to_string(), doing, path: path.to_owned() }
    }
}
