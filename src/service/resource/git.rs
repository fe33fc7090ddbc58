//! [`GitHandler`]: what a local repository holds at one commit.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::error::HandlerError;
use super::handler::{EntryKind, ResourceEntry, ResourceHandler, ResourceStat};
use crate::service::blocking::blocking;
use crate::service::git::{Git, GitError};
use crate::service::regular;

/// How many bytes the list of a folder may have.
const MAX_LIST_BYTES: u64 = 32 << 20;

/// How many bytes the file that says where a repository is may have.
const MAX_POINTER_BYTES: u64 = 64 << 10;

/// What a local repository holds at one commit. It can only be read.
///
/// The revision is looked up once, when it is opened: a branch that moves on later moves nothing here. Everything is
/// read from the objects of the repository, by the program `git`, which runs nothing that the repository names; the
/// working tree is not looked at. Links and submodules are shown, and not followed.
#[derive(Debug)]
pub struct GitHandler {
    /// The folder with the objects: `.git`, or the repository itself if it is a bare one.
    git_dir: PathBuf,
    commit: String,
}

impl GitHandler {
    /// Opens the repository at that path at that revision. It runs `git`, and blocks until that has ended.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no repository at the path itself, whatever is above it. What git says,
    /// if there is no such revision, or no git.
    pub fn open(repository: impl AsRef<Path>, revision: &str) -> io::Result<Self> {
        let git_dir = git_dir_of(&repository.as_ref().canonicalize()?)?;
        let command = git("find the revision", &git_dir).args(["rev-parse", "--verify", "--end-of-options"]);
        let line = command.arg(format!("{revision}^{{commit}}")).line(&CancellationToken::new());
        let commit = line.map_err(io::Error::other)?;
        if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(io::Error::other("git named no commit"));
        }
        Ok(Self { git_dir, commit })
    }

    /// The id of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Does what may block with the repository and the commit.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Objects<'_>) -> Result<T, HandlerError> + Send + 'static,
    ) -> Result<T, HandlerError> {
        let (git_dir, commit) = (self.git_dir.clone(), self.commit.clone());
        blocking(move |stop| work(&Objects { git_dir: &git_dir, commit: &commit, stop })).await
    }
}

#[async_trait]
impl ResourceHandler for GitHandler {
    async fn read(&self, path: &Path, max: u64) -> Result<Vec<u8>, HandlerError> {
        let path = path.to_owned();
        self.with(move |objects| {
            let found = objects.find(&path)?;
            match found.stat.kind {
                EntryKind::File if found.stat.bytes <= max => objects.content(&found),
                EntryKind::File => Err(HandlerError::TooLarge { max }),
                _ => Err(HandlerError::Kind { found: "not a regular file" }),
            }
        })
        .await
    }

    async fn list(&self, path: &Path) -> Result<Vec<ResourceEntry>, HandlerError> {
        let path = path.to_owned();
        self.with(move |objects| {
            let tree = if path.as_os_str().is_empty() {
                objects.commit.to_owned()
            } else {
                let found = objects.find(&path)?;
                if found.stat.kind != EntryKind::Folder {
                    return Err(HandlerError::Kind { found: "not a folder" });
                }
                found.object
            };
            let mut entries: Vec<_> = objects
                .list(&tree, None)?
                .into_iter()
                .map(|found| ResourceEntry::new(found.name, found.stat))
                .collect();
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
        .await
    }

    async fn stat(&self, path: &Path) -> Result<ResourceStat, HandlerError> {
        if path.as_os_str().is_empty() {
            return Ok(ResourceStat::new(EntryKind::Folder, 0));
        }
        let path = path.to_owned();
        self.with(move |objects| objects.find(&path).map(|found| found.stat)).await
    }
}

/// A command on the repository itself: none above it is taken for it.
fn git<'a>(purpose: &'static str, git_dir: &Path) -> Git<'a> {
    let mut argument = OsString::from("--git-dir=");
    argument.push(git_dir);
    Git::reading(purpose, git_dir).arg(argument)
}

