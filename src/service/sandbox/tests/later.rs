//! What comes of a commit that died, by whoever comes next.

use super::stand::{Act, Fault, Refusing, Stand, undisturbed};
use super::*;
use crate::event::{CheckpointRestored, SandboxCommitted, SandboxRolledBack};
use crate::service::sandbox::{SandboxService, SandboxState};
use crate::testing::RecordingEventBus;

#[tokio::test]
async fn a_killed_commit_is_undone_when_somebody_changed_meanwhile_what_it_had_still_to_change() {
    let (_, _, steps) = undisturbed(SandboxStrategy::Copy, Act::Commit).await;
    let mut undone = 0;
    for at in 1..=steps {
        let fault = Fault::new(0, true);
        let stand = Stand::new(SandboxStrategy::Copy, &fault).await;
        let before = look(stand.project.path());
        let id = stand.sandbox.id().clone();
        fault.arm(at);
        drop(stand.act(Act::Commit).await);
        let place = stand.project.path().join("read only");
        let is_still_to_be_changed = fs::read_to_string(&place).is_ok_and(|content| content == "r");
        if !is_still_to_be_changed {
            break;
        }
        // As an editor does, which writes another file in its place.
        fs::write(stand.project.path().join("theirs"), "theirs").unwrap();
        fs::rename(stand.project.path().join("theirs"), &place).unwrap();
        let theirs = look(stand.project.path()).remove(Path::new("read only")).unwrap();
        let (service, recovered, project, _root) = stand.reopen(&Fault::new(0, false)).await;
        let mut expected = before;
        expected.insert("read only".into(), theirs);
        let mut found = look(project.path());
        found.retain(|path, _| !path.to_string_lossy().starts_with(".agentbus-originals"));
        assert_eq!(found, expected, "step {at}: {recovered:?}");
        assert_eq!(service.unwrap().get(&id).unwrap().state(), SandboxState::Active);
        undone += recovered.undone.len();
    }
    assert!(undone > 10, "{undone}");
}

#[tokio::test]
async fn whoever_next_makes_a_sandbox_of_a_project_sees_to_a_killed_commit_and_its_own_sandbox_learns_of_it()
{
    let (before, after, steps) = undisturbed(SandboxStrategy::Copy, Act::Commit).await;
    for at in (1..=steps).step_by(2) {
        let fault = Fault::new(0, true);
        let stand = Stand::new(SandboxStrategy::Copy, &fault).await;
        let id = stand.sandbox.id().clone();
        fault.arm(at);
        drop(stand.act(Act::Commit).await);
        let elsewhere = tempfile::tempdir().unwrap();
        let other = SandboxService::new(elsewhere.path(), None);
        other.create(&PlanId::from("q"), stand.project.path(), SandboxStrategy::Copy).await.unwrap();
        let mut found = look(stand.project.path());
        found.retain(|path, _| !path.to_string_lossy().ends_with(".ended"));
        assert!(found == before || found == after, "step {at}: {found:#?}");
        let (service, recovered, _project, _root) = stand.reopen(&Fault::new(0, false)).await;
        let state = service.unwrap().get(&id).unwrap().state();
        assert_eq!(state == SandboxState::Committed, found == after, "step {at}: {recovered:?}");
    }
}

#[tokio::test]
async fn a_commit_that_is_finished_later_is_told_then() {
    let stand = Stand::new(SandboxStrategy::Copy, &Refusing::deadly("rename over read only")).await;
    drop(stand.act(Act::Commit).await);
    let bus = RecordingEventBus::new();
    drop((stand.service, stand.sandbox));
    let (_service, recovered) =
        SandboxService::open(stand.root.path(), Some(Arc::new(bus.clone()))).await.unwrap();
    assert_eq!(recovered.finished.len(), 1, "{recovered:?}");
    let told = bus.only::<SandboxCommitted>();
    assert_eq!(told.sandbox_id, recovered.finished[0]);
    assert_eq!(told.event().plan_id().unwrap(), &"p");
    assert!(told.files_changed > 3 && told.files_added > 0 && told.files_removed > 0, "{told:?}");
}

