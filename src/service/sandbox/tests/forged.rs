//! What a command in the tree puts where a change has its own files.

use super::stand::{ACTS, Act, Refusing, Stand};
use super::*;
use crate::event::SandboxRolledBack;
use crate::service::sandbox::place::open_root;
use crate::service::sandbox::record;
use crate::testing::RecordingEventBus;

fn staging(stand: &Stand) -> String {
    format!(".agentbus-staging-{}", stand.sandbox.id())
}

/// What stands in a folder under names of ours.
fn ours(root: &Path) -> Look {
    let mut found = look(root);
    found.retain(|path, _| path.to_string_lossy().starts_with(".agentbus"));
    found
}

/// Something of somebody else's at that place.
fn put(kind: &str, at: &Path) {
    match kind {
        "folder" => {
            fs::create_dir(at).unwrap();
            fs::write(at.join("log"), "theirs").unwrap();
            set_mode(at, 0o755);
        }
        "link" => symlink("theirs", at).unwrap(),
        _ => {
            fs::write(at, "theirs").unwrap();
            set_mode(at, if kind == "file" { 0o644 } else { 0o600 });
        }
    }
}

#[tokio::test]
async fn what_a_command_put_at_a_name_of_ours_is_moved_aside_and_stays() {
    for act in ACTS {
        for kind in ["folder", "link", "file", "private file"] {
            for end in ["", ".ended"] {
                let stand = Stand::new(SandboxStrategy::Copy, &Refusing::new(&[])).await;
                let place = stand.place(act);
                put(kind, &place.join(staging(&stand) + end));
                let before = ours(&place);
                let told = format!("{act:?} {kind} {end}");
                stand.act(act).await.expect(&told);
                let after: Look = ours(&place)
                    .into_iter()
                    .map(|(path, what)| (path.to_string_lossy().replace("originals", "staging").into(), what))
                    .collect();
                assert_eq!(after, before, "{told}");
                assert!(!place.join(staging(&stand) + end).exists(), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_private_folder_that_came_since_it_was_looked_for_them_is_left_alone() {
    #[derive(Debug)]
    struct Coming(PathBuf, Mutex<Option<String>>);
    impl disk::Seam for Coming {
        fn before(&self, step: &str) -> io::Result<()> {
            // The last step before the folder is made.
            if step.starts_with("rename over way back")
                && let Some(name) = self.1.lock().unwrap().take()
            {
                let path = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
                let home = path.filter(|path| path.join("tree").exists()).last().unwrap();
                fs::create_dir(home.join("tree").join(&name)).unwrap();
                fs::write(home.join("tree").join(&name).join("new-0"), "ours").unwrap();
                set_mode(&home.join("tree").join(name), 0o700);
            }
            Ok(())
        }
    }
    let (project, root) = (project(SandboxStrategy::Copy), tempfile::tempdir().unwrap());
    let coming = Arc::new(Coming(root.path().to_owned(), Mutex::default()));
    let service = SandboxService::on(root.path().to_owned(), None, Disk::with(coming.clone()));
    let sandbox = service.create(&PlanId::from("p"), project.path(), SandboxStrategy::Copy).await.unwrap();
    drop(sandbox.write_access().unwrap());
    fs::write(sandbox.tree().join("new"), "new").unwrap();
    let name = format!(".agentbus-staging-{}", sandbox.id());
    *coming.1.lock().unwrap() = Some(name.clone());
    let refused = service.rollback(sandbox.id(), "test").await;
    assert!(matches!(refused, Err(SandboxError::Io { .. })), "{refused:?}");
    assert!(sandbox.tree().join(&name).join("new-0").exists());
    service.rollback(sandbox.id(), "again").await.unwrap();
    assert!(ours(&sandbox.tree()).is_empty());
}

/// Writes a trace that says that a change by that owner was finished.
fn forge(folder: &Path, name: &str, owner: &Path) {
    let (dir, trace) =
        (open_root(folder).unwrap(), serde_json::json!({"owner": owner, "ending": "finished"}));
    record::write(&Disk::default(), (&dir, OsStr::new(name)), "trace of a change", &trace).unwrap();
}

#[tokio::test]
async fn a_trace_that_is_not_as_ours_are_is_not_believed() {
    for fault in ["none", "another's", "readable", "a link", "damaged"] {
        let stand = Stand::new(SandboxStrategy::Copy, &Refusing::deadly("rename over log")).await;
        drop(stand.act(Act::RollBack).await);
        let (tree, name) = (stand.sandbox.tree(), staging(&stand) + ".ended");
        let (project, root, id, _) = stand.gone();
        let home = root.path().canonicalize().unwrap().join(id.to_string());
        let trace = tree.join(&name);
        forge(&tree, &name, if fault == "another's" { root.path() } else { &home });
        match fault {
            "readable" => set_mode(&trace, 0o644),
            "a link" => {
                fs::rename(&trace, tree.join("theirs")).unwrap();
                symlink("theirs", &trace).unwrap();
            }
            "damaged" => fs::write(&trace, "theirs").unwrap(),
            _ => {}
        }
        let bus = RecordingEventBus::new();
        let heard: Arc<dyn EventBus> = Arc::new(bus.clone());
        let (service, recovered) = SandboxService::open(root.path(), Some(heard)).await.unwrap();
        let told = format!("{fault}: {recovered:?}");
        let is_believed = service.get(&id).expect(&told).state() == SandboxState::RolledBack;
        assert_eq!(is_believed, fault == "none", "{told}");
        assert_eq!(bus.all::<SandboxRolledBack>().len(), usize::from(is_believed), "{told}");
        if !is_believed {
            service.rollback(&id, "again").await.expect(&told);
        }
        drop(project);
    }
}

#[tokio::test]
async fn whoever_sees_to_anothers_change_leaves_its_trace_whatever_stands_there() {
    for kind in ["folder", "link", "file"] {
        let stand = Stand::new(SandboxStrategy::Copy, &Refusing::deadly("rename over read only")).await;
        drop(stand.act(Act::Commit).await);
        for end in [".ended", ".ended.tmp"] {
            put(kind, &stand.project.path().join(staging(&stand) + end));
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let other = SandboxService::new(elsewhere.path(), None);
        let plan = PlanId::from("q");
        other.create(&plan, stand.project.path(), SandboxStrategy::Copy).await.expect(kind);
        // Only by the trace it is known that it was finished.
        fs::write(stand.project.path().join("changed"), "since").unwrap();
        let (project, root, id, _) = stand.gone();
        let (_service, recovered) = SandboxService::open(root.path(), None).await.unwrap();
        assert_eq!(recovered.finished, [id], "{kind}: {recovered:?}");
        assert!(ours(project.path()).keys().all(|path| path.to_string_lossy().contains("originals")));
    }
}
