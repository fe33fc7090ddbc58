//! The contract of [`Storage`], as a suite: [`check_storage`].

use std::io::{self, ErrorKind};

use crate::journal::{Open, Storage, StorageFile};

/// Checks that the storages that `make` makes keep the contract of [`Storage`]; what they spare in a crash of the
/// machine is not checked. Each check has a storage of its own, whose directory does not exist yet.
///
/// # Panics
/// If a storage breaks the contract; the message says how.
pub fn check_storage<S: Storage>(make: impl Fn() -> S) {
    the_directory_is_there_once_it_is_made(&make());
    let checks: [fn(&S); 14] = [
        what_has_to_exist_is_not_made,
        what_must_not_exist_is_never_written_over,
        a_lock_file_is_made_and_then_kept,
        appends_go_to_the_end_whoever_makes_them,
        reads_end_where_the_file_ends,
        a_cut_file_goes_on_at_the_cut,
        a_file_opened_to_read_is_not_written,
        a_file_is_current_while_it_has_its_name,
        one_open_file_has_the_lock,
        folders_list_what_stands_in_them,
        a_rename_takes_the_place_of_what_was_there,
        a_removed_file_can_still_be_read_where_it_is_open,
        a_folder_is_no_file,
        many_threads_append_whole_writes,
    ];
    for check in checks {
        let storage = make();
        storage.create_folder("").expect("the directory can be made");
        storage.create_folder("folder").expect("a folder can be made");
        check(&storage);
    }
}

/// A new file that holds `bytes`.
fn file_of(storage: &impl Storage, name: &str, bytes: &[u8]) -> Box<dyn StorageFile> {
    let file = storage.open(name, Open::Create).expect("a file can be made");
    write(&*file, bytes);
    file
}

fn write(file: &dyn StorageFile, bytes: &[u8]) {
    let written = file.append(bytes).expect("a file can be written");
    assert_eq!(written, bytes.len(), "nothing hinders a small write");
}

/// All that a file holds, read through another opening of it.
fn bytes_of(storage: &impl Storage, name: &str) -> Vec<u8> {
    all_of(&*storage.open(name, Open::Read).expect("a file can be read"))
}

fn all_of(file: &dyn StorageFile) -> Vec<u8> {
    let len = file.len().expect("a file has a length");
    let mut bytes = vec![0; usize::try_from(len).expect("the files of the checks are small")];
    let read = file.read_at(&mut bytes, 0).expect("a file can be read");
    assert_eq!(read, bytes.len(), "nothing hinders a small read");
    bytes
}

