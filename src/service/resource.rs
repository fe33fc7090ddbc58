//! [`ResourceService`]: the named things that a plan works on, such as a folder, a file, a repository.
//!
//! A resource has a name and a [`ResourceHandler`]. With this crate come [`DirHandler`] for a folder on disk,
//! [`FileHandler`] for a file, [`GitHandler`] for a repository at a revision; an embedder adds others. [`ResourceUri`] names what the crate can open itself.
//!
//! | operation | event |
//! |---|---|
//! | [`read`](Resource::read), [`list`](Resource::list), [`stat`](Resource::stat) | `resource.accessed` |
//! | [`write`](Resource::write), [`replace`](Resource::replace), [`delete`](Resource::delete), [`rename`](Resource::rename) | `resource.modified` |
//! | [`index`](Resource::index) | `resource.indexed` |
//! | [`watch`](Resource::watch) | `resource.modified`, for what others change |
//!
//! # Promises
//! - Nothing outside of a folder is reached by a path in it, whatever links lie there or are put there meanwhile.
//! - A change is done whole or not at all. Changes of one resource run one after the other and are told in their order;
//!   one that was begun is told when it is done, also when nobody waits for it any more.
//! - What is refused or fails changes nothing and tells nothing.
//! - An index never lacks a file in silence: what could not be read is in [`Index::unread`].
//!
//! In events a path is relative to its resource, `.` for the resource itself. Bytes that are not UTF-8 stand as `\xff`,
//! control characters as U+FFFD, and what is longer than a [`Text`] is cut and marked: two paths may look the same
//! there. What is changed by a path that leads over a link is told by the path of what was changed, without links. What a
//! handle of [`Resource::for_tools`] changes is told as changed by a tool.
//!
//! # When it goes wrong
//! Every operation has a typed error that names the resource, what was asked and the path. One that takes longer than
//! [`ResourceOptions::timeout`] is a [`ResourceError::TimedOut`] for who waits; a handler that never ends keeps the
//! later changes of its resource waiting, and nothing else. What programs change beside this service, the commands of
//! tools in a sandbox among them, is noticed by a [`Watch`] alone.
//!
//! ```
//! use std::sync::Arc;
//! use agentbus::service::resource::{DirHandler, ResourceService};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let resources = ResourceService::new(None);
//! resources.register("notes", Arc::new(DirHandler::open(folder.path())?))?;
//!
//! resources.write("notes", "today/first.txt", "hello\n").await?;
//! assert_eq!(resources.read("notes", "today/first.txt").await?, b"hello\n");
//! assert_eq!(resources.index("notes").await?.added.len(), 1);
//! assert!(resources.read("notes", "../secret").await.is_err());
//! # Ok(())
//! # }
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::text::check_name;
use crate::event::{SandboxId, Text};
use crate::service::blocking::blocking;
use crate::service::sandbox::Sandbox;
use crate::sync::{Mutex, lock};

mod by_name;
mod change;
mod dir;
mod error;
mod file;
mod git;
mod handle;
mod handler;
mod index;
mod keep;
mod path;
mod place;
mod standing;
mod told;
mod uri;
mod watch;

pub use dir::DirHandler;
pub use error::{HandlerError, IndexError, PathFault, RegisterResourceError, ResourceError};
pub use file::FileHandler;
pub use git::GitHandler;
pub use handle::Resource;
pub use handler::{
    EntryKind, ResourceEntry, ResourceHandler, ResourceMover, ResourceStat, ResourceWriter, Written,
};
pub use index::{
    HiddenFiles, Index, IndexOptions, IndexReport, IndexedFile, LoadIndexError, Unread, UnreadReason,
};
pub use uri::{MAX_URI_BYTES, ResourceScheme, ResourceUri, UriError, UriFault};
pub use watch::{Watch, WatchError, WatchOptions};

/// What holds for every resource of a [`ResourceService`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceOptions {
    /// Larger files are not read at once: 8 MiB.
    pub max_read_bytes: u64,
    /// How long anybody waits for an operation, but for an index: 30 seconds.
    pub timeout: Duration,
    /// What holds for index runs.
    pub index: IndexOptions,
    /// What holds for watches.
    pub watch: WatchOptions,
}

impl Default for ResourceOptions {
    fn default() -> Self {
        Self {
            max_read_bytes: 8 << 20,
            timeout: Duration::from_secs(30),
            index: IndexOptions::default(),
            watch: WatchOptions::default(),
        }
    }
}

impl ResourceOptions {
    /// The same with another limit of what is read at once, in bytes.
    #[must_use]
    pub fn with_max_read_bytes(mut self, bytes: u64) -> Self {
        self.max_read_bytes = bytes;
        self
    }

    /// The same with another timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with other options for watches.
    #[must_use]
    pub fn with_watch(mut self, watch: WatchOptions) -> Self {
        self.watch = watch;
        self
    }

    /// The same with other options for index runs.
    #[must_use]
    pub fn with_index(mut self, index: IndexOptions) -> Self {
        self.index = index;
        self
    }
}

