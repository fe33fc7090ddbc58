//! Every storage keeps the contract, and the one for tests goes wrong as it is told.

use std::cell::Cell;
use std::io::ErrorKind;

use agentbus::journal::{FileSystem, Open, Storage, StorageFile};
use agentbus::testing::{Fault, FaultyStorage, Operation, When, check_storage};

#[test]
fn a_directory_on_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    check_storage(|| {
        made.set(made.get() + 1);
        FileSystem::new(folder.path().join(made.get().to_string()))
    });
}

#[test]
fn the_storage_for_tests_keeps_the_contract() {
    check_storage(FaultyStorage::new);
}

#[test]
fn what_dead_processes_and_crashed_machines_leave_keeps_the_contract() {
    check_storage(|| FaultyStorage::new().fork_process());
    check_storage(|| FaultyStorage::new().restart_process());
    check_storage(|| FaultyStorage::new().crash_machine(1));
}

/// A storage with an empty file, open.
fn with_file() -> (FaultyStorage, Box<dyn StorageFile>) {
    let storage = FaultyStorage::new();
    storage.create_folder("").unwrap();
    let file = storage.open("file", Open::Create).unwrap();
    storage.sync_folder("").unwrap();
    (storage, file)
}

fn bytes_of(storage: &FaultyStorage) -> Vec<u8> {
    let file = storage.open("file", Open::Read).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn calls_fail_tear_and_fall_short_where_it_was_planned() {
    let (storage, file) = with_file();
    let next = storage.calls() + 1;
    storage.inject(When::Call(next + 1), Fault::Tear(2));
    storage.inject(When::Call(next + 2), Fault::Short(1));
    storage.inject(When::Call(next + 3), Fault::Fail(ErrorKind::Interrupted));
    assert_eq!(file.append(b"ab").unwrap(), 2);
    assert!(file.append(b"cde").is_err());
    assert_eq!(file.append(b"fg").unwrap(), 1);
    assert_eq!(file.append(b"h").unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(file.append(b"i").unwrap(), 1);
    let trace = storage.trace();
    let appends: Vec<_> = trace.iter().filter(|call| call.starts_with("append ")).collect();
    let told = [
        "append file 2",
        "append file 3: Tear(2)",
        "append file 2: Short(1)",
        "append file 1: Fail(Interrupted)",
        "append file 1",
    ];
    assert_eq!(appends, told);
    assert_eq!(storage.calls(), trace.len() as u64);
    assert_eq!(bytes_of(&storage), b"abcdfi");
}

#[test]
fn kinds_of_calls_fail_by_the_name_of_what_they_touch_until_healed() {
    let (storage, file) = with_file();
    storage.inject(When::Every(Operation::Sync, "segments/"), Fault::Fail(ErrorKind::Other));
    file.sync().unwrap();
    storage.inject(When::Every(Operation::Sync, ""), Fault::Fail(ErrorKind::Other));
    storage.inject(When::Next(Operation::Append, "fi"), Fault::Fail(ErrorKind::Other));
    assert!(file.sync().is_err() && file.sync().is_err());
    assert!(file.append(b"a").is_err());
    file.append(b"a").unwrap();
    storage.heal();
    file.sync().unwrap();
}

#[test]
fn a_frozen_process_changes_nothing_and_its_locks_are_free() {
    let (storage, file) = with_file();
    assert!(file.try_lock().unwrap());
    let other = storage.fork_process();
    let rival = other.open("file", Open::Append).unwrap();
    assert!(!rival.try_lock().unwrap());
    storage.inject(When::Next(Operation::Append, ""), Fault::Freeze);
    assert!(file.append(b"never").is_err());
    assert!(file.sync().is_err() && file.len().is_err() && storage.list("").is_err());
    assert!(rival.try_lock().unwrap());
    drop(file);
    assert!(rival.try_lock().unwrap(), "a dead handle gives up nothing that another has");
    assert_eq!(bytes_of(&other), b"");
}

#[test]
fn a_stopped_process_waits_and_keeps_its_locks() {
    let (storage, file) = with_file();
    let other = storage.fork_process();
    assert!(file.try_lock().unwrap());
    storage.inject(When::Next(Operation::Append, ""), Fault::Stop);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| file.append(b"late").unwrap());
        storage.wait_until_stopped();
        let meanwhile = (bytes_of(&other), other.open("file", Open::Append).unwrap().try_lock().unwrap());
        storage.resume();
        assert_eq!(waiting.join().unwrap(), 4);
        assert_eq!(meanwhile, (Vec::new(), false));
    });
    assert_eq!(bytes_of(&other), b"late");
}

#[test]
fn a_stopped_process_can_be_killed() {
    let (storage, file) = with_file();
    storage.inject(When::Next(Operation::Sync, ""), Fault::Stop);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| file.sync());
        storage.wait_until_stopped();
        storage.freeze();
        assert!(waiting.join().unwrap().is_err());
    });
}

