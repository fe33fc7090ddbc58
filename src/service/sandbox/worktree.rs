//! The strategy `git_worktree`: a worktree on a branch of its own.
//!
//! Git makes the worktree without files; they are written from the objects themselves, so that no filter of a hostile
//! repository runs. What git would convert when it checks a file out (line endings, large files kept elsewhere) stands
//! as git keeps it; where the sandbox changes such a file, the commit finds the project's to be another and refuses.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::error::SandboxError;
use super::record::path_text;
use super::store::Store;
use super::tree::{Entry, Manifest, entry_at, is_skipped};
use crate::event::{Hash, SandboxId, SandboxStrategy};
use crate::service::git::{Git, GitError, require};

mod record;

pub(super) use record::Recorded;

/// How long git may take for all files of a project.
const WITHIN: Duration = Duration::from_mins(10);

/// How many bytes the list of a project's files may have.
const LIST_AT_MOST: u64 = 1 << 30;

/// The worktree of a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Worktree {
    /// The folder that holds what git knows of the project.
    #[serde(with = "path_text")]
    common: PathBuf,
    /// The folder that holds what git knows of the worktree; none until it is made.
    #[serde(with = "path_text")]
    own: PathBuf,
    branch: String,
    /// The commit that it was made at.
    base: String,
}

/// What git has at a path.
struct Object {
    mode: u32,
    id: String,
    path: PathBuf,
}

impl Object {
    /// Whether a sandbox has nothing of it, so that it stays what it is: it is another project's, or it has a name of
    /// those that no walk comes upon.
    fn stays(&self) -> bool {
        self.mode == IS_PROJECT || self.path.iter().any(is_skipped)
    }
}

const IS_LINK: u32 = 0o120_000;
const IS_PROJECT: u32 = 0o160_000;

impl Worktree {
    /// What there will be of `project` for that sandbox. Nothing is made yet.
    pub(super) fn plan(
        project: &Path,
        id: &SandboxId,
        stop: &CancellationToken,
    ) -> Result<Self, SandboxError> {
        const PURPOSE: &str = "make a worktree of the project";
        require(PURPOSE, stop)?;
        let ask = |what: &[&str]| Git::reading(PURPOSE, project).arg("rev-parse").args(what).line(stop);
        let unsupported = |reason| SandboxError::Unsupported {
            strategy: SandboxStrategy::GitWorktree,
            project: project.to_owned(),
            reason,
        };
        let top = ask(&["--path-format=absolute", "--show-toplevel"])?;
        if Path::new(&top).canonicalize().ok().as_deref() != Some(project) {
            return Err(unsupported("it is not the top of a git work tree: name the top, or use copy"));
        }
        let common = ask(&["--path-format=absolute", "--git-common-dir"])?.into();
        let Ok(base) = ask(&["--verify", "--quiet", "--end-of-options", "HEAD^{commit}"]) else {
            return Err(unsupported("it has no commit yet: make one, or use copy"));
        };
        Ok(Self { common, own: PathBuf::new(), branch: format!("agentbus/{id}"), base })
    }

    /// Makes the branch and the worktree at `tree`, without files.
    pub(super) fn add(&mut self, tree: &Path, stop: &CancellationToken) -> Result<(), GitError> {
        const PURPOSE: &str = "make the worktree";
        let git = self.git(PURPOSE).args(["worktree", "add", "--quiet", "--no-checkout", "-b", &self.branch]);
        git.arg("--").arg(tree).arg(&self.base).run(stop)?;
        self.own = Git::reading(PURPOSE, tree).args(["rev-parse", "--absolute-git-dir"]).line(stop)?.into();
        // So that git's own commands, run in the worktree, find every file as it is.
        self.in_tree(PURPOSE, tree).args(["read-tree", "HEAD"]).run(stop)?;
        Ok(())
    }