/// Keeps resources. Cheap to clone; clones share them. The default one has no bus.
#[derive(Clone, Debug, Default)]
pub struct ResourceService {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    emitter: Emitter,
    options: ResourceOptions,
    /// Guards what is registered, by name; held for single moves.
    registered: Mutex<BTreeMap<Text, Resource>>,
    /// Guards the files of sandboxes that somebody works with; held for single moves.
    trees: Mutex<HashMap<SandboxId, Weak<handle::Shared>>>,
}

impl ResourceService {
    /// A service without resources, with the default options.
    pub fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self::with_options(ResourceOptions::default(), bus)
    }

    /// A service without resources.
    pub fn with_options(options: ResourceOptions, bus: Option<Arc<dyn EventBus>>) -> Self {
        let emitter = Emitter::new(bus);
        Self { inner: Arc::new(Inner { emitter, options, ..Inner::default() }) }
    }

    /// Makes a resource known. Events call it by this name.
    ///
    /// # Errors
    /// [`RegisterResourceError::Exists`]; [`RegisterResourceError::Name`] if it is empty, longer than 256 bytes or
    /// holds control characters.
    pub fn register(
        &self,
        name: impl AsRef<str>,
        handler: Arc<dyn ResourceHandler>,
    ) -> Result<Resource, RegisterResourceError> {
        let name = name.as_ref();
        check_name(name).map_err(|source| RegisterResourceError::Name { source })?;
        let mut registered = lock(&self.inner.registered);
        if registered.contains_key(name) {
            return Err(RegisterResourceError::Exists { resource: name.to_owned() });
        }
        let resource = self.make(Text::from(name), handler);
        registered.insert(Text::from(name), resource.clone());
        Ok(resource)
    }

    /// Opens what an address names and registers it under the text of the address.
    ///
    /// # Errors
    /// [`RegisterResourceError`].
    ///
    /// # Cancel safety
    /// Dropped, nothing is registered.
    pub async fn open(&self, uri: &ResourceUri) -> Result<Resource, RegisterResourceError> {
        let (scheme, path, revision) =
            (uri.scheme(), uri.path().to_owned(), uri.revision().map(str::to_owned));
        let opened = blocking(move |_stop| -> std::io::Result<Arc<dyn ResourceHandler>> {
            Ok(match scheme {
                ResourceScheme::File => Arc::new(FileHandler::open(path)?),
                ResourceScheme::Dir => Arc::new(DirHandler::open(path)?),
                ResourceScheme::Git => Arc::new(GitHandler::open(path, &revision.unwrap_or_default())?),
            })
        });
        let handler = opened.await.map_err(RegisterResourceError::open(uri.path()))?;
        self.register(uri.to_string(), handler)
    }

    /// Forgets a resource. Who has a [`Resource`] goes on with it.
    ///
    /// # Errors
    /// [`ResourceError::Unknown`].
    pub fn unregister(&self, name: impl AsRef<str>) -> Result<(), ResourceError> {
        let removed = lock(&self.inner.registered).remove(name.as_ref());
        removed.map(drop).ok_or_else(|| unknown(name.as_ref()))
    }

    /// The resource of that name.
    ///
    /// # Errors
    /// [`ResourceError::Unknown`].
    pub fn get(&self, name: impl AsRef<str>) -> Result<Resource, ResourceError> {
        let found = lock(&self.inner.registered).get(name.as_ref()).cloned();
        found.ok_or_else(|| unknown(name.as_ref()))
    }

    /// The names of the resources, in their order.
    pub fn names(&self) -> Vec<Text> {
        lock(&self.inner.registered).keys().cloned().collect()
    }

    /// The files of a sandbox, as the resource `sandbox://<sandbox id>`. It is the same one for everybody as long as
    /// anybody has it, so that a watcher of it knows what tools write.
    ///
    /// # Errors
    /// [`RegisterResourceError::Open`] if the files cannot be opened any more.
    pub fn tree_of(&self, sandbox: &Sandbox) -> Result<Resource, RegisterResourceError> {
        let mut trees = lock(&self.inner.trees);
        if let Some(shared) = trees.get(sandbox.id()).and_then(Weak::upgrade) {
            return Ok(Resource::of(shared));
        }
        trees.retain(|_sandbox, shared| shared.strong_count() > 0);
        let handler =
            DirHandler::in_sandbox(sandbox).map_err(RegisterResourceError::open(&sandbox.tree()))?;
        let resource = self.make(Text::from(format!("sandbox://{}", sandbox.id())), Arc::new(handler));
        trees.insert(sandbox.id().clone(), Arc::downgrade(&resource.shared));
        Ok(resource)
    }

    fn make(&self, name: Text, handler: Arc<dyn ResourceHandler>) -> Resource {
        Resource::new(name, handler, self.inner.options.clone(), self.inner.emitter.clone())
    }
}

fn unknown(resource: &str) -> ResourceError {
    ResourceError::Unknown { resource: resource.to_owned() }
}
