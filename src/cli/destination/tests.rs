//! Tests of where a run commits to.

use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode};
use tempfile::TempDir;

use super::super::args::BusKind;
use super::*;

fn args(output: Option<PathBuf>) -> RunArgs {
    RunArgs {
        task: PathBuf::new(),
        project: None,
        send_key: Vec::new(),
        output,
        write_back: false,
        bus: BusKind::None,
        checkpoints: None,
        resume: None,
        state: None,
        json: false,
        journal: None,
        sign_with: None,
    }
}

fn open(project: &Path, args: &RunArgs) -> Result<Destination, DestinationError> {
    Destination::open(project, args, &CancellationToken::new())
}

fn project() -> TempDir {
    let project = TempDir::new().unwrap();
    let path = |name| project.path().join(name);
    fs::create_dir_all(path("src/deep")).unwrap();
    fs::write(path("src/deep/a.rs"), "a").unwrap();
    fs::write(path("run.sh"), "#!/bin/sh").unwrap();
    fs::set_permissions(path("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(path("src"), fs::Permissions::from_mode(0o555)).unwrap();
    symlink("nowhere", path("link")).unwrap();
    fs::create_dir(path(".git")).unwrap();
    fs::create_dir(path("target")).unwrap();
    fs::write(path("target/CACHEDIR.TAG"), CACHE_TAG).unwrap();
    project
}

#[test]
fn a_copy_has_everything_but_caches_and_git() {
    let project = project();
    let copy = open(project.path(), &args(None)).unwrap();
    let path = |name| copy.folder().join(name);
    assert_eq!(fs::read(path("src/deep/a.rs")).unwrap(), b"a");
    assert_eq!(fs::metadata(path("run.sh")).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(fs::metadata(path("src")).unwrap().permissions().mode() & 0o777, 0o555);
    assert_eq!(fs::read_link(path("link")).unwrap(), Path::new("nowhere"));
    assert!(!path(".git").exists() && !path("target").exists());
}

#[test]
fn what_stands_where_the_mark_of_a_cache_would_is_neither_waited_for_nor_followed() {
    let (project, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = |name| project.path().join(name);
    fs::create_dir_all(path("pipe")).unwrap();
    rustix::fs::mkfifoat(CWD, path("pipe/CACHEDIR.TAG"), Mode::RWXU).unwrap();
    fs::write(path("pipe/a"), "a").unwrap();
    fs::create_dir(path("link")).unwrap();
    fs::write(outside.path().join("mark"), CACHE_TAG).unwrap();
    symlink(outside.path().join("mark"), path("link/CACHEDIR.TAG")).unwrap();
    fs::write(path("link/b"), "b").unwrap();
    let copy = open(project.path(), &args(None)).unwrap();
    assert!(copy.folder().join("pipe/a").exists() && copy.folder().join("link/b").exists());
    assert!(!copy.folder().join("pipe/CACHEDIR.TAG").exists(), "a pipe is not copied");
}

#[test]
fn a_file_that_became_something_else_meanwhile_is_neither_waited_for_nor_followed() {
    let folder = TempDir::new().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    rustix::fs::mkfifoat(CWD, &from, Mode::RWXU).unwrap();
    assert_eq!(copy_file(&from, &to).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    fs::remove_file(&from).unwrap();
    symlink("/etc/hostname", &from).unwrap();
    assert!(copy_file(&from, &to).is_err() && !to.exists());
}

#[test]
fn a_copy_is_kept_only_if_the_run_committed_to_it() {
    let project = TempDir::new().unwrap();
    let dropped = open(project.path(), &args(None)).unwrap();
    let folder = dropped.folder().to_owned();
    assert!(folder.is_dir());
    drop(dropped);
    assert!(!folder.exists());

    let mut kept = open(project.path(), &args(None)).unwrap();
    let folder = kept.folder().to_owned();
    kept.keep();
    drop(kept);
    assert!(folder.is_dir());
    fs::remove_dir(folder).unwrap();
}

#[test]
fn a_folder_that_was_there_is_emptied_again_but_stays() {
    let (project, output) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(project.path().join("a"), "a").unwrap();
    let chosen = open(project.path(), &args(Some(output.path().to_owned()))).unwrap();
    assert!(output.path().join("a").exists());
    drop(chosen);
    assert!(output.path().is_dir() && !output.path().join("a").exists());
}

#[test]
fn an_output_folder_must_be_empty_and_outside_the_project() {
    let (project, output) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(output.path().join("mine"), "mine").unwrap();
    let occupied = open(project.path(), &args(Some(output.path().to_owned())));
    assert!(matches!(occupied, Err(DestinationError::Occupied { .. })), "{occupied:?}");
    assert_eq!(fs::read(output.path().join("mine")).unwrap(), b"mine");

    let inside = open(project.path(), &args(Some(project.path().join("out"))));
    assert!(matches!(inside, Err(DestinationError::InProject { .. })), "{inside:?}");
    assert_eq!(fs::read_dir(project.path()).unwrap().count(), 0);

    let nowhere = open(project.path(), &args(Some(output.path().join("no/where"))));
    assert!(matches!(nowhere, Err(DestinationError::Make { .. })), "{nowhere:?}");
}

#[test]
fn to_write_back_is_to_commit_to_the_project_and_removes_nothing() {
    let project = TempDir::new().unwrap();
    fs::write(project.path().join("a"), "a").unwrap();
    let written = open(project.path(), &RunArgs { write_back: true, ..args(None) }).unwrap();
    assert!(written.is_project());
    drop(written);
    assert!(project.path().join("a").exists());
}

#[test]
fn a_project_that_is_not_there_is_refused() {
    let project = TempDir::new().unwrap();
    let missing = open(&project.path().join("no"), &args(None));
    assert!(matches!(missing, Err(DestinationError::NoProject { .. })), "{missing:?}");
    fs::write(project.path().join("a"), "a").unwrap();
    let file = open(&project.path().join("a"), &args(None));
    assert!(matches!(file, Err(DestinationError::NotAFolder { .. })), "{file:?}");
}

#[test]
fn a_copy_that_is_cancelled_leaves_nothing() {
    let (project, output) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(project.path().join("a"), "a").unwrap();
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let folder = output.path().join("new");
    let copy = Destination::open(project.path(), &args(Some(folder.clone())), &cancelled);
    assert!(matches!(copy, Err(DestinationError::Cancelled)), "{copy:?}");
    assert!(!folder.exists());
}