    /// Takes what the commit has into the store. Modes and folders are those of the project where it has the same.
    pub(super) fn take_in(
        &self,
        store: &Store,
        project: &Dir,
        stop: &CancellationToken,
    ) -> Result<Manifest, GitError> {
        const PURPOSE: &str = "read the files of the project's commit";
        let objects = self.objects(stop)?;
        let mut wanted: Vec<&str> = objects.iter().filter(|o| !o.stays()).map(|o| o.id.as_str()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut asked = wanted.join("\n");
        asked.push('\n');
        let contents: BTreeMap<String, (Hash, u64)> = if wanted.is_empty() {
            BTreeMap::new()
        } else {
            let git = self.git(PURPOSE).args(["cat-file", "--batch"]).input(asked.as_bytes());
            git.at_most(u64::MAX).within(WITHIN).read(stop, |output| take_objects(output, store))?
        };
        let mut manifest = Manifest::new();
        for object in objects {
            if object.path.iter().any(is_skipped) {
                continue;
            }
            let entry = entry_of(&object, &contents, store, project).map_err(GitError::io(PURPOSE))?;
            add_folders_of(&object.path, project, &mut manifest);
            manifest.insert(object.path, entry);
        }
        Ok(manifest)
    }

    /// Every path of the commit that the worktree was made at.
    fn objects(&self, stop: &CancellationToken) -> Result<Vec<Object>, GitError> {
        const PURPOSE: &str = "list the files of the project's commit";
        let git =
            self.git(PURPOSE).args(["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", &self.base]);
        let listed = git.at_most(LIST_AT_MOST).within(WITHIN).run(stop)?;
        let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        let bad = || GitError::io(PURPOSE)(io::Error::from(io::ErrorKind::InvalidData));
        lines.map(|line| object_of(line).ok_or_else(bad)).collect()
    }

    /// Removes the worktree, of which `tree` is left, and, if nothing was committed on it, the branch. What is gone is
    /// fine.
    pub(super) fn remove(&self, tree: Option<&Path>, stop: &CancellationToken) -> Result<(), GitError> {
        const PURPOSE: &str = "remove the worktree";
        if !self.common.exists() {
            return Ok(());
        }
        let is_known = !self.own.as_os_str().is_empty() && self.own.exists();
        if is_known {
            self.check_own(tree).map_err(GitError::io(PURPOSE))?;
        }
        if is_known && let Some(tree) = tree {
            self.claim(tree).map_err(GitError::io(PURPOSE))?;
        }
        if let Some(tree) = tree.filter(|tree| tree.join(".git").exists()) {
            let git = self.git(PURPOSE).args(["worktree", "remove", "--force", "--force", "--"]);
            git.arg(tree).within(WITHIN).run(stop)?;
        } else if is_known {
            std::fs::remove_dir_all(&self.own).map_err(GitError::io(PURPOSE))?;
        }
        if self.tip(stop)?.is_some_and(|tip| tip == self.base) {
            self.git(PURPOSE).args(["update-ref", "-d"]).arg(self.branch_ref()).arg(&self.base).run(stop)?;
        }
        Ok(())
    }

    /// Refuses what is not what git knows of this worktree: it was read from a file, and is about to be removed.
    fn check_own(&self, tree: Option<&Path>) -> io::Result<()> {
        let refused = |why: &str| {
            let why = format!("{} {why}: it is left as it is", self.own.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        };
        let above = self.own.parent().map(Path::canonicalize).transpose()?;
        let is_link = self.own.symlink_metadata()?.is_symlink();
        if is_link
            || self.own.file_name().is_none()
            || above != self.common.join("worktrees").canonicalize().ok()
        {
            return refused("is not among the worktrees of the project");
        }
        let told = std::fs::read(self.own.join("gitdir"))?;
        let told = self.own.join(OsStr::from_bytes(told.trim_ascii_end()));
        // A link in the place of the tree is none.
        let stands = |tree: &Path| tree.symlink_metadata().is_ok_and(|found| found.is_dir());
        if tree.is_none() && told.exists() && told.parent().is_some_and(stands) {
            return refused("is of another worktree");
        }
        Ok(())
    }

    /// Says in `tree` whose it is: whoever worked there may have changed that.
    fn claim(&self, tree: &Path) -> io::Result<()> {
        let link = tree.join(".git");
        let removed = std::fs::remove_file(&link);
        drop(removed.or_else(|_no_file| std::fs::remove_dir_all(&link)));
        let text = [b"gitdir: ", self.own.as_os_str().as_bytes(), b"\n"].concat();
        // A link that somebody puts there meanwhile is not followed.
        io::Write::write_all(&mut std::fs::File::create_new(&link)?, &text)
    }

    /// The newest commit of the branch; none if there is no such branch.
    fn tip(&self, stop: &CancellationToken) -> Result<Option<String>, GitError> {
        let git = self.git("find the branch of the sandbox").args(["for-each-ref", "--format=%(objectname)"]);
        let found = git.arg(self.branch_ref()).line(stop)?;
        Ok(Some(found).filter(|found| !found.is_empty()))
    }

    fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// A command on the project's repository, whatever stands in the worktree.
    fn git<'a>(&self, purpose: &'static str) -> Git<'a> {
        Git::writing(purpose, Path::new("/")).arg("--git-dir").arg(&self.common)
    }

    fn in_tree<'a>(&self, purpose: &'static str, tree: &Path) -> Git<'a> {
        Git::writing(purpose, tree).arg("--git-dir").arg(&self.own).arg("--work-tree").arg(tree)
    }
}

