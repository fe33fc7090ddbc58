//! A step that fails, and one at which the process dies: for each step.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::event::SandboxCommitted;
use crate::service::sandbox::disk::Seam;
use crate::service::sandbox::{SandboxService, SandboxState};

/// Fails from one step on: that one alone, or, as a process that died, all of them.
#[derive(Debug, Default)]
struct Fault {
    steps: AtomicU64,
    /// From 1; 0 for never.
    at: AtomicU64,
    is_deadly: bool,
    trace: Mutex<Vec<String>>,
}

impl Fault {
    fn new(at: u64, is_deadly: bool) -> Arc<Self> {
        Arc::new(Self { at: at.into(), is_deadly, ..Self::default() })
    }

    /// Begins to count.
    fn arm(&self, at: u64) {
        self.steps.store(0, Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
    }

    fn has_struck(&self) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at > 0 && self.steps.load(Ordering::Relaxed) >= at
    }
}

impl Seam for Fault {
    fn before(&self, step: &str) -> io::Result<()> {
        let nth = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let at = self.at.load(Ordering::Relaxed);
        self.trace.lock().unwrap().push(step.to_owned());
        if at > 0 && (nth == at || self.is_deadly && nth > at) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("planned: {step}")));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Commit,
    RollBack,
    Restore,
}

/// A sandbox that was changed, and a checkpoint of what was there before.
struct Stand {
    project: TempDir,
    root: TempDir,
    service: SandboxService,
    sandbox: Sandbox,
    checkpoint: crate::event::CheckpointId,
}

impl Stand {
    async fn new(strategy: SandboxStrategy, fault: &Arc<Fault>) -> Self {
        let (project, root) = (project(strategy), tempfile::tempdir().unwrap());
        let service = SandboxService::on(root.path().to_owned(), None, Disk::with(fault.clone()));
        let sandbox = service.create(&PlanId::from("p"), project.path(), strategy).await.unwrap();
        let checkpoint = service.checkpoint(sandbox.id(), "before").await.unwrap().id;
        let access = sandbox.write_access().unwrap();
        change(&sandbox.tree());
        drop(access);
        Self { project, root, service, sandbox, checkpoint }
    }

    /// What is changed by that.
    fn place(&self, act: Act) -> PathBuf {
        if act == Act::Commit { self.project.path().to_owned() } else { self.sandbox.tree() }
    }

    async fn act(&self, act: Act) -> Result<(), SandboxError> {
        act_on(&self.service, self.sandbox.id(), &self.checkpoint, act).await
    }

    /// The process is gone; the next one opens what it left.
    async fn reopen(
        self,
        fault: &Arc<Fault>,
    ) -> (Result<SandboxService, SandboxError>, Recovered, TempDir, TempDir) {
        let Self { project, root, service, sandbox, .. } = self;
        drop((service, sandbox));
        let opened = SandboxService::open_on(root.path().to_owned(), None, Disk::with(fault.clone())).await;
        match opened {
            Ok((service, recovered)) => (Ok(service), recovered, project, root),
            Err(error) => (Err(error), Recovered::default(), project, root),
        }
    }
}

async fn act_on(
    service: &SandboxService,
    id: &SandboxId,
    checkpoint: &crate::event::CheckpointId,
    act: Act,
) -> Result<(), SandboxError> {
    match act {
        Act::Commit => service.commit(id).await.map(drop),
        Act::RollBack => service.rollback(id, "test").await,
        Act::Restore => service.restore(id, checkpoint).await,
    }
}

/// What is there before and after, when nothing goes wrong, and how many steps that takes.
async fn undisturbed(strategy: SandboxStrategy, act: Act) -> (Look, Look, u64) {
    let fault = Fault::new(0, false);
    let stand = Stand::new(strategy, &fault).await;
    let before = look(&stand.place(act));
    fault.arm(0);
    stand.act(act).await.unwrap();
    let after = look(&stand.place(act));
    assert_ne!(before, after);
    if strategy == SandboxStrategy::Copy && act == Act::Commit {
        assert_eq!(after, look(&stand.sandbox.tree()), "the project is as the sandbox");
    }
    if act != Act::Commit {
        assert_eq!(after, look(project(strategy).path()), "it is as it was at first");
    }
    assert!(!after.keys().any(|path| path.to_string_lossy().contains("agentbus")), "{after:?}");
    (before, after, fault.steps.load(Ordering::Relaxed))
}

/// Every step; of a worktree, where each try asks git a dozen times, some, and all of the last.
fn each(steps: u64, strategy: SandboxStrategy) -> impl Iterator<Item = u64> {
    (1..=steps).filter(move |at| strategy != SandboxStrategy::GitWorktree || at % 7 == 0 || at + 15 > steps)
}

async fn fail_at_each_step(strategy: SandboxStrategy, act: Act) {
    let (before, after, steps) = undisturbed(strategy, act).await;
    for at in each(steps, strategy) {
        let fault = Fault::new(0, false);
        let stand = Stand::new(strategy, &fault).await;
        fault.arm(at);
        let outcome = stand.act(act).await;
        assert!(fault.has_struck(), "step {at} of {steps}");
        let place = stand.place(act);
        let told = format!("{strategy} {act:?}, step {at} of {steps}: {outcome:?}");
        let found = look(&place);
        let has_failed = outcome.is_err();
        let expected = if has_failed { &before } else { &after };
        // What is litter only, after the end, may be left over until somebody next looks.
        let found: Look = found.into_iter().filter(|(path, _)| !path.starts_with(litter(&stand))).collect();
        assert_eq!(found, *expected, "{told}");
        if has_failed {
            assert_eq!(stand.sandbox.state(), SandboxState::Active, "{told}");
            stand.act(act).await.unwrap();
            assert_eq!(look(&place), after, "{told}, and again");
        }
    }
}

