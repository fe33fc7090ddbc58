//! A repository at a revision.

use std::fs;
use std::path::Path;
use std::process::Command;

use agentbus::event::ResourceAccessed;
use agentbus::service::resource::{
    EntryKind, GitHandler, HandlerError, RegisterResourceError, ResourceError, ResourceService, ResourceUri,
};
use agentbus::testing::RecordingEventBus;

use crate::support::bus_of;

/// Runs git with no configuration but its own.
fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-qm", "more"]);
}

#[tokio::test]
async fn a_repository_is_read_at_its_revision_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    git(folder.path(), &["init", "-q", "-b", "main"]);
    fs::create_dir(at("sub")).unwrap();
    for (path, content) in [("a", "one"), ("sub/-x *", "odd"), ("sub/z", "")] {
        fs::write(at(path), content).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
    commit(folder.path());
    fs::write(at("a"), "two").unwrap();
    commit(folder.path());
    fs::write(at("a"), "in the working tree").unwrap();

    let bus = RecordingEventBus::new();
    let resources = ResourceService::new(Some(bus_of(&bus)));
    let uri = ResourceUri::git(folder.path().canonicalize().unwrap(), "main~1").unwrap();
    let old = resources.open(&uri).await.unwrap();
    assert_eq!(old.name().as_str(), uri.to_string());
    assert_eq!(old.read("a").await.unwrap(), b"one");
    assert_eq!(old.read("sub/-x *").await.unwrap(), b"odd");
    let names = |entries: Vec<agentbus::service::resource::ResourceEntry>| -> Vec<_> {
        entries.into_iter().map(|entry| (entry.name.into_string().unwrap(), entry.stat.kind)).collect()
    };
    let file = |name: &str| (name.to_owned(), EntryKind::File);
    let root = [file("a"), ("link".to_owned(), EntryKind::Link), ("sub".to_owned(), EntryKind::Folder)];
    assert_eq!(names(old.list("").await.unwrap()), root);
    assert_eq!(names(old.list("sub").await.unwrap()), [file("-x *"), file("z")]);
    assert_eq!(old.stat("a").await.unwrap().bytes, 3);
    let told: Vec<_> =
        bus.all::<ResourceAccessed>().iter().map(|one| (one.operation.as_str(), one.bytes)).collect();
    assert_eq!(told, [("read", 3), ("read", 3), ("list", 0), ("list", 0), ("stat", 0)]);
    bus.take();
    for path in ["link", "sub", "none", "sub/none", "su*"] {
        assert!(old.read(path).await.is_err(), "{path}");
    }
    let absent = old.stat("none").await.unwrap_err();
    assert!(matches!(absent, ResourceError::Handler { source: HandlerError::Absent, .. }), "{absent}");
    for refused in [old.write("a", "x").await, old.delete("a").await, old.rename("a", "b").await] {
        assert!(matches!(refused, Err(ResourceError::Unsupported { .. })));
    }
    assert!(old.index().await.is_err());
    bus.assert_nothing();
}

#[tokio::test]
async fn what_is_no_repository_or_no_revision_is_refused_and_none_above_is_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    fs::write(folder.path().join("a"), "").unwrap();
    commit(folder.path());
    fs::create_dir(folder.path().join("inner")).unwrap();
    let resources = ResourceService::new(None);
    let open = |path: &str, revision: &str| {
        let uri = ResourceUri::git(folder.path().canonicalize().unwrap().join(path), revision).unwrap();
        let resources = resources.clone();
        async move { resources.open(&uri).await }
    };
    for (path, revision) in [("inner", "HEAD"), ("none", "HEAD"), ("", "none"), ("", "HEAD~7")] {
        let refused = open(path, revision).await;
        assert!(matches!(refused, Err(RegisterResourceError::Open { .. })), "{path} {revision}");
    }
    open("", "HEAD").await.unwrap();
    let bare = folder.path().join("bare.git");
    git(folder.path(), &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert!(GitHandler::open(&bare, "HEAD").unwrap().commit().len() >= 40);
    git(folder.path(), &["worktree", "add", "-q", "--detach", "tree"]);
    assert!(GitHandler::open(folder.path().join("tree"), "HEAD").is_ok());
}