/// One line of `ls-tree`: `<mode> <type> <id>\t<path>`.
fn object_of(line: &[u8]) -> Option<Object> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (line.get(..tab)?, line.get(tab + 1..)?);
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    let (mode, _kind, id) = (words.next()?, words.next()?, words.next()?);
    let path = PathBuf::from(OsStr::from_bytes(path));
    // What comes from a repository names no place outside of the tree, nor what git keeps for itself.
    let is_fine =
        path.components().all(|part| matches!(part, std::path::Component::Normal(name) if name != ".git"));
    let mode = u32::from_str_radix(mode, 8).ok()?;
    is_fine.then(|| Object { mode, id: id.to_owned(), path })
}

/// What `cat-file --batch` writes: `<id> <type> <bytes>\n<content>\n` for each object.
fn take_objects(output: &mut dyn Read, store: &Store) -> io::Result<BTreeMap<String, (Hash, u64)>> {
    let (mut output, mut taken) = (BufReader::with_capacity(64 << 10, output), BTreeMap::new());
    let bad =
        || io::Error::new(io::ErrorKind::InvalidData, "an object of the repository is missing or damaged");
    loop {
        let mut head = String::new();
        if (&mut output).take(1024).read_line(&mut head)? == 0 {
            return Ok(taken);
        }
        let mut words = head.trim_end().split(' ');
        let (Some(id), Some("blob"), Some(bytes)) = (words.next(), words.next(), words.next()) else {
            return Err(bad());
        };
        let bytes: u64 = bytes.parse().map_err(|_quotes_it| bad())?;
        let put = store.put_read(&mut (&mut output).take(bytes))?;
        let mut end = [0];
        output.read_exact(&mut end)?;
        if put.bytes != bytes || end != *b"\n" {
            return Err(bad());
        }
        taken.insert(id.to_owned(), (put.hash, bytes));
    }
}

fn entry_of(
    object: &Object,
    contents: &BTreeMap<String, (Hash, u64)>,
    store: &Store,
    project: &Dir,
) -> io::Result<Entry> {
    if object.mode == IS_PROJECT {
        return Ok(Entry::Directory { mode: folder_mode(project, &object.path) });
    }
    let (hash, bytes) = *contents.get(&object.id).ok_or(io::ErrorKind::InvalidData)?;
    if object.mode == IS_LINK {
        let target = store.read(&hash)?;
        return Ok(Entry::Link { target: PathBuf::from(OsStr::from_bytes(&target)) });
    }
    let is_program = object.mode & 0o100 != 0;
    let mode = match entry_at(project, &object.path) {
        Ok(Some(Entry::File { hash: found, mode, .. }))
            if found == hash && (mode & 0o100 != 0) == is_program =>
        {
            mode
        }
        _ if is_program => 0o755,
        _ => 0o644,
    };
    Ok(Entry::File { hash, bytes, mode })
}

/// Git keeps no folders: those above `path`, with the modes that the project gives them.
fn add_folders_of(path: &Path, project: &Dir, manifest: &mut Manifest) {
    let above = path.ancestors().skip(1).take_while(|above| *above != Path::new(""));
    for folder in above {
        if manifest.contains_key(folder) {
            return;
        }
        manifest.insert(folder.to_owned(), Entry::Directory { mode: folder_mode(project, folder) });
    }
}

fn folder_mode(project: &Dir, path: &Path) -> u32 {
    match entry_at(project, path) {
        Ok(Some(Entry::Directory { mode })) => mode,
        _ => 0o755,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_forged_record_names_is_not_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::create_dir_all(path("project/worktrees/other")).unwrap();
        std::fs::create_dir_all(path("victim/tree")).unwrap();
        std::fs::write(path("victim/tree/.git"), "of the other").unwrap();
        std::fs::write(path("victim/gitdir"), "gone/.git").unwrap();
        let named = path("victim/tree/.git").into_os_string().into_string().unwrap();
        std::fs::write(path("project/worktrees/other/gitdir"), named).unwrap();
        std::os::unix::fs::symlink(path("victim"), path("project/worktrees/link")).unwrap();
        let dotted = "project/worktrees/..";
        for own in [
            "victim",
            "project/worktrees/../../victim",
            "project/worktrees/link",
            "project/worktrees/other",
            dotted,
        ] {
            let base = "0".repeat(40);
            let forged =
                Worktree { common: path("project"), own: path(own), branch: "agentbus/x".to_owned(), base };
            let error = forged.remove(None, &CancellationToken::new()).unwrap_err();
            assert!(
                path("victim/gitdir").exists() && path("project/worktrees/other/gitdir").exists(),
                "{own}"
            );
            let GitError::Io { source, .. } = &error else { panic!("{own}: {error:?}") };
            assert!(source.to_string().contains("left as it is"), "{own}: {source}");
        }
    }
}
