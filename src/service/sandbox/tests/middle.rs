//! What ends in the middle, and what may be done then.

use std::sync::mpsc;

use super::stand::{Act, Refusing, Stand};
use super::*;
use crate::bus::{EventBusExt, ReactiveEventBus};
use crate::event::{
    CheckpointRestored, DomainEvent, EventType, Hash, Payload, SandboxCommitted, SandboxRolledBack,
};
use crate::filter::Filter;
use crate::service::sandbox::lock::{Project, Use, try_lock, try_lock_project};
use crate::service::sandbox::place::open_root;
use crate::service::sandbox::rewrites::Put;
use crate::testing::RecordingEventBus;

/// The commit fails, and so does undoing it.
const UNFINISHED: [&str; 2] = ["rename over read only", "create undo"];

async fn unfinished(act: Act) -> (Stand, Arc<Refusing>) {
    let (stand, disk, _bus) = unfinished_and_heard(act).await;
    (stand, disk)
}

/// The same, and who hears what is told.
async fn unfinished_and_heard(act: Act) -> (Stand, Arc<Refusing>, RecordingEventBus) {
    let (disk, bus) = (Refusing::new(&[]), RecordingEventBus::new());
    let stand = Stand::heard(SandboxStrategy::Copy, &disk, Some(Arc::new(bus.clone()))).await;
    disk.set(&UNFINISHED);
    let failed = stand.act(act).await;
    assert!(matches!(failed, Err(SandboxError::Unfinished { .. })), "{failed:?}");
    (stand, disk, bus)
}

/// Asserts that nothing but that is allowed, or what takes it up.
async fn assert_pending(stand: &Stand, pending: SandboxOperation) {
    let (service, id) = (&stand.service, stand.sandbox.id());
    let refused = [
        (SandboxOperation::Commit, service.commit(id).await.map(drop)),
        (SandboxOperation::RollBack, stand.act(Act::RollBack).await),
        (SandboxOperation::Restore, stand.act(Act::Restore).await),
        (SandboxOperation::Close, service.close(id).await),
        (SandboxOperation::Checkpoint, service.checkpoint(id, "test").await.map(drop)),
        (SandboxOperation::Diff, service.diff(id).await.map(drop)),
        (SandboxOperation::Write, stand.sandbox.write_access().map(drop)),
    ];
    for (operation, refused) in refused.into_iter().filter(|(operation, _)| !pending.is_again(*operation)) {
        let Err(SandboxError::State { way_out, .. }) = &refused else {
            panic!("{operation}: {refused:?}");
        };
        assert!(way_out.contains("in the middle"), "{operation}: {way_out}");
    }
}

