//! What somebody else took away: the folder of a sandbox, its files, its project.

use super::stand::{ACTS, Act, Refusing, Stand};
use super::*;
use crate::service::sandbox::disk::Seam;
use crate::service::sandbox::lock::try_lock;

const EACH: [SandboxStrategy; 3] =
    [SandboxStrategy::Copy, SandboxStrategy::GitWorktree, SandboxStrategy::InPlace];

fn home_of(stand: &Stand) -> PathBuf {
    stand.root.path().join(stand.sandbox.id().to_string())
}

fn git(project: &Path, arguments: &[&str]) -> String {
    Git::reading("test", project).args(arguments).line(&CancellationToken::new()).unwrap()
}

/// Asserts that nothing of the sandbox holds the project any more.
async fn assert_free(stand: &Stand, strategy: SandboxStrategy) {
    let (project, told) = (stand.project.path(), format!("{strategy}"));
    assert!(stand.service.list().is_empty(), "{told}");
    if strategy == SandboxStrategy::GitWorktree {
        assert_eq!(git(project, &["for-each-ref", "refs/heads/agentbus"]), "", "{told}");
        let known = fs::read_dir(project.join(".git/worktrees"));
        assert!(!known.is_ok_and(|mut known| known.next().is_some()), "{told}");
    }
    let next = stand.service.create(&PlanId::from("q"), project, SandboxStrategy::InPlace).await;
    stand.service.close(next.unwrap().id()).await.unwrap();
}

#[tokio::test]
async fn a_sandbox_whose_folder_was_removed_is_closed_in_whatever_state_and_lets_the_project_go() {
    for strategy in EACH {
        for is_rolled_back in [false, true] {
            let stand = Stand::new(strategy, &Refusing::new(&[])).await;
            if is_rolled_back {
                stand.act(Act::RollBack).await.unwrap();
            }
            let before = look(stand.project.path());
            take_away(&home_of(&stand));
            stand.service.close(stand.sandbox.id()).await.unwrap();
            assert_eq!(stand.sandbox.state(), SandboxState::Closed, "{strategy}");
            assert_free(&stand, strategy).await;
            assert_eq!(look(stand.project.path()), before, "{strategy}");
        }
    }
}

#[tokio::test]
async fn a_sandbox_whose_folder_was_removed_with_the_place_of_all_is_closed() {
    for strategy in EACH {
        let stand = Stand::new(strategy, &Refusing::new(&[])).await;
        take_away(stand.root.path());
        stand.service.close(stand.sandbox.id()).await.unwrap();
        assert!(!stand.root.path().exists(), "nothing was made there again");
        assert_free(&stand, strategy).await;
    }
}

#[tokio::test]
async fn a_sandbox_of_whose_folder_a_part_was_removed_is_closed() {
    for (strategy, part) in EACH.into_iter().zip(["tree", "sandbox.json", "store"]) {
        let stand = Stand::new(strategy, &Refusing::new(&[])).await;
        stand.act(Act::RollBack).await.unwrap();
        let part = home_of(&stand).join(part);
        if part.is_dir() {
            take_away(&part);
        } else {
            fs::remove_file(&part).unwrap();
        }
        fs::remove_file(home_of(&stand).join("lock")).unwrap();
        stand.service.close(stand.sandbox.id()).await.unwrap();
        assert_eq!(look(stand.root.path()).len(), 2, "the tag and the lock");
        assert_free(&stand, strategy).await;
    }
}

#[tokio::test]
async fn what_stands_where_the_folder_of_a_sandbox_stood_is_not_removed_with_it() {
    for strategy in EACH {
        let stand = Stand::new(strategy, &Refusing::new(&[])).await;
        let (home, moved) = (home_of(&stand), stand.root.path().join("moved"));
        fs::rename(&home, &moved).unwrap();
        fs::create_dir_all(home.join("tree")).unwrap();
        fs::write(home.join("tree/theirs"), "theirs").unwrap();
        stand.service.close(stand.sandbox.id()).await.unwrap();
        assert_eq!(fs::read_to_string(home.join("tree/theirs")).unwrap(), "theirs");
        assert!(moved.join("store").exists(), "what was moved is theirs too");
        assert_free(&stand, strategy).await;
    }
}

#[tokio::test]
async fn files_that_were_removed_with_their_folder_are_not_taken_for_a_wish_to_empty_the_project() {
    for strategy in [SandboxStrategy::Copy, SandboxStrategy::GitWorktree] {
        let stand = Stand::new(strategy, &Refusing::new(&[])).await;
        let before = look(stand.project.path());
        take_away(&stand.sandbox.tree());
        for act in ACTS {
            let refused = stand.act(act).await;
            let Err(SandboxError::Io { path, .. }) = &refused else {
                panic!("{strategy} {act:?}: {refused:?}");
            };
            assert_eq!(*path, stand.sandbox.tree());
        }
        assert_eq!(look(stand.project.path()), before, "{strategy}");
        stand.service.close(stand.sandbox.id()).await.unwrap();
        assert_eq!(look(stand.root.path()).len(), 2, "the tag and the lock");
        assert_free(&stand, strategy).await;
    }
}

