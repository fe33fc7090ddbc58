//! What a later process finds, and what it makes of it.

use std::path::PathBuf;
use std::sync::Arc;

use agentbus::EventBus;
use agentbus::service::sandbox::Recovered;

use super::*;

impl World {
    /// Ends this process, as far as the sandboxes know, and opens them as the next one.
    async fn reopen(&mut self) -> Recovered {
        self.sandboxes = SandboxService::new(self.root.path(), None);
        let bus: Arc<dyn EventBus> = Arc::new(self.bus.clone());
        let (sandboxes, recovered) = SandboxService::open(self.root.path(), Some(bus)).await.unwrap();
        self.sandboxes = sandboxes;
        recovered
    }
}

fn home(world: &World, sandbox: &Sandbox) -> PathBuf {
    world.root.path().join(sandbox.id().to_string())
}

#[tokio::test]
async fn every_state_is_found_again() {
    let mut world = World::new();
    let created = world.sandbox().await;
    let (active, rolled_back, again, committed) =
        (world.sandbox().await, world.sandbox().await, world.sandbox().await, world.sandbox().await);
    for sandbox in [&active, &rolled_back, &again, &committed] {
        write(sandbox, "a.txt", "changed");
    }
    for sandbox in [&rolled_back, &again] {
        world.sandboxes.rollback(sandbox.id(), "back").await.unwrap();
    }
    write(&again, "a.txt", "changed again");
    world.sandboxes.commit(committed.id()).await.unwrap();
    let all = [created, active, rolled_back, again, committed];
    let states = all.each_ref().map(Sandbox::state);
    let ids = all.map(|sandbox| sandbox.id().clone());
    world.bus.take();

    let recovered = world.reopen().await;

    assert_eq!(recovered.reopened.len(), 5, "{recovered:?}");
    assert!(recovered.finished.is_empty() && recovered.undone.is_empty(), "{recovered:?}");
    let found = ids.each_ref().map(|id| world.sandboxes.get(id).unwrap().state());
    assert_eq!(found, states);
    world.bus.assert_nothing();
    for id in &ids[..4] {
        let sandbox = world.sandboxes.get(id).unwrap();
        if sandbox.state() == SandboxState::Active {
            world.sandboxes.rollback(id, "the end").await.unwrap();
        }
        world.sandboxes.close(id).await.unwrap();
    }
    world.sandboxes.close(&ids[4]).await.unwrap();
    assert_eq!(names(world.root.path()), ["CACHEDIR.TAG", "lock"]);
}

#[tokio::test]
async fn its_events_go_on_where_they_were() {
    let mut world = World::new();
    let scope = Scope::new().with_correlation_id("request-1");
    let sandbox = scope.run(world.sandbox()).await;
    let created = world.bus.only::<SandboxCreated>();
    let id = sandbox.id().clone();
    write(&sandbox, "a.txt", "changed");
    drop(sandbox);
    world.reopen().await;
    world.sandboxes.commit(&id).await.unwrap();
    let committed = world.bus.only::<SandboxCommitted>();
    assert_eq!(committed.event().correlation_id(), &"request-1");
    assert_eq!(committed.event().causation_id(), Some(created.event().id()));
    assert_eq!(committed.event().plan_id().unwrap(), &"plan-7");
}

#[tokio::test]
async fn checkpoints_are_found_again_and_cost_as_much_as_before() {
    let mut world = World::new();
    let sandbox = world.sandbox().await;
    let id = sandbox.id().clone();
    let mut made = Vec::new();
    for content in ["first", "second", "third"] {
        write(&sandbox, "a.txt", content);
        made.push(world.sandboxes.checkpoint(&id, content).await.unwrap());
    }
    drop(sandbox);
    world.reopen().await;
    assert_eq!(world.sandboxes.list_checkpoints(&id).unwrap(), made);
    let again = world.sandboxes.checkpoint(&id, "the same").await.unwrap();
    assert_eq!(again.new_bytes, 0);
    assert_eq!(world.sandboxes.prune(&id, 2).await.unwrap(), 2);
    world.reopen().await;
    assert_eq!(world.sandboxes.list_checkpoints(&id).unwrap(), [made[2].clone(), again]);
    let tree = world.sandboxes.get(&id).unwrap().tree();
    assert_eq!(names(&tree.join("../checkpoints")).len(), 2);
    fs::write(tree.join("a.txt"), "fourth").unwrap();
    world.sandboxes.restore(&id, &made[2].id).await.unwrap();
    assert_eq!(fs::read_to_string(tree.join("a.txt")).unwrap(), "third");
    world.sandboxes.rollback(&id, "to the beginning").await.unwrap();
    assert_eq!(fs::read_to_string(tree.join("a.txt")).unwrap(), "one\ntwo\nthree\n");
}

#[tokio::test]
async fn a_sandbox_that_somebody_uses_is_left_alone() {
    let world = World::new();
    let sandbox = world.sandbox().await;
    let (_, recovered) = SandboxService::open(world.root.path(), None).await.unwrap();
    assert_eq!((recovered.in_use, recovered.reopened), (vec![sandbox.id().clone()], vec![]));
    write(&sandbox, "a.txt", "changed");
    world.sandboxes.commit(sandbox.id()).await.unwrap();
}