#[tokio::test]
async fn everything_new_and_the_log_are_synced_before_the_project_is_changed_and_the_project_before_the_log_goes()
 {
    let fault = Fault::new(0, false);
    let stand = Stand::new(SandboxStrategy::Copy, &fault).await;
    fault.trace.lock().unwrap().clear();
    stand.act(Act::Commit).await.unwrap();
    let trace = fault.trace.lock().unwrap().clone();
    let place = |step: &str| {
        trace.iter().position(|other| other == step).unwrap_or_else(|| panic!("{step}: {trace:#?}"))
    };
    let log = place("rename over log");
    let created: Vec<_> = trace.iter().filter_map(|step| step.strip_prefix("create new-")).collect();
    assert!(created.len() > 5);
    for new in created {
        assert!(place(&format!("sync new-{new}")) < log, "{trace:#?}");
    }
    assert!(place("sync log.tmp") < log);
    assert!(trace[log + 1].starts_with("sync folder"), "{trace:#?}");
    let first_change = trace.iter().position(|step| step.starts_with("rename over moved-")).unwrap();
    assert!(log < first_change);
    let end = place("remove log");
    let before_the_end: Vec<_> =
        trace[..end].iter().rev().take_while(|step| !step.starts_with("set mode")).collect();
    assert!(before_the_end.iter().filter(|step| step.starts_with("sync folder")).count() > 4, "{trace:#?}");
}

/// A commit that died when some paths were changed: `changed` was, `read only` was not.
async fn half_committed() -> Stand {
    let disk = Refusing::deadly("rename over read only");
    let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
    stand.act(Act::Commit).await.unwrap_err();
    assert_eq!(fs::read_to_string(stand.project.path().join("changed")).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(stand.project.path().join("read only")).unwrap(), "r");
    stand
}

/// Writes as an editor does, which puts another file in its place.
fn edit(project: &Path, name: &str) {
    let place = project.join(name);
    fs::write(place.with_extension("theirs"), "theirs").unwrap();
    fs::rename(place.with_extension("theirs"), place).unwrap();
}

async fn other_makes_one(project: &Path) -> Result<(), SandboxError> {
    let elsewhere = tempfile::tempdir().unwrap();
    let other = SandboxService::new(elsewhere.path(), None);
    let made = other.create(&PlanId::from("q"), project, SandboxStrategy::Copy).await;
    made.map(drop)
}

async fn next_process(root: &TempDir) -> (SandboxService, Recovered, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    let heard: Arc<dyn EventBus> = Arc::new(bus.clone());
    let (service, recovered) = SandboxService::open(root.path(), Some(heard)).await.unwrap();
    (service, recovered, bus)
}

fn litter(project: &Path) -> Vec<PathBuf> {
    let is_litter = |path: &PathBuf| path.to_string_lossy().starts_with(".agentbus");
    look(project).into_keys().filter(is_litter).collect()
}

#[tokio::test]
async fn a_commit_that_another_finished_is_told_by_its_owner_whatever_is_written_since() {
    let (project, root, id, _) = half_committed().await.gone();
    other_makes_one(project.path()).await.unwrap();
    edit(project.path(), "changed");
    let (service, recovered, bus) = next_process(&root).await;
    assert_eq!(recovered.finished, std::slice::from_ref(&id), "{recovered:?}");
    assert_eq!(bus.only::<SandboxCommitted>().sandbox_id, id);
    assert_eq!(fs::read_to_string(project.path().join("changed")).unwrap(), "theirs");
    assert_eq!(service.get(&id).unwrap().state(), SandboxState::Committed);
    assert!(litter(project.path()).is_empty(), "{:?}", litter(project.path()));
}