fn litter(stand: &Stand) -> PathBuf {
    format!(".agentbus-staging-{}", stand.sandbox.id()).into()
}

async fn die_at_each_step(strategy: SandboxStrategy, act: Act) {
    let (before, after, steps) = undisturbed(strategy, act).await;
    let mut ended = BTreeMap::<bool, u32>::new();
    for at in each(steps, strategy) {
        let fault = Fault::new(0, true);
        let stand = Stand::new(strategy, &fault).await;
        let (id, checkpoint, place) =
            (stand.sandbox.id().clone(), stand.checkpoint.clone(), stand.place(act));
        fault.arm(at);
        // What a dead process would have answered counts for nothing.
        drop(stand.act(act).await);
        let (service, recovered, _project, root) = stand.reopen(&Fault::new(0, false)).await;
        let service = service.unwrap();
        let told = format!("{strategy} {act:?}, step {at} of {steps}: {recovered:?}");
        assert!(recovered.unreadable.is_empty() && recovered.kept.is_empty(), "{told}");
        assert_eq!(recovered.reopened, std::slice::from_ref(&id), "{told}");
        let found = look(&place);
        assert!(found == before || found == after, "{told}: half of it: {found:#?}");
        let is_after = found == after;
        *ended.entry(is_after).or_default() += 1;
        let sandbox = service.get(&id).unwrap();
        if act == Act::Commit {
            let is_committed = sandbox.state() == SandboxState::Committed;
            assert_eq!(is_committed, is_after, "{told}");
            assert!(recovered.finished.is_empty() || is_after, "{told}");
        }
        if act != Act::Commit || !is_after {
            act_on(&service, &id, &checkpoint, act).await.unwrap();
            assert_eq!(look(&place), after, "{told}, and again");
        }
        if sandbox.state() == SandboxState::Active {
            service.rollback(&id, "the end").await.unwrap();
        }
        service.close(&id).await.unwrap();
        assert!(!root.path().join(id.to_string()).exists(), "{told}");
    }
    assert_eq!(ended.len(), 2, "both were seen: {ended:?}");
}

#[tokio::test]
async fn a_commit_of_a_copy_that_fails_at_any_step_is_undone_at_once() {
    fail_at_each_step(SandboxStrategy::Copy, Act::Commit).await;
}

#[tokio::test]
async fn a_commit_of_a_copy_that_dies_at_any_step_is_finished_or_undone_by_the_next_process() {
    die_at_each_step(SandboxStrategy::Copy, Act::Commit).await;
}

#[tokio::test]
async fn a_commit_of_a_worktree_that_fails_at_any_step_is_undone_at_once() {
    fail_at_each_step(SandboxStrategy::GitWorktree, Act::Commit).await;
}

#[tokio::test]
async fn a_commit_of_a_worktree_that_dies_at_any_step_is_finished_or_undone_by_the_next_process() {
    die_at_each_step(SandboxStrategy::GitWorktree, Act::Commit).await;
}

#[tokio::test]
async fn a_rollback_in_place_that_fails_at_any_step_is_undone_at_once() {
    fail_at_each_step(SandboxStrategy::InPlace, Act::RollBack).await;
}

#[tokio::test]
async fn a_rollback_in_place_that_dies_at_any_step_is_finished_or_undone_by_the_next_process() {
    die_at_each_step(SandboxStrategy::InPlace, Act::RollBack).await;
}

#[tokio::test]
async fn going_back_to_a_checkpoint_that_fails_at_any_step_is_undone_at_once() {
    fail_at_each_step(SandboxStrategy::Copy, Act::Restore).await;
}

#[tokio::test]
async fn going_back_to_a_checkpoint_that_dies_at_any_step_is_finished_or_undone_by_the_next_process() {
    die_at_each_step(SandboxStrategy::Copy, Act::Restore).await;
}

#[tokio::test]
async fn a_process_that_dies_while_it_finishes_what_another_left_is_made_up_for_too() {
    let (before, after, steps) = undisturbed(SandboxStrategy::Copy, Act::Commit).await;
    for at in (1..=steps).step_by(3) {
        let mut again = 1;
        loop {
            let fault = Fault::new(0, true);
            let stand = Stand::new(SandboxStrategy::Copy, &fault).await;
            let id = stand.sandbox.id().clone();
            fault.arm(at);
            drop(stand.act(Act::Commit).await);
            let second = Fault::new(again, true);
            let (second_service, _recovered, project, root) = stand.reopen(&second).await;
            drop(second_service);
            let (service, recovered) = SandboxService::open(root.path(), None).await.unwrap();
            assert!(recovered.unreadable.is_empty(), "{at}, {again}: {recovered:?}");
            let found = look(project.path());
            assert!(found == before || found == after, "{at}, {again}: {found:#?}");
            let is_committed = service.get(&id).unwrap().state() == SandboxState::Committed;
            assert_eq!(is_committed, found == after, "{at}, {again}");
            if !second.has_struck() {
                break;
            }
            again += 4;
        }
    }
}

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
        let found = look(stand.project.path());
        assert!(found == before || found == after, "step {at}: {found:#?}");
        let (service, recovered, _project, _root) = stand.reopen(&Fault::new(0, false)).await;
        let state = service.unwrap().get(&id).unwrap().state();
        assert_eq!(state == SandboxState::Committed, found == after, "step {at}: {recovered:?}");
    }
}

#[tokio::test]
async fn a_commit_that_is_finished_later_is_told_then() {
    let fault = Fault::new(0, true);
    let stand = Stand::new(SandboxStrategy::Copy, &fault).await;
    fault.arm(70);
    drop(stand.act(Act::Commit).await);
    let bus = crate::testing::RecordingEventBus::new();
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
