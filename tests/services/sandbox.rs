//! Sandboxes on a real file system.

mod model;
mod reopen;
mod worktree;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use agentbus::EventType;
use agentbus::event::{
    CheckpointCreated, CheckpointRestored, PlanId, SandboxCommitted, SandboxCreated, SandboxRolledBack,
    SandboxStrategy, Scope,
};
use agentbus::service::sandbox::{
    ChangeKind, Conflict, ConflictKind, Sandbox, SandboxError, SandboxOperation, SandboxService, SandboxState,
};

use crate::support::{World, write};

const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o7777).expect("the file is there")
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("the folder is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn state_error(error: &SandboxError) -> Option<(SandboxState, SandboxOperation)> {
    match error {
        SandboxError::State { state, operation, .. } => Some((*state, *operation)),
        _ => None,
    }
}

fn conflicts(error: SandboxError) -> Vec<(String, ConflictKind)> {
    let SandboxError::Conflicts { conflicts, .. } = error else {
        return Vec::new();
    };
    conflicts.into_iter().map(|Conflict { path, kind, .. }| (path.display().to_string(), kind)).collect()
}

#[tokio::test]
async fn a_sandbox_has_the_files_modes_and_links_of_the_project() {
    let world = World::new();
    let project = world.project.path();
    fs::write(project.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(project.join("run.sh"), PermissionsExt::from_mode(0o750)).unwrap();
    fs::create_dir(project.join("private")).unwrap();
    fs::set_permissions(project.join("private"), PermissionsExt::from_mode(0o700)).unwrap();
    symlink("/etc/passwd", project.join("outside")).unwrap();
    symlink("nowhere", project.join("dangling")).unwrap();

    let sandbox = world.sandbox().await;

    let tree = sandbox.tree();
    assert_eq!(fs::read_to_string(tree.join("a.txt")).unwrap(), "one\ntwo\nthree\n");
    assert_eq!(mode_of(&tree.join("run.sh")), 0o750);
    assert_eq!(mode_of(&tree.join("private")), 0o700);
    assert_eq!(fs::read_link(tree.join("outside")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::read_link(tree.join("dangling")).unwrap(), Path::new("nowhere"));
    assert_eq!(names(&tree).len(), 6, "{:?}", names(&tree));
    assert_eq!(sandbox.state(), SandboxState::Created);
}

#[tokio::test]
async fn what_git_and_caches_keep_is_not_copied_nor_the_place_of_the_sandboxes_itself() {
    let world = World::new();
    let project = world.project.path();
    fs::create_dir_all(project.join(".git/objects")).unwrap();
    fs::create_dir(project.join("target")).unwrap();
    fs::write(project.join("target/CACHEDIR.TAG"), CACHE_TAG).unwrap();
    fs::create_dir(project.join("no-cache")).unwrap();
    fs::write(project.join("no-cache/CACHEDIR.TAG"), "no signature").unwrap();
    let sandboxes = SandboxService::new(project.join("sandboxes"), None);

    let plan = PlanId::from("p");
    let sandbox = sandboxes.create(&plan, project, SandboxStrategy::Copy).await.unwrap();

    assert_eq!(names(&sandbox.tree()), ["a.txt", "no-cache", "src"]);
    assert!(sandboxes.diff(sandbox.id()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_making_of_a_sandbox_is_told_in_the_callers_correlation() {
    let world = World::new();
    let scope = Scope::new().with_correlation_id("request-1");
    let sandbox = scope.run(world.sandbox()).await;

    let created = world.bus.only::<SandboxCreated>();
    assert_eq!(&created.sandbox_id, sandbox.id());
    assert_eq!((created.strategy, created.files, created.bytes), (SandboxStrategy::Copy, 2, 29));
    assert_eq!(created.event().plan_id().unwrap(), &"plan-7");
    assert_eq!(created.event().correlation_id(), &"request-1");
    assert_eq!(sandbox.scope().causation_id(), Some(&created.event().id()));
}

#[tokio::test]
async fn a_project_that_is_not_one_for_the_strategy_is_refused_and_leaves_nothing() {
    let world = World::new();
    let plan = PlanId::from("p");
    let missing = world.project.path().join("missing");
    let refused = world.sandboxes.create(&plan, &missing, SandboxStrategy::Copy).await.unwrap_err();
    assert!(refused.to_string().contains("missing"), "{refused}");
    let made = world.sandboxes.create(&plan, world.project.path(), SandboxStrategy::GitWorktree).await;
    let refused = made.unwrap_err();
    assert!(refused.to_string().contains("not in a git repository"), "{refused}");
    assert!(!world.root.path().join("CACHEDIR.TAG").exists());
    world.bus.assert_nothing();
}

#[tokio::test]
async fn a_commit_writes_every_change_and_tells_it() {
    let world = World::new();
    let project = world.project.path();
    fs::create_dir(project.join("old")).unwrap();
    fs::write(project.join("old/gone.txt"), "x\ny\n").unwrap();
    fs::write(project.join("kept.bin"), [0, 1, 2]).unwrap();
    let sandbox = world.sandbox().await;
    write(&sandbox, "a.txt", "one\n2\nthree\nfour\n");
    fs::create_dir_all(sandbox.tree().join("new/deep")).unwrap();
    write(&sandbox, "new/deep/b.txt", "b\n");
    fs::set_permissions(sandbox.tree().join("new/deep/b.txt"), PermissionsExt::from_mode(0o755)).unwrap();
    write(&sandbox, "kept.bin", [0, 1, 3]);
    symlink("../a.txt", sandbox.tree().join("new/link")).unwrap();
    fs::remove_dir_all(sandbox.tree().join("old")).unwrap();

    let diff = world.sandboxes.diff(sandbox.id()).await.unwrap();
    let committed = world.sandboxes.commit(sandbox.id()).await.unwrap();

    assert_eq!(diff, committed);
    let kinds: Vec<_> = diff.files.iter().map(|file| (file.path.to_str().unwrap(), file.kind)).collect();
    let (added, changed, removed) = (ChangeKind::Added, ChangeKind::Changed, ChangeKind::Removed);
    let expected = [
        ("a.txt", changed),
        ("kept.bin", changed),
        ("new/deep/b.txt", added),
        ("new/link", added),
        ("old/gone.txt", removed),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(world.read("a.txt"), "one\n2\nthree\nfour\n");
    assert_eq!(mode_of(&project.join("new/deep/b.txt")), 0o755);
    assert_eq!(fs::read_link(project.join("new/link")).unwrap(), Path::new("../a.txt"));
    assert_eq!(names(project), ["a.txt", "kept.bin", "new", "src"]);
    let told = world.bus.only::<SandboxCommitted>();
    assert_eq!((told.files_added, told.files_changed, told.files_removed), (2, 2, 1));
    assert_eq!((told.lines_added, told.lines_removed), (3, 3));
    assert_eq!(told.event().causation_id(), Some(world.bus.only::<SandboxCreated>().event().id()));
    assert_eq!(sandbox.state(), SandboxState::Committed);
}

#[tokio::test]
async fn a_file_can_become_a_folder_and_a_folder_a_file() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    fs::remove_file(sandbox.tree().join("a.txt")).unwrap();
    fs::create_dir(sandbox.tree().join("a.txt")).unwrap();
    write(&sandbox, "a.txt/inner", "inner");
    fs::remove_dir_all(sandbox.tree().join("src")).unwrap();
    write(&sandbox, "src", "now a file");

    world.sandboxes.commit(sandbox.id()).await.unwrap();

    assert_eq!(world.read("a.txt/inner"), "inner");
    assert_eq!(world.read("src"), "now a file");
}

#[tokio::test]
async fn a_commit_names_every_conflict_and_writes_nothing() {
    let world = World::new();
    fs::write(world.project.path().join("c.txt"), "c").unwrap();
    let sandbox = world.sandbox().await;
    for (path, content) in
        [("a.txt", "mine"), ("added.txt", "mine"), ("c.txt", "mine"), ("src/lib.rs", "mine")]
    {
        write(&sandbox, path, content);
    }
    fs::write(world.project.path().join("a.txt"), "theirs").unwrap();
    fs::write(world.project.path().join("added.txt"), "theirs").unwrap();
    fs::remove_file(world.project.path().join("c.txt")).unwrap();
    world.bus.take();

    let refused = world.sandboxes.commit(sandbox.id()).await.unwrap_err();

    assert!(refused.to_string().contains("3 paths changed in the project meanwhile"), "{refused}");
    let kinds = [ConflictKind::Changed, ConflictKind::Added, ConflictKind::Removed];
    let expected: Vec<_> =
        ["a.txt", "added.txt", "c.txt"].map(str::to_owned).into_iter().zip(kinds).collect();
    assert_eq!(conflicts(refused), expected);
    assert_eq!(world.read("src/lib.rs"), "//! A library.\n");
    assert_eq!(world.read("a.txt"), "theirs");
    assert_eq!(sandbox.state(), SandboxState::Active);
    world.bus.assert_nothing();
}

#[tokio::test]
async fn the_same_change_on_both_sides_is_no_conflict() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    write(&sandbox, "a.txt", "same");
    fs::write(world.project.path().join("a.txt"), "same").unwrap();
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    assert_eq!(world.read("a.txt"), "same");
}

#[tokio::test]
async fn a_commit_never_writes_through_a_link() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("lib.rs"), "//! A library.\n").unwrap();
    let sandbox = world.sandbox().await;
    write(&sandbox, "src/lib.rs", "//! Mine.\n");
    write(&sandbox, "src/new.rs", "//! New.\n");
    fs::remove_dir_all(world.project.path().join("src")).unwrap();
    symlink(outside.path(), world.project.path().join("src")).unwrap();

    let refused = world.sandboxes.commit(sandbox.id()).await.unwrap_err();

    let unreachable = ConflictKind::Unreachable;
    let expected = [("src/lib.rs".to_owned(), unreachable), ("src/new.rs".to_owned(), unreachable)];
    assert_eq!(conflicts(refused), expected);
    assert_eq!(names(outside.path()), ["lib.rs"]);
    assert_eq!(fs::read_to_string(outside.path().join("lib.rs")).unwrap(), "//! A library.\n");
}

#[tokio::test]
async fn a_link_in_the_sandbox_that_leads_outside_is_committed_as_a_link() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let sandbox = world.sandbox().await;
    let access = sandbox.write_access().unwrap();
    fs::remove_file(sandbox.tree().join("a.txt")).unwrap();
    symlink(outside.path().join("secret"), sandbox.tree().join("a.txt")).unwrap();
    drop(access);

    world.sandboxes.commit(sandbox.id()).await.unwrap();

    assert_eq!(fs::read_link(world.project.path().join("a.txt")).unwrap(), outside.path().join("secret"));
}

#[tokio::test]
async fn a_mark_of_a_cache_put_into_a_folder_of_the_project_does_not_remove_it() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    write(&sandbox, "src/CACHEDIR.TAG", CACHE_TAG);
    let diff = world.sandboxes.commit(sandbox.id()).await.unwrap();
    assert_eq!((diff.files_added(), diff.files_removed()), (1, 0));
    assert_eq!(world.read("src/lib.rs"), "//! A library.\n");
}