#[tokio::test]
async fn what_another_saw_to_leaves_nothing_once_its_owner_is_gone() {
    let (project, root, id, _) = half_committed().await.gone();
    other_makes_one(project.path()).await.unwrap();
    assert_eq!(litter(project.path()).len(), 1, "a trace");
    for closed in ["closed", "added/private"] {
        set_mode(&root.path().join(format!("{id}/tree")).join(closed), 0o700);
    }
    fs::remove_dir_all(root.path()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = SandboxService::new(elsewhere.path(), None);
    let plan = PlanId::from("q");
    let sandbox = other.create(&plan, project.path(), SandboxStrategy::Copy).await.unwrap();
    let access = sandbox.write_access().unwrap();
    fs::write(sandbox.tree().join("more"), "more").unwrap();
    drop(access);
    other.commit(sandbox.id()).await.unwrap();
    assert!(litter(project.path()).is_empty(), "{:?}", litter(project.path()));
}

#[tokio::test]
async fn whoever_undoes_anothers_commit_is_told_where_the_originals_are_that_were_not_put_back() {
    let (project, root, id, _) = half_committed().await.gone();
    edit(project.path(), "changed");
    edit(project.path(), "read only");
    let told = other_makes_one(project.path()).await;
    let Err(SandboxError::NotUndone { paths, kept_in, .. }) = told else {
        panic!("{told:?}");
    };
    assert!(paths.contains(&"changed".into()), "{paths:?}");
    let mut kept = fs::read_dir(&kept_in).unwrap().map(|kept| kept.unwrap().path());
    assert!(kept.any(|kept| fs::read(kept).is_ok_and(|kept| kept == b"old\n")));
    other_makes_one(project.path()).await.unwrap();
    let (service, recovered, _bus) = next_process(&root).await;
    assert_eq!(recovered.undone, std::slice::from_ref(&id), "{recovered:?}");
    assert_eq!(service.get(&id).unwrap().state(), SandboxState::Active);
}

#[tokio::test]
async fn a_way_back_that_died_is_told_once_it_is_gone() {
    for (act, strategy) in [
        (Act::RollBack, SandboxStrategy::InPlace),
        (Act::RollBack, SandboxStrategy::Copy),
        (Act::Restore, SandboxStrategy::Copy),
    ] {
        for step in ["rename over log", "rename over read only", "remove log", "remove way back"] {
            let is_begun = step != "rename over log";
            let stand = Stand::new(strategy, &Refusing::deadly(step)).await;
            drop(stand.act(act).await);
            let (_project, root, id, checkpoint) = stand.gone();
            let (service, recovered, bus) = next_process(&root).await;
            let told = format!("{act:?} {strategy} {step}: {recovered:?}");
            assert_eq!(recovered.reopened, std::slice::from_ref(&id), "{told}");
            let state = service.get(&id).unwrap().state();
            let (rolled_back, restored) = (bus.all::<SandboxRolledBack>(), bus.all::<CheckpointRestored>());
            let count = (rolled_back.len(), restored.len());
            let expected = match (is_begun, act) {
                (false, _) => ((0, 0), SandboxState::Active),
                (true, Act::RollBack) => ((1, 0), SandboxState::RolledBack),
                (true, _) => ((0, 1), SandboxState::Active),
            };
            assert_eq!((count, state), expected, "{told}");
            assert!(rolled_back.iter().all(|told| told.reason == "test" && told.files_reverted > 5));
            assert!(restored.iter().all(|told| told.checkpoint_id == checkpoint && told.files_restored > 5));
            drop(service);
            let (_service, _recovered, bus) = next_process(&root).await;
            bus.assert_nothing();
        }
    }
}

#[tokio::test]
async fn a_rollback_in_place_that_another_finished_is_told_by_its_owner() {
    let stand = Stand::new(SandboxStrategy::InPlace, &Refusing::deadly("rename over read only")).await;
    drop(stand.act(Act::RollBack).await);
    let (project, root, id, _) = stand.gone();
    other_makes_one(project.path()).await.unwrap();
    let (service, _recovered, bus) = next_process(&root).await;
    assert_eq!(bus.only::<SandboxRolledBack>().sandbox_id, id);
    assert_eq!(service.get(&id).unwrap().state(), SandboxState::RolledBack);
    assert!(litter(project.path()).is_empty(), "{:?}", litter(project.path()));
}

#[tokio::test]
async fn a_way_back_that_could_not_be_forgotten_says_nothing_of_what_was_done_since() {
    for act in [Act::RollBack, Act::Restore] {
        let disk = Refusing::new(&["remove way back"]);
        let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
        stand.act(act).await.unwrap();
        let way = stand.root.path().join(format!("{}/way back", stand.sandbox.id()));
        let left_over = fs::read(&way).unwrap();
        if act == Act::RollBack {
            stand.sandbox.write_access().map(drop).unwrap_err();
        }
        disk.set(&[]);
        drop(stand.sandbox.write_access().unwrap());
        fs::write(stand.sandbox.tree().join("written since"), "new").unwrap();
        if act == Act::Restore {
            stand.act(Act::Commit).await.unwrap();
        }
        assert!(!way.exists(), "{act:?}");
        let state = stand.sandbox.state();
        // As a process of another version leaves it.
        fs::write(&way, left_over).unwrap();
        let (_project, root, id, _) = stand.gone();
        let (service, recovered, _bus) = next_process(&root).await;
        assert_eq!(service.get(&id).unwrap().state(), state, "{act:?}: {recovered:?}");
    }
}

#[tokio::test]
async fn a_killed_rollback_that_is_undone_later_leaves_the_sandbox_active() {
    let stand = Stand::new(SandboxStrategy::InPlace, &Refusing::deadly("remove log")).await;
    drop(stand.act(Act::RollBack).await);
    edit(stand.project.path(), "changed");
    let staging = litter(stand.project.path()).remove(0);
    fs::write(stand.project.path().join(staging).join("undo"), "").unwrap();
    let (_project, root, id, _) = stand.gone();
    let (service, recovered, bus) = next_process(&root).await;
    assert_eq!(service.get(&id).unwrap().state(), SandboxState::Active, "{recovered:?}");
    bus.assert_nothing();
    service.close(&id).await.unwrap_err();
}