/// The folder with the objects of the repository at that path.
fn git_dir_of(repository: &Path) -> io::Result<PathBuf> {
    let inner = repository.join(".git");
    // In a worktree it is a file that says where the folder is.
    if let Ok(text) = regular::read_text(&inner, MAX_POINTER_BYTES) {
        let named = text.strip_prefix("gitdir: ").map(|path| repository.join(path.trim_end()));
        return named.ok_or(io::ErrorKind::NotFound.into()).and_then(|path| path.canonicalize());
    }
    let found = [inner, repository.to_owned()].into_iter().find(|path| path.join("HEAD").is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no git repository"))
}

/// The objects of a commit.
struct Objects<'a> {
    git_dir: &'a Path,
    commit: &'a str,
    stop: &'a CancellationToken,
}

/// Something in a tree of git.
struct Found {
    name: OsString,
    object: String,
    stat: ResourceStat,
}

impl Objects<'_> {
    fn find(&self, path: &Path) -> Result<Found, HandlerError> {
        self.list(self.commit, Some(path))?.pop().ok_or(HandlerError::Absent)
    }

    /// What is in a tree, or the one thing at `path` in it.
    fn list(&self, tree: &str, path: Option<&Path>) -> Result<Vec<Found>, HandlerError> {
        let command =
            git("list the objects", self.git_dir).args(["ls-tree", "-z", "-l", "--full-tree", tree]);
        let command = match path {
            Some(path) => command.arg("--").arg(path),
            None => command,
        };
        let listed = command.at_most(MAX_LIST_BYTES).run(self.stop).map_err(failed)?;
        let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        let malformed = || io::Error::other("git lists objects in a form that is not known");
        lines.map(|line| read_line(line).ok_or_else(|| malformed().into())).collect()
    }

    fn content(&self, found: &Found) -> Result<Vec<u8>, HandlerError> {
        let command = git("read the object", self.git_dir).args(["cat-file", "blob", &found.object]);
        // It is as long as was listed; the one more tells if it is not.
        command.at_most(found.stat.bytes.saturating_add(1)).run(self.stop).map_err(failed)
    }
}

/// Reads `<mode> <type> <object> <size>\t<path>`, in which the size has spaces before it and may be `-`.
fn read_line(line: &[u8]) -> Option<Found> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (about, path) = (std::str::from_utf8(line.get(..tab)?).ok()?, line.get(tab + 1..)?);
    let mut words = about.split_ascii_whitespace();
    let (mode, kind, object, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let kind = match (mode, kind) {
        ("120000", _) => EntryKind::Link,
        (_, "blob") => EntryKind::File,
        (_, "tree") => EntryKind::Folder,
        _ => EntryKind::Other,
    };
    if !object.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let name = Path::new(OsStr::from_bytes(path)).file_name()?.as_bytes().to_vec();
    let bytes = size.parse().unwrap_or(0);
    Some(Found {
        name: OsString::from_vec(name),
        object: object.to_owned(),
        stat: ResourceStat::new(kind, bytes),
    })
}

fn failed(error: GitError) -> HandlerError {
    HandlerError::Io { source: io::Error::other(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_tree_is_read_whatever_the_name() {
        let found = read_line(b"100644 blob 1234abcd     345\tsrc/a\tb \xff\n").unwrap();
        assert_eq!((found.stat.kind, found.stat.bytes), (EntryKind::File, 345));
        assert_eq!(found.name.as_bytes(), b"a\tb \xff\n");
        let kinds = [("120000 blob ab 3", EntryKind::Link), ("040000 tree ab -", EntryKind::Folder)];
        for (about, kind) in kinds.into_iter().chain([("160000 commit ab -", EntryKind::Other)]) {
            assert_eq!(read_line(format!("{about}\tx").as_bytes()).unwrap().stat.kind, kind, "{about}");
        }
        for line in ["", "x", "100644 blob ab\tx", "100644 blob --upload 3\tx", "100644 blob ab 3\t"] {
            assert!(read_line(line.as_bytes()).is_none(), "{line}");
        }
    }
}
