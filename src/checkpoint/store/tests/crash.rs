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
                    Err(CheckpointError::Indeterminate(_)) => assert_ne!(now, old, "{kind}, {fault:?}"),
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
                ("quarantined", Ok(()) | Err(CheckpointError::Indeterminate(_)), Err(again)) => {
                    assert!(again.to_string().ends_with("any more: it is in quarantine/"), "{again}");
                }
                (_, _, again) => again.unwrap(),
            }
            assert!(!home.tree().keys().any(|path| path.ends_with(TEMPORARY)), "{kind}, {fault:?}");
            let told = home.told().iter().filter(|told| told.ends_with(kind)).count();
            assert!(told <= 2, "{kind}");
        });
    }
}

/// Each file is where a cleanup says that it is.
#[track_caller]
fn assert_is_where_it_is_said(home: &Home, report: &CleanupReport) {
    let places = |file: &str| {
        [file.to_owned(), format!("{ARCHIVE}/{file}")].map(|place| home.path().join(place).exists())
    };
    for stored in &report.archived {
        assert_eq!(places(&stored.file), [false, true], "{report:?}");
    }
    for malformed in &report.errors {
        let is_moved = malformed.error.kind() == "indeterminate";
        assert_eq!(places(&malformed.file), [!is_moved, is_moved], "{report:?}");
    }
    assert_eq!(report.archived.len() + report.skipped.len() + report.errors.len(), 3, "{report:?}");
}

#[test]
fn a_cleanup_says_of_each_file_where_it_is_whichever_step_fails_or_is_the_last() {
    for fault in [Fault::failing, Fault::dying] {
        at_every_step(fault, |fault| {
            let home = Home::new();
            let old = home.tree();
            match home.store(fault).cleanup(Duration::ZERO) {
                Ok(report) => {
                    assert_is_where_it_is_said(&home, &report);
                    assert_eq!(home.told().len(), report.archived.len(), "{fault:?}");
                }
                Err(error) => {
                    assert_eq!(without_leftovers(&home.tree()), old, "{fault:?}: {error}");
                    assert_eq!(home.told(), Vec::<String>::new(), "{fault:?}: {error}");
                }
            }
        });
    }
}

/// The steps of a verb at which it syncs a folder.
fn syncs(verb: Verb) -> Vec<usize> {
    let (home, probe) = (Home::new(), Fault::none());
    verb(&home, &home.store(&probe)).unwrap();
    let steps = probe.told();
    (0..steps.len()).filter(|at| steps[*at] == "sync folder").collect()
}

#[test]
fn what_may_be_undone_by_a_crash_is_made_durable_in_the_way_that_the_error_says() {
    for (kind, verb) in VERBS {
        let mut undecided = 0;
        for at in syncs(verb) {
            let home = Home::new();
            let failed = verb(&home, &home.store(&Fault::failing(at))).unwrap_err();
            let CheckpointError::Indeterminate(unsure) = failed else { continue };
            undecided += 1;
            let (files, probe) = (home.tree().len(), Fault::none());
            let expected = if kind == "created" { Remedy::Next } else { Remedy::Again };
            assert_eq!(unsure.remedy, expected, "{kind}");
            let again = match unsure.remedy {
                Remedy::Again => verb(&home, &home.store(&probe)),
                Remedy::Next => home.store(&probe).resolve(&home.active).map(drop),
            };
            assert!(matches!(again, Ok(()) | Err(CheckpointError::NotFound { .. })), "{kind}: {again:?}");
            assert_eq!(home.tree().len(), files, "{kind}: nothing is done twice");
            let synced = probe.told().iter().filter(|step| *step == "sync folder").count();
            let is_moved = ["quarantined", "archived"].contains(&kind);
            assert_eq!(
                synced,
                if is_moved { 2 } else { 1 },
                "{kind}: each folder is synced: {:?}",
                probe.told()
            );
        }
        assert!(undecided > 0, "{kind} can be undecided");
    }
}

#[test]
fn what_cannot_be_made_sure_of_is_not_called_sure() {
    for (kind, verb) in
        VERBS.into_iter().filter(|(kind, _)| ["quarantined", "archived", "resolved"].contains(kind))
    {
        let home = Home::new();
        verb(&home, &home.store(&Fault::failing(*syncs(verb).last().unwrap()))).unwrap_err();
        at_every_step(Fault::failing, |fault| {
            let again = verb(&home, &home.store(fault));
            let is_synced = fault.told().iter().filter(|step| *step == "sync folder").count() > 0;
            if fault.struck().is_some_and(|step| step == "sync folder") {
                let error = again.unwrap_err();
                assert!(
                    ["indeterminate", "not_applied"].contains(&error.kind()),
                    "{kind}, {fault:?}: {error}"
                );
            } else if !fault.has_struck() {
                assert!(is_synced, "{kind}");
            }
        });
    }
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
