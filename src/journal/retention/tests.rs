use super::*;
use crate::journal::FileSystem;

#[test]
fn a_writer_that_holds_the_lock_is_waited_for_and_then_told() {
    let directory = tempfile::tempdir().unwrap();
    let storage = FileSystem::new(directory.path());
    Manifest::new().write(&storage).unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    let held = lock(&storage, Duration::ZERO).unwrap();
    let collect = |mode| reader.collect(&Retention::new().max_bytes(0), mode, Duration::ZERO);
    assert!(matches!(collect(GcMode::Remove), Err(GcError::Locked)));
    assert!(collect(GcMode::DryRun).is_ok(), "looking takes no lock");
    drop(held);
    assert_eq!(collect(GcMode::Remove).unwrap(), Collected::default());
}

#[test]
fn without_a_manifest_nothing_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let storage = FileSystem::new(directory.path());
    storage.create_folder(SEGMENTS).unwrap();
    storage.open("segments/00000000000000000001.jsonl", Open::Create).unwrap();
    let reader = JournalReader::open(directory.path()).unwrap();
    for mode in [GcMode::DryRun, GcMode::Remove] {
        assert!(matches!(reader.collect_garbage(Duration::ZERO, mode), Err(GcError::NoManifest)));
    }
}

#[test]
fn by_default_nothing_goes_and_the_silent_are_waited_for_for_seven_days() {
    let retention = Retention::new();
    assert!(retention.keeps_all());
    assert_eq!(retention.stale_after, Some(Duration::from_hours(7 * 24)));
    assert_eq!(retention.stale_after(None).stale_after, None);
}
