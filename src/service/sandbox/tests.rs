//! A change of a project that fails, or whose process dies, at every step: never half of it is there.

mod faults;
mod forged;
mod gone;
mod kill;
mod later;
mod middle;
mod moved;
mod places;
mod stand;
mod swapped;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::event::SandboxStrategy;
use crate::service::git::Git;

/// What stands in a folder: of each path its kind, mode, content. Also what a change left over.
type Look = BTreeMap<PathBuf, String>;

fn look(root: &Path) -> Look {
    let mut found = Look::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_owned();
        if path.starts_with(".git") {
            continue;
        }
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        let what = match entry.file_type() {
            kind if kind.is_dir() => format!("folder {mode:o}"),
            kind if kind.is_symlink() => format!("link {}", fs::read_link(entry.path()).unwrap().display()),
            _ => format!("file {mode:o} {:?}", fs::read(entry.path()).unwrap()),
        };
        found.insert(path, what);
    }
    found
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Removes a folder, whatever its modes are.
fn take_away(path: &Path) {
    let folders = walkdir::WalkDir::new(path).into_iter().map(Result::unwrap);
    for folder in folders.filter(|entry| entry.file_type().is_dir()) {
        set_mode(folder.path(), 0o700);
    }
    fs::remove_dir_all(path).unwrap();
}

/// A project with something of every kind.
fn project(strategy: SandboxStrategy) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["kept/deep", "gone/deep", "becomes a file", "empty", "closed", "closed and gone"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for (name, content) in [
        ("changed", "old\n"),
        ("kept/deep/same", "same\n"),
        ("gone/deep/one", "1"),
        ("gone/two", "2"),
        ("becomes a folder", "file"),
        ("becomes a file/inner", "inner"),
        ("becomes a link", "no link"),
        ("run.sh", "#!/bin/sh\n"),
        ("read only", "r"),
        ("-dash", "-"),
        ("new\nline", "n"),
        ("closed/changed", "old"),
        ("closed/gone", "gone"),
        ("closed and gone/inner", "inner"),
    ] {
        fs::write(root.join(name), content).unwrap();
    }
    fs::write(root.join(OsStr::from_bytes(b"odd \xff")), "odd").unwrap();
    symlink("kept", root.join("to a folder")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    set_mode(&root.join("run.sh"), 0o755);
    set_mode(&root.join("read only"), 0o444);
    set_mode(&root.join("closed"), 0o555);
    set_mode(&root.join("closed and gone"), 0o500);
    if strategy == SandboxStrategy::GitWorktree {
        Git::writing("test", root).args(["init", "-q"]).run(&CancellationToken::new()).unwrap();
        commit_all(root);
    }
    folder
}

/// Commits what stands in a repository.
fn commit_all(root: &Path) {
    let author = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    for arguments in [&["add", "-A"][..], &["commit", "-q", "-m", "more"]] {
        Git::writing("test", root).args(author).args(arguments).run(&CancellationToken::new()).unwrap();
    }
}

/// Changes something of every kind in a tree.
fn change(tree: &Path) {
    let write = |name: &str, content: &str| fs::write(tree.join(name), content).unwrap();
    let remove = |name: &str| fs::remove_file(tree.join(name)).unwrap();
    write("changed", "new\n");
    fs::remove_dir_all(tree.join("gone")).unwrap();
    remove("becomes a folder");
    fs::create_dir(tree.join("becomes a folder")).unwrap();
    write("becomes a folder/inner", "inner");
    fs::remove_dir_all(tree.join("becomes a file")).unwrap();
    write("becomes a file", "file");
    remove("becomes a link");
    symlink("changed", tree.join("becomes a link")).unwrap();
    set_mode(&tree.join("run.sh"), 0o700);
    set_mode(&tree.join("kept"), 0o750);
    remove("read only");
    write("read only", "changed");
    set_mode(&tree.join("read only"), 0o400);
    remove("new\nline");
    remove("-dash");
    symlink("-dash", tree.join("-dash")).unwrap();
    fs::write(tree.join(OsStr::from_bytes(b"odd \xff")), "more odd").unwrap();
    remove("dangling");
    symlink("nowhere else", tree.join("dangling")).unwrap();
    for closed in ["closed", "closed and gone"] {
        set_mode(&tree.join(closed), 0o700);
    }
    fs::remove_dir_all(tree.join("closed and gone")).unwrap();
    write("closed/changed", "new");
    write("closed/new", "new");
    remove("closed/gone");
    set_mode(&tree.join("closed"), 0o555);
    fs::create_dir_all(tree.join("added/empty")).unwrap();
    fs::create_dir_all(tree.join("added/private")).unwrap();
    write("added/private/file", "added");
    set_mode(&tree.join("added/private"), 0o500);
}
