//! What the system does not let anybody read. It lets root read everything, so root runs these tests as somebody else.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use agentbus::service::resource::UnreadReason;

use super::Notes;

/// The user and the group `nobody`, who own nothing.
const NOBODY: u32 = 65_534;

/// Whether this process may go on with the test of that name. Root may not: it runs the test once more as nobody, in a
/// process of its own, and expects that it passes.
fn is_ordinary_user(test: &str) -> bool {
    let probe = tempfile::tempdir().unwrap();
    if fs::metadata(probe.path()).unwrap().uid() != 0 {
        return true;
    }
    let (program, temporary) = (probe.path().join("test"), probe.path().join("tmp"));
    // Where this program lies, nobody may not look. Copied by another process: what this one writes, children that other
    // tests start meanwhile have open for a moment, and what is open for writing cannot be run.
    let copied = Command::new("cp").arg(env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    fs::create_dir(&temporary).unwrap();
    for (path, mode) in [(probe.path(), 0o755), (&program, 0o755), (&temporary, 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let ran = Command::new(&program)
        .args(["--exact", &name, "--nocapture"])
        .current_dir(probe.path())
        .env("TMPDIR", &temporary)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

#[tokio::test]
async fn a_folder_and_a_file_that_may_not_be_read_are_named_and_hinder_nothing() {
    if !is_ordinary_user("a_folder_and_a_file_that_may_not_be_read_are_named_and_hinder_nothing") {
        return;
    }
    let it = Notes::new();
    for path in ["open/a", "shut/b", "c", "rules/d"] {
        it.put(path, path);
    }
    it.put("rules/.gitignore", "d\n");
    let shut = ["shut", "c", "rules/.gitignore"];
    let set_mode = |path: &str, mode| {
        fs::set_permissions(it.at(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in shut {
        set_mode(path, 0o000);
    }
    let index = it.resource.index().await.unwrap().index;
    let files: Vec<_> = index.files().iter().map(|file| file.path().to_str().unwrap()).collect();
    let unread: Vec<_> = index.unread().iter().map(|one| (one.path.to_str().unwrap(), one.reason)).collect();
    let denied = UnreadReason::Io { kind: std::io::ErrorKind::PermissionDenied };
    assert_eq!(files, ["open/a", "rules/d"]);
    assert_eq!(unread, [("c", denied), ("rules/.gitignore", denied), ("shut", denied)]);
    for path in ["shut/b", "c"] {
        assert!(it.resource.read(path).await.is_err(), "{path}");
    }
    assert!(it.resource.list("shut").await.is_err());
    it.resource.write("open/a", "still").await.unwrap();
    for path in shut {
        set_mode(path, 0o755);
    }
    let report = it.resource.index().await.unwrap();
    let added: Vec<_> = report.added.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!((added, report.index.unread().is_empty()), (vec!["c", "shut/b"], true));
    assert_eq!(report.removed.len(), 1, "what an ignore file hides that can be read by now");
}
