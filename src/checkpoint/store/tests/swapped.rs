//! Somebody puts a link in the place of a file, or of a folder, at every step of every verb.

use std::os::unix::fs::symlink;

use super::*;

/// What is put in whose place: links out of the folder.
fn links(home: &Home) -> Vec<(PathBuf, &'static str)> {
    let folder = home.path();
    [
        (home.active.as_str(), "../outside"),
        (home.resolved.as_str(), "../outside"),
        (MALFORMED, "../outside"),
        (TEMPORARY, "../outside"),
        (LOCK, "../outside"),
        ("archive", ".."),
        ("quarantine", ".."),
        ("quarantine/.tmp", "../../outside"),
    ]
    .map(|(name, target)| (folder.join(name), target))
    .to_vec()
}

#[test]
fn no_link_that_comes_at_any_step_leads_a_verb_out() {
    for (kind, verb) in VERBS {
        for which in 0..links(&Home::new()).len() {
            at_every_step(
                |at| Fault::interfering(at, || {}),
                |probe| {
                    let home = Home::new();
                    let (link, target) = links(&home).swap_remove(which);
                    let at = probe.place();
                    let fault = Fault::interfering(at, move || {
                        drop(fs::remove_file(&link));
                        drop(fs::remove_dir_all(&link));
                        drop(symlink(target, &link));
                    });
                    drop(verb(&home, &home.store(&fault)));
                    home.assert_outside_untouched();
                    // The probe ends where the verb does.
                    let whole = Home::new();
                    drop(verb(&whole, &whole.store(probe)));
                    assert!(!home.told().iter().any(|told| !told.ends_with(kind)), "{kind}");
                },
            );
        }
    }
}

#[test]
fn what_reads_is_led_out_by_no_link_either() {
    let reads: [fn(&Home, &CheckpointStore) -> String; 3] = [
        |home, store| format!("{:?}", store.get(&home.active)),
        |_, store| format!("{:?}", store.list(&crate::checkpoint::CheckpointFilter::all())),
        |_, store| format!("{:?}", store.resume(&"s-1".into())),
    ];
    for read in reads {
        for at in 0..12 {
            let home = Home::new();
            // It would be a sound one, were it read.
            let sound =
                fs::read_to_string(home.path().join(&home.active)).unwrap().replace("planner", "LED-OUT");
            fs::write(home.temp.path().join("outside"), &sound).unwrap();
            let link = home.path().join(&home.active);
            let fault = Fault::interfering(at, move || {
                fs::remove_file(&link).unwrap();
                symlink("../outside", &link).unwrap();
            });
            let told = read(&home, &home.store(&fault));
            assert!(!told.contains("LED-OUT"), "{told}");
        }
    }
}