#[tokio::test]
async fn nothing_that_a_link_leads_to_is_changed_when_a_sandbox_is_closed() {
    let stand = Stand::new(SandboxStrategy::GitWorktree, &Refusing::new(&[])).await;
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(outside.path().join("closed")).unwrap();
    fs::write(outside.path().join(".git"), "gitdir: elsewhere").unwrap();
    fs::write(outside.path().join("closed/file"), "theirs").unwrap();
    set_mode(&outside.path().join("closed"), 0o500);
    let before = look(outside.path());
    take_away(&stand.sandbox.tree());
    symlink(outside.path(), stand.sandbox.tree()).unwrap();
    stand.service.close(stand.sandbox.id()).await.unwrap();
    assert_eq!(look(outside.path()), before);
    assert_eq!(fs::read_to_string(outside.path().join(".git")).unwrap(), "gitdir: elsewhere");
    assert_free(&stand, SandboxStrategy::GitWorktree).await;
}

/// Looks at each step whether the place of all sandboxes is free.
#[derive(Debug)]
struct Looking {
    lock: PathBuf,
    steps: Mutex<Vec<(String, bool)>>,
}

impl Looking {
    fn at(root: &Path) -> Arc<Self> {
        Arc::new(Self { lock: root.join("lock"), steps: Mutex::default() })
    }

    fn taken(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.steps.lock().unwrap())
    }
}

impl Seam for Looking {
    fn before(&self, step: &str) -> io::Result<()> {
        let is_free = try_lock(&self.lock)?.is_some();
        self.steps.lock().unwrap().push((step.to_owned(), is_free));
        Ok(())
    }
}

#[tokio::test]
async fn a_sandbox_goes_while_others_are_made_but_for_its_last_two_steps() {
    let (project, root) = (project(SandboxStrategy::Copy), tempfile::tempdir().unwrap());
    let looking = Looking::at(root.path());
    let service = SandboxService::on(root.path().to_owned(), None, Disk::with(looking.clone()));
    let sandbox = service.create(&PlanId::from("p"), project.path(), SandboxStrategy::Copy).await.unwrap();
    looking.taken();
    service.close(sandbox.id()).await.unwrap();
    let mut steps = looking.taken();
    let last = steps.split_off(steps.len() - 2);
    assert!(last[0].0 == "remove lock" && last[1].0.starts_with("remove /"), "{last:?}");
    assert!(last.iter().all(|(_, is_free)| !is_free), "{last:?}");
    assert!(steps.len() > 5 && steps.iter().all(|(_, is_free)| *is_free), "{steps:?}");
}

#[tokio::test]
async fn sandboxes_are_made_while_others_are_finished_and_removed_by_the_next_process() {
    let disk = Refusing::deadly("rename over read only");
    let stand = Stand::new(SandboxStrategy::Copy, &disk).await;
    drop(stand.act(Act::Commit).await);
    let (_project, root, id, _) = stand.gone();
    let half_removed = root.path().join("00000000000000000000000000");
    fs::create_dir(&half_removed).unwrap();
    fs::write(half_removed.join("lock"), "").unwrap();
    let looking = Looking::at(root.path());
    let opened = SandboxService::open_on(root.path().to_owned(), None, Disk::with(looking.clone()));
    let (_service, recovered) = opened.await.unwrap();
    assert_eq!(recovered.finished, [id], "{recovered:?}");
    assert_eq!(recovered.removed.len(), 1, "{recovered:?}");
    let (last, steps): (Vec<_>, Vec<_>) = looking
        .taken()
        .into_iter()
        .partition(|(step, _)| step == "remove lock" || step.starts_with("remove /"));
    assert!(last.len() == 2 && last.iter().all(|(_, is_free)| !is_free), "{last:?}");
    assert!(steps.len() > 20 && steps.iter().all(|(_, is_free)| *is_free), "{steps:?}");
}

#[tokio::test]
async fn a_commit_that_died_is_finished_before_its_project_is_worked_in_in_place_again() {
    let stand = Stand::new(SandboxStrategy::InPlace, &Refusing::new(&[])).await;
    stand.act(Act::RollBack).await.unwrap();
    let (project, root, first, _) = stand.gone();
    let disk = Refusing::deadly("rename over changed");
    let service = SandboxService::on(root.path().to_owned(), None, Disk::with(disk));
    let second = service.create(&PlanId::from("q"), project.path(), SandboxStrategy::Copy).await.unwrap();
    let access = second.write_access().unwrap();
    fs::write(second.tree().join("changed"), "by the second").unwrap();
    drop(access);
    service.commit(second.id()).await.unwrap_err();
    let id = second.id().clone();
    drop((service, second));
    let (_service, recovered) = SandboxService::open(root.path(), None).await.unwrap();
    assert!(recovered.in_use.is_empty() && recovered.reopened.contains(&first), "{recovered:?}");
    assert_eq!(recovered.finished, [id], "{recovered:?}");
    assert_eq!(fs::read_to_string(project.path().join("changed")).unwrap(), "by the second");
}