fn kind<T>(outcome: io::Result<T>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

fn the_directory_is_there_once_it_is_made(storage: &impl Storage) {
    let missing = Some(ErrorKind::NotFound);
    assert_eq!(kind(storage.list("")), missing, "the directory is not there yet");
    assert_eq!(kind(storage.open("file", Open::Create)), missing, "no file is made without it");
    assert_eq!(kind(storage.sync_folder("")), missing, "what is not there is not synced");
    for _again in 0..2 {
        assert_eq!(kind(storage.create_folder("")), None, "making it is fine, twice too");
    }
    assert_eq!(storage.list("").expect("it is there"), Vec::<String>::new());
    assert_eq!(kind(storage.sync_folder("")), None);
    assert_eq!(storage.boot(), storage.boot(), "the machine has not restarted");
}

fn what_has_to_exist_is_not_made(storage: &impl Storage) {
    let missing = Some(ErrorKind::NotFound);
    for name in ["file", "folder/file", "missing/file"] {
        assert_eq!(kind(storage.open(name, Open::Read)), missing, "reading {name}");
        assert_eq!(kind(storage.open(name, Open::Append)), missing, "appending to {name}");
        assert_eq!(kind(storage.remove(name)), missing, "removing {name}");
        assert_eq!(kind(storage.rename(name, "other")), missing, "renaming {name}");
    }
    for how in [Open::Create, Open::Lock] {
        assert_eq!(kind(storage.open("missing/file", how)), missing, "no folder is made for a file");
    }
    assert_eq!(kind(storage.create_folder("missing/folder")), missing, "nor for a folder");
    assert_eq!(kind(storage.list("missing")), missing);
}

fn what_must_not_exist_is_never_written_over(storage: &impl Storage) {
    drop(file_of(storage, "folder/file", b"first"));
    assert_eq!(kind(storage.open("folder/file", Open::Create)), Some(ErrorKind::AlreadyExists));
    assert_eq!(bytes_of(storage, "folder/file"), b"first");
}

fn a_lock_file_is_made_and_then_kept(storage: &impl Storage) {
    let lock = storage.open("lock", Open::Lock).expect("it is made");
    write(&*lock, b"held by nobody");
    let again = storage.open("lock", Open::Lock).expect("it is there");
    assert_eq!(all_of(&*again), b"held by nobody", "opening it again cuts nothing");
}

fn appends_go_to_the_end_whoever_makes_them(storage: &impl Storage) {
    let one = file_of(storage, "file", b"one ");
    let other = storage.open("file", Open::Append).expect("it is there");
    write(&*other, b"two ");
    write(&*one, b"three");
    assert_eq!(one.append(b"").expect("nothing can be written"), 0);
    assert_eq!((one.len().ok(), other.len().ok()), (Some(13), Some(13)));
    assert_eq!(bytes_of(storage, "file"), b"one two three");
    assert_eq!((kind(one.sync()), kind(other.sync())), (None, None));
}

fn reads_end_where_the_file_ends(storage: &impl Storage) {
    let file = file_of(storage, "file", b"0123456789");
    let mut bytes = [b'x'; 4];
    assert_eq!(file.read_at(&mut bytes, 3).ok(), Some(4));
    assert_eq!(&bytes, b"3456");
    assert_eq!(file.read_at(&mut bytes, 8).ok(), Some(2), "fewer bytes at the end");
    assert_eq!(&bytes, b"8956", "no others are touched");
    for behind in [10, 11, u64::from(u32::MAX)] {
        assert_eq!(file.read_at(&mut bytes, behind).ok(), Some(0), "none behind it");
    }
    assert_eq!(file.read_at(&mut [], 0).ok(), Some(0));
}

fn a_cut_file_goes_on_at_the_cut(storage: &impl Storage) {
    let file = file_of(storage, "file", b"0123456789");
    assert_eq!(kind(file.cut(10)), None, "to its own length");
    assert_eq!(kind(file.cut(4)), None);
    assert_eq!(file.len().ok(), Some(4));
    write(&*file, b"more");
    assert_eq!(bytes_of(storage, "file"), b"0123more");
    assert_eq!(kind(file.cut(0)), None);
    assert_eq!(bytes_of(storage, "file"), b"");
}

fn a_file_opened_to_read_is_not_written(storage: &impl Storage) {
    drop(file_of(storage, "file", b"bytes"));
    let file = storage.open("file", Open::Read).expect("it is there");
    assert!(file.append(b"more").is_err() && file.cut(1).is_err(), "it is open for reading only");
    assert_eq!(bytes_of(storage, "file"), b"bytes");
}

fn a_file_is_current_while_it_has_its_name(storage: &impl Storage) {
    let is_current = |file: &dyn StorageFile| file.is_current().expect("it can be told");
    let [removed, moved, replaced] =
        ["folder/removed", "folder/moved", "folder/replaced"].map(|name| file_of(storage, name, b"old"));
    assert!(is_current(&*removed) && is_current(&*moved) && is_current(&*replaced));
    storage.remove("folder/removed").expect("it is there");
    assert!(!is_current(&*removed), "it has no name");
    let new = file_of(storage, "folder/removed", b"old");
    assert!(!is_current(&*removed), "another file has its name");
    assert!(is_current(&*new));
    storage.rename("folder/moved", "folder/replaced").expect("it is there");
    assert!(!is_current(&*moved), "it has another name than it was opened by");
    assert!(!is_current(&*replaced), "another file has its name");
    assert!(is_current(&*storage.open("folder/replaced", Open::Read).expect("it is there")));
}

fn one_open_file_has_the_lock(storage: &impl Storage) {
    let open = |name| storage.open(name, Open::Lock).expect("it can be made");
    let locks = |file: &dyn StorageFile| file.try_lock().expect("it can be tried");
    let (one, two, other) = (open("lock"), open("lock"), open("other"));
    assert_eq!(kind(one.unlock()), None, "giving up what it does not have is fine");
    assert!(locks(&*one));
    assert!(locks(&*one), "who has it may take it again");
    assert!(!locks(&*two), "nobody else has it meanwhile");
    assert_eq!(kind(two.unlock()), None);
    assert!(!locks(&*two), "nobody gives up what another has");
    assert!(locks(&*other), "each file has a lock of its own");
    write(&*two, b"locks hinder no writing");
    assert_eq!(kind(one.unlock()), None);
    assert!(locks(&*two) && !locks(&*one), "a lock given up is free");
    drop(two);
    assert!(locks(&*one), "a file that is dropped gives its lock up");
    storage.remove("lock").expect("it is there");
    assert!(locks(&*open("lock")), "the lock goes with the file, not with the name");
}

fn folders_list_what_stands_in_them(storage: &impl Storage) {
    assert_eq!(storage.list("folder").expect("it is there"), Vec::<String>::new());
    for name in ["folder/a", "folder/b", "folder/c", "d"] {
        drop(file_of(storage, name, b""));
    }
    storage.remove("folder/a").expect("it is there");
    storage.rename("folder/b", "folder/e").expect("it is there");
    let mut names = storage.list("folder").expect("it is there");
    names.sort();
    assert_eq!(names, ["c", "e"], "the names without their folder");
    let names = storage.list("").expect("it is there");
    assert!(
        names.contains(&"d".to_owned()) && !names.contains(&"c".to_owned()),
        "what stands there, no deeper"
    );
    assert_eq!(kind(storage.list("d")), Some(ErrorKind::NotADirectory));
    assert_eq!(kind(storage.sync_folder("folder")), None);
}

fn a_rename_takes_the_place_of_what_was_there(storage: &impl Storage) {
    drop(file_of(storage, "file", b"old"));
    drop(file_of(storage, "folder/new", b"new"));
    storage.rename("folder/new", "file").expect("it is there");
    assert_eq!(bytes_of(storage, "file"), b"new");
    assert_eq!(kind(storage.open("folder/new", Open::Read)), Some(ErrorKind::NotFound));
    assert_eq!(kind(storage.rename("file", "missing/file")), Some(ErrorKind::NotFound));
    assert!(storage.rename("file", "folder").is_err(), "no file takes the place of a folder");
    assert_eq!(kind(storage.rename("file", "file")), None, "to its own name");
    assert_eq!(bytes_of(storage, "file"), b"new", "a rename that fails changes nothing");
}

fn a_removed_file_can_still_be_read_where_it_is_open(storage: &impl Storage) {
    let file = file_of(storage, "folder/file", b"bytes");
    storage.remove("folder/file").expect("it is there");
    assert_eq!(kind(storage.remove("folder/file")), Some(ErrorKind::NotFound));
    drop(file_of(storage, "folder/file", b"others"));
    assert_eq!(all_of(&*file), b"bytes");
    write(&*file, b" and more");
    assert_eq!(bytes_of(storage, "folder/file"), b"others", "the new file of that name is another");
}

fn a_folder_is_no_file(storage: &impl Storage) {
    for how in [Open::Read, Open::Append, Open::Create, Open::Lock] {
        assert!(storage.open("folder", how).is_err(), "{how:?}");
    }
    assert!(storage.remove("folder").is_err());
    drop(file_of(storage, "file", b""));
    assert_eq!(kind(storage.create_folder("file")), Some(ErrorKind::AlreadyExists), "a file stands there");
    assert_eq!(kind(storage.create_folder("folder")), None, "one that is there is fine");
    assert_eq!(kind(storage.open("file/deeper", Open::Create)), Some(ErrorKind::NotADirectory));
}

fn many_threads_append_whole_writes(storage: &impl Storage) {
    const WRITES: usize = 50;
    let file = file_of(storage, "file", b"");
    std::thread::scope(|scope| {
        for digit in b'0'..b'4' {
            let file = &*file;
            scope.spawn(move || (0..WRITES).for_each(|_| write(file, &[digit; 8])));
        }
    });
    let bytes = bytes_of(storage, "file");
    assert_eq!(bytes.len(), 4 * WRITES * 8, "nothing is lost");
    let is_whole = |write: &[u8]| write.iter().all(|byte| Some(byte) == write.first());
    assert!(bytes.chunks(8).all(is_whole), "no write stands within another");
}