#[tokio::test]
async fn a_rollback_undoes_everything_and_the_sandbox_can_become_active_again() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    write(&sandbox, "a.txt", "changed");
    write(&sandbox, "b.txt", "added");
    fs::remove_dir_all(sandbox.tree().join("src")).unwrap();

    world.sandboxes.rollback(sandbox.id(), "it was wrong").await.unwrap();

    assert!(world.sandboxes.diff(sandbox.id()).await.unwrap().is_empty());
    assert_eq!(names(&sandbox.tree()), ["a.txt", "src"]);
    let told = world.bus.only::<SandboxRolledBack>();
    assert_eq!((told.files_reverted, &told.to_checkpoint), (3, &None));
    assert_eq!(told.reason, "it was wrong");
    assert_eq!(sandbox.state(), SandboxState::RolledBack);
    let again = world.sandboxes.rollback(sandbox.id(), "again").await.unwrap_err();
    assert_eq!(state_error(&again), Some((SandboxState::RolledBack, SandboxOperation::RollBack)));
    write(&sandbox, "a.txt", "changed again");
    assert_eq!(sandbox.state(), SandboxState::Active);
    world.sandboxes.commit(sandbox.id()).await.unwrap();
    assert_eq!(world.read("a.txt"), "changed again");
}

#[tokio::test]
async fn a_checkpoint_of_an_unchanged_tree_costs_nothing_and_one_can_go_back_to_each() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    write(&sandbox, "a.txt", "first");
    let first = world.sandboxes.checkpoint(sandbox.id(), "before the rest").await.unwrap();
    let again = world.sandboxes.checkpoint(sandbox.id(), "the same").await.unwrap();
    assert_eq!((first.files, first.new_bytes), (1, 5));
    assert_eq!((again.files, again.new_bytes), (1, 0));
    write(&sandbox, "a.txt", "second");
    write(&sandbox, "more.txt", "more");

    world.sandboxes.restore(sandbox.id(), &first.id).await.unwrap();

    assert_eq!(fs::read_to_string(sandbox.tree().join("a.txt")).unwrap(), "first");
    assert_eq!(names(&sandbox.tree()), ["a.txt", "src"]);
    let told = world.bus.only::<CheckpointRestored>();
    assert_eq!((told.files_restored, told.files_removed), (1, 1));
    assert_eq!(told.checkpoint_id, first.id);
    let made = world.bus.all::<CheckpointCreated>();
    assert_eq!(made.iter().map(|made| made.new_bytes).collect::<Vec<_>>(), [5, 0]);

    write(&sandbox, "a.txt", "third");
    world.sandboxes.rollback_to(sandbox.id(), &again.id, "back").await.unwrap();
    assert_eq!(world.bus.only::<SandboxRolledBack>().to_checkpoint, Some(again.id));
    assert_eq!(fs::read_to_string(sandbox.tree().join("a.txt")).unwrap(), "first");
}