#[test]
fn a_full_disk_takes_what_there_is_room_for_and_removals_make_room() {
    let (storage, file) = with_file();
    let large = storage.open("large", Open::Create).unwrap();
    large.append(&[b'x'; 10]).unwrap();
    storage.fill_after(13);
    assert_eq!(file.append(b"12345").unwrap(), 3);
    assert_eq!(file.append(b"45").unwrap_err().kind(), ErrorKind::StorageFull);
    storage.remove("large").unwrap();
    assert_eq!(file.append(b"45").unwrap_err().kind(), ErrorKind::StorageFull, "it is still open");
    drop(large);
    assert_eq!(file.append(b"45").unwrap(), 2);
    file.cut(1).unwrap();
    assert_eq!(storage.used(), 1);
    storage.fill_after(None);
    assert_eq!(file.append(&[b'x'; 20]).unwrap(), 20);
}

#[test]
fn a_read_only_disk_is_read_and_locked_but_not_changed() {
    let (storage, file) = with_file();
    file.append(b"before").unwrap();
    storage.read_only(true);
    let refused = Some(ErrorKind::ReadOnlyFilesystem);
    let kind = |error: Option<std::io::Error>| error.map(|error| error.kind());
    assert_eq!(kind(file.append(b"x").err()), refused);
    assert_eq!(kind(file.cut(0).err()), refused);
    assert_eq!(kind(file.sync().err()), refused, "there is something to write");
    assert_eq!(kind(storage.open("file", Open::Append).err()), refused);
    assert_eq!(kind(storage.open("new", Open::Create).err()), refused);
    assert_eq!(kind(storage.rename("file", "new").err()), refused);
    assert_eq!(kind(storage.remove("file").err()), refused);
    assert!(file.try_lock().unwrap());
    assert_eq!(bytes_of(&storage), b"before");
    storage.read_only(false);
    file.sync().unwrap();
}

#[test]
fn a_directory_that_vanished_comes_back_as_it_was() {
    let (storage, file) = with_file();
    storage.vanish();
    assert!(!file.is_current().unwrap());
    assert_eq!(storage.list("").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(file.append(b"unseen").unwrap(), 6, "what is open stays open");
    storage.create_folder("").unwrap();
    storage.open("other", Open::Create).unwrap();
    storage.reappear();
    assert!(file.is_current().unwrap());
    assert_eq!(storage.list("").unwrap(), ["file"]);
    assert_eq!(bytes_of(&storage), b"unseen");
}

#[test]
fn a_dead_process_loses_nothing_and_a_crash_of_the_machine_what_was_not_synced() {
    let (storage, file) = with_file();
    file.append(b"synced").unwrap();
    file.sync().unwrap();
    file.append(b" written").unwrap();
    assert!(file.try_lock().unwrap());
    let left = storage.restart_process();
    assert_eq!(bytes_of(&left), b"synced written");
    assert!(left.open("file", Open::Append).unwrap().try_lock().unwrap());
    assert_eq!(left.boot(), storage.boot());
    let crashed: Vec<_> = (0..50).map(|seed| left.crash_machine(seed)).collect();
    assert!(
        crashed.iter().all(|left| bytes_of(left).starts_with(b"synced") && left.boot() != storage.boot())
    );
    assert!(crashed.iter().any(|left| bytes_of(left) == b"synced"));
    assert_eq!(bytes_of(&storage.crash_machine(3)), bytes_of(&storage.crash_machine(3)));
    file.append(b", and goes on").unwrap();
    assert_eq!(bytes_of(&left), b"synced written", "what is left is a copy");
}

#[test]
fn a_sync_that_gives_up_loses_what_later_syncs_do_not_write() {
    let (storage, file) = with_file();
    file.append(b"given up, ").unwrap();
    storage.inject(When::Next(Operation::Sync, ""), Fault::GiveUp);
    assert!(file.sync().is_err());
    file.append(b"synced").unwrap();
    file.sync().unwrap();
    assert_eq!(bytes_of(&storage.restart_process()), b"given up, synced");
    let lost = |seed| bytes_of(&storage.crash_machine(seed)) == b"\0\0\0\0\0\0\0\0\0\0synced";
    assert!((0..50).any(lost));
}

#[test]
fn a_file_whose_folder_was_not_synced_may_be_gone() {
    let (storage, _file) = with_file();
    storage.open("other", Open::Create).unwrap().sync().unwrap();
    let names = |seed| storage.crash_machine(seed).list("").unwrap();
    assert!((0..50).any(|seed| names(seed) == ["file"]) && (0..50).any(|seed| names(seed).len() == 2));
    storage.inject(When::Next(Operation::SyncFolder, ""), Fault::GiveUp);
    assert!(storage.sync_folder("").is_err());
    storage.sync_folder("").unwrap();
    assert!((0..50).any(|seed| names(seed) == ["file"]));
}
