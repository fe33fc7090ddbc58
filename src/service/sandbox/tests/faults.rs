//! A step that fails, and one at which the process dies: for each step.

use super::stand::{Act, Fault, Stand, act_on, each, undisturbed};
use super::*;
use crate::service::sandbox::{SandboxService, SandboxState};

async fn fail_at_each_step(strategy: SandboxStrategy, act: Act) {
    let (before, after, steps) = undisturbed(strategy, act).await;
    let mut unfinished = 0;
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
        // Where it cannot be ended, it is done, and ended later.
        let is_done = matches!(outcome, Ok(()) | Err(SandboxError::Unfinished { .. }));
        unfinished += u32::from(has_failed && is_done);
        let expected = if is_done { &after } else { &before };
        // What is litter only, after the end, may be left over until somebody next looks.
        let found: Look = found.into_iter().filter(|(path, _)| !path.starts_with(litter(&stand))).collect();
        assert_eq!(found, *expected, "{told}");
        if has_failed {
            assert_eq!(stand.sandbox.state(), SandboxState::Active, "{told}");
            stand.act(act).await.unwrap();
            assert_eq!(look(&place), after, "{told}, and again");
        }
    }
    assert_eq!(unfinished, 2, "the log was not removed, or may come back");
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
        if act == Act::RollBack {
            assert_eq!(sandbox.state() == SandboxState::RolledBack, is_after, "{told}");
        }
        if act == Act::Restore || !is_after {
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
