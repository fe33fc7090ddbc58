//! Where a sandbox and its project stand, and whose they are.

use super::*;

struct Stand {
    project: TempDir,
    root: TempDir,
    service: SandboxService,
}

impl Stand {
    fn new(strategy: SandboxStrategy) -> Self {
        let (project, root) = (project(strategy), tempfile::tempdir().unwrap());
        let service = SandboxService::new(root.path().join("sandboxes"), None);
        Self { project, root, service }
    }

    async fn create(&self, at: &str, strategy: SandboxStrategy) -> Result<Sandbox, SandboxError> {
        self.service.create(&PlanId::from("p"), self.project.path().join(at), strategy).await
    }
}

fn write(sandbox: &Sandbox, name: &str) {
    let _access = sandbox.write_access().unwrap();
    fs::write(sandbox.tree().join(name), "written").unwrap();
}

#[tokio::test]
async fn a_project_that_was_moved_is_not_committed_to_nor_is_what_stands_in_its_place() {
    let stand = Stand::new(SandboxStrategy::Copy);
    let path = stand.project.path().join("kept");
    let sandbox = stand.create("kept", SandboxStrategy::Copy).await.unwrap();
    write(&sandbox, "new");
    let moved = stand.root.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    for is_replaced in [false, true] {
        if is_replaced {
            fs::create_dir(&path).unwrap();
        }
        let refused = stand.service.commit(sandbox.id()).await;
        assert!(matches!(refused, Err(SandboxError::ProjectMoved { .. })), "{refused:?}");
        assert!(!moved.join("new").exists() && !path.join("new").exists());
    }
    fs::remove_dir(&path).unwrap();
    fs::rename(&moved, &path).unwrap();
    stand.service.commit(sandbox.id()).await.unwrap();
    assert!(path.join("new").exists());
}

#[tokio::test]
async fn a_project_is_not_worked_in_in_place_while_one_that_holds_it_or_stands_in_it_is() {
    let stand = Stand::new(SandboxStrategy::Copy);
    for (first, second) in [("kept", "kept/deep"), ("kept/deep", "kept")] {
        let copied = stand.create(second, SandboxStrategy::Copy).await.unwrap();
        write(&copied, "copied");
        let held = stand.create(first, SandboxStrategy::InPlace).await.unwrap();
        let refused = stand.create(second, SandboxStrategy::InPlace).await;
        assert!(matches!(refused, Err(SandboxError::ProjectInUse { .. })), "{first}: {refused:?}");
        let refused = stand.service.commit(copied.id()).await;
        assert!(matches!(refused, Err(SandboxError::ProjectInUse { .. })), "{first}: {refused:?}");
        stand.service.close(held.id()).await.unwrap();
        stand.service.commit(copied.id()).await.unwrap();
        let held = stand.create(second, SandboxStrategy::InPlace).await.unwrap();
        stand.service.close(held.id()).await.unwrap();
    }
}

#[tokio::test]
async fn a_worktree_with_folders_that_their_owner_may_not_write_is_closed() {
    let stand = Stand::new(SandboxStrategy::GitWorktree);
    let sandbox = stand.create("", SandboxStrategy::GitWorktree).await.unwrap();
    let access = sandbox.write_access().unwrap();
    fs::create_dir_all(sandbox.tree().join("made/deep")).unwrap();
    fs::write(sandbox.tree().join("made/deep/file"), "made").unwrap();
    for (folder, mode) in [("made/deep", 0o500), ("made", 0o500), ("", 0o555)] {
        set_mode(&sandbox.tree().join(folder), mode);
    }
    drop(access);
    set_mode(&sandbox.tree(), 0o755);
    stand.service.rollback(sandbox.id(), "the end").await.unwrap();
    fs::create_dir_all(sandbox.tree().join("made/deep")).unwrap();
    set_mode(&sandbox.tree().join("made"), 0o000);
    set_mode(&sandbox.tree(), 0o555);
    stand.service.close(sandbox.id()).await.unwrap();
    assert_eq!(look(&stand.root.path().join("sandboxes")).len(), 2, "the tag and the lock");
}

#[tokio::test]
async fn files_of_a_repository_that_have_the_names_of_what_a_commit_leaves_stay() {
    let stand = Stand::new(SandboxStrategy::GitWorktree);
    let names = [".agentbus-originals-x/file", "kept/.agentbus-staging-y"];
    fs::create_dir(stand.project.path().join(".agentbus-originals-x")).unwrap();
    for name in names {
        fs::write(stand.project.path().join(name), "tracked").unwrap();
    }
    commit_all(stand.project.path());
    let sandbox = stand.create("", SandboxStrategy::GitWorktree).await.unwrap();
    assert!(stand.service.diff(sandbox.id()).await.unwrap().is_empty());
    write(&sandbox, "changed");
    let diff = stand.service.commit(sandbox.id()).await.unwrap();
    assert_eq!((diff.files_changed(), diff.files_removed()), (1, 0), "{diff:?}");
    let branch = format!("agentbus/{}", sandbox.id());
    let listed = Git::reading("test", stand.project.path()).args(["ls-tree", "-r", "--name-only", &branch]);
    let listed = listed.line(&CancellationToken::new()).unwrap();
    for name in names {
        assert_eq!(fs::read_to_string(stand.project.path().join(name)).unwrap(), "tracked");
        assert!(listed.lines().any(|line| line == name), "{listed}");
    }
}

#[tokio::test]
async fn nobody_else_can_look_into_what_a_sandbox_keeps() {
    let stand = Stand::new(SandboxStrategy::Copy);
    let sandbox = stand.create("", SandboxStrategy::Copy).await.unwrap();
    write(&sandbox, "changed");
    stand.service.checkpoint(sandbox.id(), "one").await.unwrap();
    let root = stand.root.path().join("sandboxes");
    for (path, what) in look(&root) {
        let is_in = |name: &str| path.components().any(|part| part.as_os_str() == name);
        if is_in("objects") && what.starts_with("file") {
            assert!(what.starts_with("file 600"), "{}: {what}", path.display());
        }
        if what.starts_with("folder") && !is_in("tree") {
            assert!(what == "folder 700", "{}: {what}", path.display());
        }
    }
    assert_eq!(fs::metadata(root).unwrap().permissions().mode() & 0o777, 0o700);
}
