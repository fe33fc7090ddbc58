//! Every step of every verb that writes fails once, and is once the last.

use super::*;

/// Each file of a folder is as it was, or as it is after the verb: nothing in between, and nothing else.
#[track_caller]
fn assert_old_or_new(fault: &Fault, old: &Tree, now: &Tree, file: &Path) {
    let (content, mode) = &now[file];
    let (old_content, old_mode) = &old[file];
    assert_eq!(mode, old_mode, "{fault:?}: the mode of {file:?}");
    if content != old_content {
        // What has changed is sound.
        Rules::default().checkpoint(content).unwrap();
    }
}

#[test]
fn each_verb_leaves_the_old_or_the_new_whichever_step_fails_or_is_the_last() {
    for (kind, verb) in VERBS {
        for fault in [Fault::failing, Fault::dying] {
            at_every_step(fault, |fault| {
                let home = Home::new();
                let old = home.tree();
                let done = verb(&home, &home.store(fault));
                let now = home.tree();
                let left: Vec<_> = now.keys().filter(|path| path.ends_with(TEMPORARY)).cloned().collect();
                for file in old.keys() {
                    let moved = ["archive", "quarantine"].map(|folder| Path::new(folder).join(file));
                    let there: Vec<_> =
                        moved.iter().chain([file]).filter(|path| now.contains_key(*path)).collect();
                    let [there] = there[..] else { panic!("{kind}, {fault:?}: {file:?} is in {there:?}") };
                    if there == file {
                        assert_old_or_new(fault, &old, &now, file);
                    } else {
                        assert_eq!(now[there], old[file], "{kind}, {fault:?}: moved as it was");
                    }
                }
                match &done {
                    Ok(()) => {
                        assert_ne!(now, old, "{kind}, {fault:?}");
                        assert_eq!(home.told().last(), Some(&format!("session_checkpoint.{kind}")));
                        assert_eq!(left, Vec::<PathBuf>::new());
                    }
                    // Of one file; others may have been moved.
                    Err(_) if kind == "archived" => {}
                    Err(CheckpointError::Indeterminate { .. }) => assert_ne!(now, old, "{kind}, {fault:?}"),
                    Err(error) => {
                        assert_eq!(home.told(), Vec::<String>::new(), "{kind}, {fault:?}: {error}");
                        assert_eq!(without_leftovers(&now), old, "{kind}, {fault:?}: {error}");
                    }
                }
            });
        }
    }
}

/// A tree without what a verb that died may leave: temporary files, and records of what was not moved.
fn without_leftovers(tree: &Tree) -> Tree {
    let is_leftover = |path: &Path| {
        path.ends_with(TEMPORARY) || path == Path::new("quarantine").join(format!("{MALFORMED}.record"))
    };
    tree.iter()
        .filter(|(path, _)| !is_leftover(path))
        .map(|(path, file)| (path.clone(), file.clone()))
        .collect()
}

#[test]
fn each_verb_goes_on_from_where_one_died() {
    for (kind, verb) in VERBS {
        at_every_step(Fault::dying, |fault| {
            let home = Home::new();
            let died = verb(&home, &home.store(fault));
            let again = verb(&home, &home.store(&Fault::none()));
            match (kind, &died, again) {
                // What was moved is there no more.
                ("quarantined", Ok(()) | Err(CheckpointError::Indeterminate { .. }), again) => {
                    assert!(matches!(again, Err(CheckpointError::NotFound { .. })));
                }
                ("archived", _, _) => assert!(home.path().join("archive").join(&home.resolved).is_file()),
                (_, _, again) => again.unwrap(),
            }
            assert!(!home.tree().keys().any(|path| path.ends_with(TEMPORARY)), "{kind}, {fault:?}");
            let told = home.told().iter().filter(|told| told.ends_with(kind)).count();
            assert!(told <= 2, "{kind}");
        });
    }
}

#[test]
fn what_may_be_undone_by_a_crash_is_made_durable_by_the_same_call_again() {
    let home = Home::new();
    let steps = {
        let probe = Fault::none();
        let other = Home::new();
        other.store(&probe).resolve(&other.active).unwrap();
        probe.told()
    };
    assert_eq!(steps.last().unwrap(), "sync folder");
    let failing = Fault::failing(steps.len() - 1);
    let undecided = home.store(&failing).resolve(&home.active);
    assert!(matches!(undecided, Err(CheckpointError::Indeterminate { .. })), "{undecided:?}");
    let probe = Fault::none();
    let again = home.store(&probe).resolve(&home.active).unwrap();
    assert_eq!(again.change, Change::Repeated);
    assert_eq!(probe.told().last().unwrap(), "sync folder");
    assert!(!probe.told().iter().any(|step| step.starts_with("create") || step.starts_with("rename")));
}

#[test]
fn what_reads_takes_no_step_that_writes() {
    let home = Home::new();
    let probe = Fault::none();
    let store = home.store(&probe);
    store.get(&home.active).unwrap();
    store.list(&crate::checkpoint::CheckpointFilter::all()).unwrap();
    store.resume(&"s-1".into()).unwrap();
    let reads = ["open", "read", "list"];
    for step in probe.told() {
        assert!(reads.contains(&step.split(' ').next().unwrap()), "{step}");
        assert!(!step.ends_with(LOCK), "{step}");
    }
    assert_eq!(store.get(&home.active).unwrap().checkpoint.status, CheckpointStatus::Active);
}