#[tokio::test]
async fn what_is_damaged_is_named_with_the_way_out_and_keeps_nobody_from_the_others() {
    let mut world = World::new();
    let fine = world.sandbox().await.id().clone();
    let mut damaged = Vec::new();
    for name in ["sandbox.json", "base"] {
        let sandbox = world.sandbox().await;
        let path = home(&world, &sandbox).join(name);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        damaged.push(path);
    }
    let recovered = world.reopen().await;
    assert_eq!(recovered.reopened, [fine]);
    let mut named: Vec<_> = recovered.unreadable.iter().map(|(_, error)| error.to_string()).collect();
    named.sort();
    damaged.sort();
    for (text, path) in named.iter().zip(&damaged) {
        assert!(text.contains(&path.canonicalize().unwrap().display().to_string()), "{text}");
        assert!(text.contains("remove its folder"), "{text}");
    }
    assert_eq!(named.len(), 2);
    assert!(damaged.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn a_sandbox_of_a_later_version_is_left_as_it_is() {
    let mut world = World::new();
    let sandbox = world.sandbox().await;
    let path = home(&world, &sandbox).join("sandbox.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen(r#""agentbus_sandbox":1"#, r#""agentbus_sandbox":2"#, 1)).unwrap();
    drop(sandbox);
    let recovered = world.reopen().await;
    let (_, error) = recovered.unreadable.first().unwrap();
    assert!(error.to_string().contains("another version"), "{error}");
    assert!(path.exists());
}

#[tokio::test]
async fn a_sandbox_whose_project_is_gone_is_named() {
    let mut world = World::new();
    let project = tempfile::tempdir().unwrap();
    let plan = PlanId::from("p");
    world.sandboxes.create(&plan, project.path(), SandboxStrategy::Copy).await.unwrap();
    let path = project.path().canonicalize().unwrap();
    drop(project);
    let recovered = world.reopen().await;
    let (_, error) = recovered.unreadable.first().unwrap();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn what_was_not_whole_yet_is_removed_and_what_is_no_sandbox_stays() {
    let mut world = World::new();
    world.sandbox().await;
    world.reopen().await;
    let half = world.root.path().join("HALF");
    fs::create_dir_all(half.join("tree")).unwrap();
    fs::write(half.join("lock"), "").unwrap();
    let theirs = world.root.path().join("notes");
    fs::create_dir(&theirs).unwrap();
    let recovered = world.reopen().await;
    assert_eq!((recovered.removed.len(), recovered.reopened.len()), (1, 1));
    assert!(!half.exists() && theirs.exists());
}

#[tokio::test]
async fn who_works_in_place_and_dies_can_be_undone_and_one_who_lives_is_left_alone() {
    let mut world = World::new();
    let plan = PlanId::from("p");
    let project = world.project.path().to_owned();
    let sandbox = world.sandboxes.create(&plan, &project, SandboxStrategy::InPlace).await.unwrap();
    let id = sandbox.id().clone();
    assert_eq!(sandbox.tree(), project.canonicalize().unwrap());
    write(&sandbox, "a.txt", "changed");
    write(&sandbox, "new.txt", "new");
    fs::remove_file(project.join("src/lib.rs")).unwrap();
    let (_, recovered) = SandboxService::open(world.root.path(), None).await.unwrap();
    assert_eq!(recovered.in_use, std::slice::from_ref(&id));
    drop(sandbox);
    let recovered = world.reopen().await;
    assert_eq!(recovered.reopened, std::slice::from_ref(&id));
    let second = world.sandboxes.create(&plan, &project, SandboxStrategy::InPlace).await;
    assert!(matches!(second, Err(SandboxError::ProjectInUse { .. })), "{second:?}");
    world.sandboxes.rollback(&id, "it was killed").await.unwrap();
    assert_eq!(
        (world.read("a.txt"), world.read("src/lib.rs")),
        ("one\ntwo\nthree\n".into(), "//! A library.\n".into())
    );
    assert_eq!(names(&project), ["a.txt", "src"]);
    world.sandboxes.close(&id).await.unwrap();
    let second = world.sandboxes.create(&plan, &project, SandboxStrategy::InPlace).await.unwrap();
    write(&second, "a.txt", "kept");
    let diff = world.sandboxes.commit(second.id()).await.unwrap();
    assert_eq!((diff.files_changed(), world.read("a.txt").as_str()), (1, "kept"));
    world.sandboxes.close(second.id()).await.unwrap();
    assert_eq!(names(&project), ["a.txt", "src"]);
}

#[tokio::test]
async fn two_services_that_commit_to_one_project_at_once_do_so_one_after_the_other() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().unwrap());
    let (plan, project) = (PlanId::from("p"), world.project.path());
    let others = SandboxService::new(elsewhere.path(), None);
    for is_same_file in [false, true] {
        let ours = world.sandbox().await;
        let theirs = others.create(&plan, project, SandboxStrategy::Copy).await.unwrap();
        let name = if is_same_file { "a.txt" } else { "b.txt" };
        write(&ours, "a.txt", format!("ours {is_same_file}"));
        write(&theirs, name, format!("theirs {is_same_file}"));
        let (one, other) = tokio::join!(world.sandboxes.commit(ours.id()), others.commit(theirs.id()));
        let done = usize::from(one.is_ok()) + usize::from(other.is_ok());
        assert_eq!(done, if is_same_file { 1 } else { 2 }, "{one:?} {other:?}");
        let refused = one.err().or(other.err()).map(conflicts);
        let expected = is_same_file.then(|| vec![("a.txt".to_owned(), ConflictKind::Changed)]);
        assert_eq!(refused, expected);
    }
    assert_eq!(world.read("b.txt"), "theirs false");
}
