//! Recording what a sandbox changed as a commit of git.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{LIST_AT_MOST, WITHIN, Worktree};
use crate::event::{Hash, SandboxId};
use crate::service::git::GitError;
use crate::service::sandbox::store::Store;
use crate::service::sandbox::tree::{Entry, Manifest};

/// Who makes the commits.
const AUTHOR: &str = "agentbus <agentbus@localhost>";

/// A commit that was made and that the branch is to get.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct Recorded {
    commit: String,
    /// Where the branch was.
    tip: String,
}

impl Worktree {
    /// Makes a commit of what stands in the worktree, on top of what the branch has. The branch does not have it yet:
    /// a name of its own keeps it until then.
    pub(in super::super) fn record(
        &self,
        sandbox: &SandboxId,
        (base, now): (&Manifest, &Manifest),
        (store, tree): (&Store, &Path),
        stop: &CancellationToken,
    ) -> Result<Recorded, GitError> {
        const PURPOSE: &str = "record the changes as a commit";
        let tip = self.tip(stop)?.unwrap_or_else(|| self.base.clone());
        let seconds = crate::event::Timestamp::now().unix_nanos() / 1_000_000_000;
        let message = format!("Changes of sandbox {sandbox}");
        let head = format!(
            "commit {kept}\nmark :1\nauthor {AUTHOR} {seconds} +0000\ncommitter {AUTHOR} {seconds} +0000\n\
             data {}\n{message}\nfrom {tip}\ndeleteall\n",
            message.len(),
            kept = self.kept_ref(),
        );
        let ignored = self.ignored(tree, stop)?;
        let (mut pieces, mut unchanged) = (Vec::new(), HashSet::new());
        for object in self.objects(stop)? {
            let is_same = now.get(&object.path).is_some_and(|entry| base.get(&object.path) == Some(entry));
            if is_same || object.stays() {
                pieces.push(Piece::Line(modify(object.mode, &object.id, &object.path)));
                unchanged.insert(object.path);
            }
        }
        let is_inside_another = |path: &Path| path.ancestors().skip(1).any(|above| unchanged.contains(above));
        for (path, entry) in now {
            let is_ignored = ignored.contains(path) && !base.contains_key(path);
            if !unchanged.contains(path) && !is_ignored && !is_inside_another(path) {
                pieces.extend(pieces_of(path, entry, store));
            }
        }
        pieces.push(Piece::Line(b"\nget-mark :1\ndone\n".to_vec()));
        let input = io::Cursor::new(head.into_bytes()).chain(Pieces { left: pieces.into_iter(), open: None });
        let git =
            self.git(PURPOSE).args(["fast-import", "--quiet", "--done", "--force", "--date-format=raw"]);
        let commit = git.input(input).within(WITHIN).line(stop)?;
        Ok(Recorded { commit, tip })
    }

    /// Gives the branch what was recorded. Done again, it does nothing.
    pub(in super::super) fn advance(
        &self,
        recorded: &Recorded,
        stop: &CancellationToken,
    ) -> Result<(), GitError> {
        self.move_branch(&recorded.commit, &recorded.tip, stop)
    }

    /// Takes from the branch what was recorded, if it has it.
    pub(in super::super) fn go_back(
        &self,
        recorded: &Recorded,
        stop: &CancellationToken,
    ) -> Result<(), GitError> {
        if self.tip(stop)?.as_ref() == Some(&recorded.commit) {
            self.move_branch(&recorded.tip, &recorded.commit, stop)?;
        }
        Ok(())
    }

    /// Forgets the name that kept a commit until the branch had it.
    pub(in super::super) fn forget(&self, stop: &CancellationToken) -> Result<(), GitError> {
        self.git("forget a commit").args(["update-ref", "-d"]).arg(self.kept_ref()).run(stop).map(drop)
    }

    fn move_branch(&self, to: &str, from: &str, stop: &CancellationToken) -> Result<(), GitError> {
        if self.tip(stop)?.is_some_and(|tip| tip == to) {
            return Ok(());
        }
        let git = self.git("move the branch of the sandbox").arg("update-ref").arg(self.branch_ref());
        git.args([to, from]).run(stop).map(drop)
    }

    fn kept_ref(&self) -> String {
        format!("refs/{}", self.branch)
    }

    /// The files of the worktree that the project's rules say to ignore.
    fn ignored(&self, tree: &Path, stop: &CancellationToken) -> Result<BTreeSet<PathBuf>, GitError> {
        let git = self.in_tree("find what the project ignores", tree);
        let git = git.args(["ls-files", "--others", "--ignored", "--exclude-standard", "-z"]);
        let listed = git.at_most(LIST_AT_MOST).within(WITHIN).run(stop)?;
        let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path))).collect())
    }
}

/// A part of what `fast-import` reads.
enum Piece<'a> {
    Line(Vec<u8>),
    /// A content of the store.
    Content(&'a Store, Hash),
}

fn pieces_of<'a>(path: &Path, entry: &Entry, store: &'a Store) -> Vec<Piece<'a>> {
    match entry {
        Entry::Directory { .. } => Vec::new(),
        Entry::Link { target } => {
            let target = target.as_os_str().as_bytes();
            let head =
                [modify(super::IS_LINK, "inline", path), format!("data {}\n", target.len()).into_bytes()];
            vec![Piece::Line([&head.concat(), target, b"\n"].concat())]
        }
        Entry::File { hash, bytes, mode } => {
            let mode = if mode & 0o100 == 0 { 0o100_644 } else { 0o100_755 };
            let head = [modify(mode, "inline", path), format!("data {bytes}\n").into_bytes()].concat();
            vec![Piece::Line(head), Piece::Content(store, *hash), Piece::Line(b"\n".to_vec())]
        }
    }
}

/// The line that puts something at a path: the path stands in quotes, each byte that is not plain as a number.
fn modify(mode: u32, what: &str, path: &Path) -> Vec<u8> {
    let mut line = format!("M {mode:o} {what} \"").into_bytes();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' | ..=0x1f | 0x7f.. => line.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            plain => line.push(*plain),
        }
    }
    line.extend_from_slice(b"\"\n");
    line
}

/// The pieces one after the other; a content is opened when its turn comes.
struct Pieces<I> {
    left: I,
    open: Option<Box<dyn Read>>,
}

impl<'a, I: Iterator<Item = Piece<'a>>> Read for Pieces<I> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(open) = &mut self.open {
                match open.read(into)? {
                    0 => self.open = None,
                    read => return Ok(read),
                }
            }
            match self.left.next() {
                None => return Ok(0),
                Some(Piece::Line(line)) => self.open = Some(Box::new(io::Cursor::new(line))),
                Some(Piece::Content(store, hash)) => self.open = Some(Box::new(store.open(&hash)?)),
            }
        }
    }
}