#[tokio::test]
async fn a_commit_that_is_in_the_middle_is_committed_again_before_anything_else() {
    let (stand, disk) = unfinished(Act::Commit).await;
    assert_pending(&stand, SandboxOperation::Commit).await;
    disk.set(&[]);
    stand.act(Act::Commit).await.unwrap();
    assert_eq!(look(stand.project.path()), look(&stand.sandbox.tree()));
    stand.service.close(stand.sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn a_commit_in_the_middle_that_another_finished_is_committed_whatever_is_written_since() {
    let (stand, disk) = unfinished(Act::Commit).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let other = SandboxService::new(elsewhere.path(), None);
    other.create(&PlanId::from("q"), stand.project.path(), SandboxStrategy::Copy).await.unwrap();
    fs::write(stand.project.path().join("changed"), "theirs").unwrap();
    disk.set(&[]);
    stand.act(Act::Commit).await.unwrap();
    assert_eq!(stand.sandbox.state(), SandboxState::Committed);
    assert_eq!(fs::read_to_string(stand.project.path().join("changed")).unwrap(), "theirs");
    assert!(!look(stand.project.path()).keys().any(|path| path.to_string_lossy().contains("agentbus")));
}

#[tokio::test]
async fn a_commit_in_the_middle_stays_there_while_it_cannot_be_said_what_it_changes_and_is_told_once() {
    let (stand, disk, bus) = unfinished_and_heard(Act::Commit).await;
    let objects = stand.root.path().join(format!("{}/store/objects", stand.sandbox.id()));
    let content = objects.join(Hash::of("old\n").to_string());
    fs::rename(&content, objects.join("aside")).unwrap();
    // The project could be changed now; what it had cannot be read.
    disk.set(&[]);
    stand.act(Act::Commit).await.unwrap_err();
    let refused = stand.act(Act::RollBack).await;
    assert!(matches!(refused, Err(SandboxError::State { .. })), "{refused:?}");
    fs::rename(objects.join("aside"), &content).unwrap();
    fs::write(stand.sandbox.tree().join("late"), "without access").unwrap();
    let now = stand.service.commit(stand.sandbox.id()).await.unwrap();
    assert_eq!(stand.sandbox.state(), SandboxState::Committed);
    let told = bus.only::<SandboxCommitted>();
    assert_eq!(told.files_added + 1, now.files_added(), "what was written to the project");
    assert!(!stand.project.path().join("late").exists());
}

#[tokio::test]
async fn a_commit_in_the_middle_that_is_finished_but_not_settled_is_still_there() {
    let (stand, disk) = unfinished(Act::Commit).await;
    disk.set(&["settle"]);
    let failed = stand.act(Act::Commit).await;
    assert!(matches!(failed, Err(SandboxError::Unfinished { .. })), "{failed:?}");
    assert_pending(&stand, SandboxOperation::Commit).await;
    disk.set(&[]);
    stand.act(Act::Commit).await.unwrap();
    assert_eq!(look(stand.project.path()), look(&stand.sandbox.tree()));
}

#[tokio::test]
async fn nobody_writes_while_it_cannot_be_kept_that_somebody_does() {
    let disk = Refusing::new(&[]);
    let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
    stand.act(Act::RollBack).await.unwrap();
    disk.set(&["create active"]);
    let refused = stand.sandbox.write_access().map(drop);
    assert!(matches!(refused, Err(SandboxError::Io { .. })), "{refused:?}");
    assert_eq!(stand.sandbox.state(), SandboxState::RolledBack);
    disk.set(&[]);
    drop(stand.sandbox.write_access().unwrap());
}

#[tokio::test]
async fn what_a_way_back_that_failed_has_put_back_is_the_sandboxs_own_and_nothing_else() {
    let disk = Refusing::new(&[]);
    let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
    disk.set(&["rename over read only"]);
    stand.act(Act::RollBack).await.unwrap_err();
    let put = |path: &str| stand.sandbox.rewrites().take(Path::new(path));
    assert_eq!(put("changed"), Some(Put::File(Hash::of("new\n"))));
    assert_eq!(put("gone/two"), Some(Put::NoFile));
    assert_eq!(put("closed/new"), Some(Put::File(Hash::of("new"))));
}

#[tokio::test]
async fn a_rollback_that_is_in_the_middle_is_gone_again_before_anything_else() {
    let (stand, disk) = unfinished(Act::RollBack).await;
    assert_pending(&stand, SandboxOperation::RollBack).await;
    disk.set(&[]);
    stand.act(Act::RollBack).await.unwrap();
    assert_eq!(look(&stand.sandbox.tree()), look(stand.project.path()));
    assert_eq!(stand.sandbox.state(), SandboxState::RolledBack);
    stand.service.close(stand.sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn a_rollback_after_a_restore_in_the_middle_is_done_and_told_too() {
    let (stand, disk, bus) = unfinished_and_heard(Act::Restore).await;
    assert_pending(&stand, SandboxOperation::Restore).await;
    disk.set(&[]);
    stand.act(Act::RollBack).await.unwrap();
    assert_eq!(stand.sandbox.state(), SandboxState::RolledBack);
    assert_eq!(bus.all::<CheckpointRestored>().len(), 1);
    assert_eq!(bus.only::<SandboxRolledBack>().files_reverted, 0);
}

#[tokio::test]
async fn a_restore_after_a_rollback_in_the_middle_is_done_and_told_too() {
    let (stand, disk, bus) = unfinished_and_heard(Act::RollBack).await;
    assert_pending(&stand, SandboxOperation::RollBack).await;
    disk.set(&[]);
    stand.act(Act::Restore).await.unwrap();
    assert_eq!(stand.sandbox.state(), SandboxState::Active);
    assert_eq!(bus.all::<SandboxRolledBack>().len(), 1);
    assert_eq!(bus.only::<CheckpointRestored>().checkpoint_id, stand.checkpoint);
}

#[tokio::test]
async fn a_sandbox_that_is_half_removed_is_good_for_nothing_but_to_be_closed() {
    for step in ["sync sandbox.json", "remove tree", "remove sandbox.json", "remove lock", "remove /"] {
        for is_closed_again in [false, true] {
            let disk = Refusing::new(&[]);
            let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
            stand.act(Act::RollBack).await.unwrap();
            disk.set(&[step]);
            stand.service.close(stand.sandbox.id()).await.unwrap_err();
            assert_pending(&stand, SandboxOperation::Close).await;
            disk.set(&[]);
            if is_closed_again {
                stand.service.close(stand.sandbox.id()).await.unwrap();
            }
            let before = look(stand.project.path());
            let (project, root, _, _) = stand.gone();
            let (service, recovered) = SandboxService::open(root.path(), None).await.unwrap();
            for sandbox in service.list() {
                // Not even that was kept that it is about to be removed.
                assert_eq!(step, "sync sandbox.json", "{recovered:?}");
                service.close(sandbox.id()).await.unwrap();
            }
            assert!(recovered.unreadable.is_empty(), "{step}: {recovered:?}");
            assert_eq!(look(root.path()).len(), 2, "{step}: {recovered:?}");
            assert_eq!(look(project.path()), before);
        }
    }
}

/// A bus on which `look` is shown each event while it is told.
fn shown(look: impl Fn(&DomainEvent) + Send + Sync + 'static) -> Arc<dyn EventBus> {
    let bus = ReactiveEventBus::new();
    bus.on(Filter::all(), move |event: &Arc<DomainEvent>| look(event)).detach();
    Arc::new(bus)
}

#[tokio::test]
async fn what_is_told_of_a_sandbox_is_kept_and_no_lock_is_held_meanwhile() {
    let (project, root) = (project(SandboxStrategy::Copy), tempfile::tempdir().unwrap());
    let (told, heard) = mpsc::channel();
    let (project_path, root_path) = (project.path().to_owned(), root.path().to_owned());
    let look = move |event: &DomainEvent| {
        let dir = open_root(&project_path).unwrap();
        let at = Project { dir: &dir, path: &project_path };
        let is_free = event.event_type() == EventType::SandboxCreated
            || try_lock_project(at, Use::Alone).unwrap().is_some();
        let is_root_free = try_lock(&root_path.join("lock")).unwrap().is_some();
        let is_kept = match event.payload() {
            Payload::SandboxCreated(created) => {
                let saved = root_path.join(created.sandbox_id.to_string()).join("sandbox.json");
                fs::read_to_string(saved).unwrap().contains(&event.id().to_string())
            }
            _ => true,
        };
        told.send((event.event_type(), is_free, is_root_free, is_kept)).unwrap();
    };
    let bus = shown(look);
    let disk = Refusing::new(&[]);
    let service = SandboxService::on(root.path().to_owned(), Some(bus.clone()), Disk::with(disk.clone()));
    let plan = PlanId::from("p");
    for is_told_later in [false, true] {
        let sandbox = service.create(&plan, project.path(), SandboxStrategy::Copy).await.unwrap();
        let access = sandbox.write_access().unwrap();
        fs::write(sandbox.tree().join("changed"), format!("{is_told_later}")).unwrap();
        drop(access);
        if is_told_later {
            disk.set(&["rename over changed", "create undo"]);
            service.commit(sandbox.id()).await.unwrap_err();
        } else {
            service.commit(sandbox.id()).await.unwrap();
        }
    }
    drop(service);
    let (_service, recovered) = SandboxService::open(root.path(), Some(bus)).await.unwrap();
    assert_eq!(recovered.finished.len(), 1, "{recovered:?}");
    let (created, committed) = (EventType::SandboxCreated, EventType::SandboxCommitted);
    let all: Vec<_> = heard.try_iter().collect();
    let expected = [created, committed, created, committed].map(|told| (told, true, true, true));
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_sandbox_that_nobody_waits_for_any_more_is_removed_whenever_that_is() {
    let (project, root) = (project(SandboxStrategy::Copy), tempfile::tempdir().unwrap());
    let (service, plan) = (SandboxService::new(root.path(), None), PlanId::from("p"));
    {
        let making = service.create(&plan, project.path(), SandboxStrategy::Copy);
        let polled = std::pin::pin!(making)
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        drop(polled);
    }
    service.settled().await;
    assert!(service.list().is_empty());
    assert!(look(root.path()).len() <= 2);
    // It was made and told, but nobody took it.
    let (told, is_told) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let bus = shown(move |_event| {
        told.send(()).unwrap();
        may_go_on.lock().unwrap().recv().unwrap();
    });
    let service = SandboxService::new(root.path(), Some(bus));
    let (making, path) = (service.clone(), project.path().to_owned());
    let task = tokio::spawn(async move {
        making.create(&PlanId::from("p"), path, SandboxStrategy::Copy).await.map(drop)
    });
    tokio::task::spawn_blocking(move || is_told.recv().unwrap()).await.unwrap();
    assert_eq!(service.list().len(), 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    service.settled().await;
    assert!(service.list().is_empty());
    assert_eq!(look(root.path()).len(), 2);
}
