//! A commit that is in the middle, and whose project is moved or removed then.

use super::stand::{Act, Refusing, Stand};
use super::*;
use crate::event::SandboxCommitted;
use crate::testing::RecordingEventBus;

/// The commit failed, and so did undoing it; then the project was moved, and the disk is fine again.
async fn moved(strategy: SandboxStrategy, elsewhere: &Path) -> (Stand, RecordingEventBus) {
    let (disk, bus) = (Refusing::new(&[]), RecordingEventBus::new());
    let stand = Stand::heard(strategy, &disk, Some(Arc::new(bus.clone()))).await;
    disk.set(&["rename over read only", "create undo"]);
    let failed = stand.act(Act::Commit).await;
    assert!(matches!(failed, Err(SandboxError::Unfinished { .. })), "{failed:?}");
    disk.set(&[]);
    fs::rename(stand.project.path(), elsewhere).unwrap();
    (stand, bus)
}

fn assert_moved(refused: &Result<(), SandboxError>, stand: &Stand) {
    let Err(error @ SandboxError::ProjectMoved { project }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(project, stand.sandbox.project());
    assert!(error.to_string().contains("put it back, or give the sandbox up"), "{error}");
}

#[tokio::test]
async fn a_commit_in_the_middle_is_finished_where_its_project_is_by_now() {
    let elsewhere = tempfile::tempdir().unwrap();
    let there = elsewhere.path().join("moved");
    let (stand, bus) = moved(SandboxStrategy::Copy, &there).await;
    stand.act(Act::Commit).await.unwrap();
    assert_eq!(stand.sandbox.state(), SandboxState::Committed);
    assert_eq!(look(&there), look(&stand.sandbox.tree()));
    assert_eq!(bus.only::<SandboxCommitted>().sandbox_id, *stand.sandbox.id());
    stand.service.close(stand.sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn a_commit_in_the_middle_is_undone_where_its_project_is_by_now_and_the_sandbox_is_free() {
    for is_removed in [false, true] {
        let elsewhere = tempfile::tempdir().unwrap();
        let there = elsewhere.path().join("moved");
        let (stand, bus) = moved(SandboxStrategy::Copy, &there).await;
        if is_removed {
            take_away(&there);
        } else {
            // As an editor does, which writes another file in its place.
            fs::write(there.join("theirs"), "theirs").unwrap();
            fs::rename(there.join("theirs"), there.join("read only")).unwrap();
            let told = stand.act(Act::Commit).await;
            assert!(matches!(told, Err(SandboxError::NotUndone { .. })), "{told:?}");
            assert_eq!(fs::read_to_string(there.join("changed")).unwrap(), "old\n");
        }
        assert_moved(&stand.act(Act::Commit).await, &stand);
        stand.act(Act::RollBack).await.unwrap();
        stand.service.close(stand.sandbox.id()).await.unwrap();
        assert!(bus.all::<SandboxCommitted>().is_empty());
    }
}

#[tokio::test]
async fn a_commit_in_the_middle_whose_repository_is_elsewhere_is_given_up_by_closing_the_sandbox() {
    let elsewhere = tempfile::tempdir().unwrap();
    let there = elsewhere.path().join("moved");
    let (stand, _bus) = moved(SandboxStrategy::GitWorktree, &there).await;
    let after = stand.act(Act::Commit).await;
    assert!(matches!(after, Err(SandboxError::Unfinished { .. })), "{after:?}");
    stand.service.close(stand.sandbox.id()).await.unwrap();
    assert_eq!(look(stand.root.path()).len(), 2, "the tag and the lock");
    // Whoever next uses the project ends what is there.
    let (root, plan) = (tempfile::tempdir().unwrap(), PlanId::from("q"));
    let next = SandboxService::new(root.path(), None);
    let sandbox = next.create(&plan, &there, SandboxStrategy::Copy).await.unwrap();
    assert_eq!(fs::read_to_string(there.join("changed")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(there.join("read only")).unwrap(), "changed");
    assert!(!look(&there).keys().any(|path| path.to_string_lossy().contains("agentbus")));
    next.close(sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn a_sandbox_whose_project_is_elsewhere_at_the_next_open_is_named_and_can_be_discarded() {
    for strategy in [SandboxStrategy::Copy, SandboxStrategy::GitWorktree] {
        let elsewhere = tempfile::tempdir().unwrap();
        let there = elsewhere.path().join("moved");
        let (stand, _bus) = moved(strategy, &there).await;
        let tried = stand.service.discard(stand.sandbox.id()).await;
        assert!(matches!(tried, Err(SandboxError::State { .. })), "it is open: {tried:?}");
        let (project, root, id, _) = stand.gone();
        let (service, recovered) = SandboxService::open(root.path(), None).await.unwrap();
        let [(home, SandboxError::ProjectMoved { .. })] = recovered.unreadable.as_slice() else {
            panic!("{recovered:?}");
        };
        assert_eq!(*home, root.path().join(id.to_string()).canonicalize().unwrap());
        service.discard(&id).await.unwrap();
        assert_eq!(look(root.path()).len(), 2, "the tag and the lock");
        let unknown = service.discard(&id).await;
        assert!(matches!(unknown, Err(SandboxError::Unknown { .. })), "{unknown:?}");
        drop(project);
    }
}