#[tokio::test]
async fn pruning_keeps_the_newest_and_what_they_need() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    let mut made = Vec::new();
    for content in ["first", "second", "third"] {
        write(&sandbox, "a.txt", content);
        made.push(world.sandboxes.checkpoint(sandbox.id(), content).await.unwrap());
    }
    let objects = || names(&sandbox.tree().join("../store/objects")).len();
    assert_eq!(objects(), 5);

    assert_eq!(world.sandboxes.prune(sandbox.id(), 1).await.unwrap(), 2);

    assert_eq!(objects(), 3);
    assert_eq!(world.sandboxes.list_checkpoints(sandbox.id()).unwrap(), made[2..]);
    let gone = world.sandboxes.restore(sandbox.id(), &made[0].id).await.unwrap_err();
    assert!(matches!(gone, SandboxError::UnknownCheckpoint { .. }), "{gone}");
    world.sandboxes.restore(sandbox.id(), &made[2].id).await.unwrap();
    world.sandboxes.rollback(sandbox.id(), "to the beginning").await.unwrap();
    assert_eq!(fs::read_to_string(sandbox.tree().join("a.txt")).unwrap(), "one\ntwo\nthree\n");
}

#[tokio::test]
async fn a_move_that_the_state_does_not_allow_is_refused() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    let id = sandbox.id();
    let refused = world.sandboxes.commit(id).await.unwrap_err();
    assert_eq!(state_error(&refused), Some((SandboxState::Created, SandboxOperation::Commit)));
    let refused = world.sandboxes.rollback(id, "nothing").await.unwrap_err();
    assert_eq!(state_error(&refused), Some((SandboxState::Created, SandboxOperation::RollBack)));
    write(&sandbox, "a.txt", "x");
    let refused = world.sandboxes.close(id).await.unwrap_err();
    assert_eq!(state_error(&refused), Some((SandboxState::Active, SandboxOperation::Close)));
    assert!(refused.to_string().contains("commit it or roll it back first"), "{refused}");
    world.sandboxes.commit(id).await.unwrap();
    for refused in [
        world.sandboxes.commit(id).await.map(drop),
        world.sandboxes.rollback(id, "late").await,
        world.sandboxes.checkpoint(id, "late").await.map(drop),
        world.sandboxes.diff(id).await.map(drop),
        sandbox.write_access().map(drop),
    ] {
        assert_eq!(state_error(&refused.unwrap_err()).unwrap().0, SandboxState::Committed);
    }
    world.sandboxes.close(id).await.unwrap();
    assert!(matches!(world.sandboxes.close(id).await, Err(SandboxError::Unknown { .. })));
    assert_eq!(sandbox.state(), SandboxState::Closed);
    assert_eq!(names(world.root.path()), ["CACHEDIR.TAG", "lock"]);
    world.bus.assert_types([EventType::SandboxCreated, EventType::SandboxCommitted]);
}

#[tokio::test]
async fn while_somebody_writes_everything_else_waits_its_turn() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    let first: Sandbox = sandbox.clone();
    let (one, two) = (first.write_access().unwrap(), sandbox.write_access().unwrap());
    let busy = world.sandboxes.commit(sandbox.id()).await.unwrap_err();
    assert!(matches!(busy, SandboxError::Busy { running: SandboxOperation::Write, .. }), "{busy}");
    drop(one);
    assert!(world.sandboxes.diff(sandbox.id()).await.is_err());
    drop(two);
    assert!(world.sandboxes.diff(sandbox.id()).await.is_ok());
}
