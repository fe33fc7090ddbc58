use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::checkpoint::strike::{Fault, at_every_step};

const NAME: &str = "notes.json";

/// A folder, and a file beside it that nobody may touch.
struct Home {
    temp: TempDir,
}

impl Home {
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        fs::create_dir(temp.path().join("folder")).unwrap();
        fs::write(temp.path().join("outside"), "outside").unwrap();
        Self { temp }
    }

    /// One whose file holds "old", of an unusual mode.
    fn with_file() -> Self {
        let home = Self::new();
        fs::write(home.path(NAME), "old").unwrap();
        fs::set_permissions(home.path(NAME), PermissionsExt::from_mode(0o640)).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join("folder").join(name)
    }

    fn open(&self) -> Folder {
        Folder::open(&self.path("")).unwrap()
    }

    fn asking(&self, fault: &Arc<Fault>) -> Folder {
        Folder::open_asking(&self.path(""), Arc::clone(fault) as Arc<dyn Seam>).unwrap()
    }

    fn content(&self) -> Option<String> {
        fs::read_to_string(self.path(NAME)).ok()
    }

    #[track_caller]
    fn assert_outside_untouched(&self) {
        assert_eq!(fs::read_to_string(self.temp.path().join("outside")).unwrap(), "outside");
        assert_eq!(fs::read_dir(self.temp.path()).unwrap().count(), 2, "nothing was made outside");
    }

    /// What is in the folder but its lock, sorted.
    fn names(&self) -> Vec<String> {
        let names = self.open().names().unwrap().into_iter();
        let mut names: Vec<_> =
            names.map(|name| name.into_string().unwrap()).filter(|name| name != LOCK).collect();
        names.sort();
        names
    }
}

fn create(folder: &Folder) -> Result<(), FolderError> {
    let lock: Lock = folder.lock()?;
    folder.create(&lock, NAME, b"new")
}

fn replace(folder: &Folder) -> Result<(), FolderError> {
    let lock = folder.lock()?;
    let found = folder.find(NAME)?;
    folder.read(&found, 100)?;
    folder.replace(&lock, &found, b"new")
}

fn move_away(folder: &Folder) -> Result<(), FolderError> {
    let lock = folder.lock()?;
    let found = folder.find(NAME)?;
    let archive = folder.create_folder(&lock, "archive")?;
    folder.move_new(&lock, &found, &archive, NAME)?;
    archive.sync()?;
    folder.sync()
}

fn reason_of<T: std::fmt::Debug>(result: Result<T, FolderError>) -> UnsafeReason {
    match result {
        Err(FolderError::Unsafe(UnsafeTarget { reason, .. })) => reason,
        other => panic!("it was not refused as unsafe: {other:?}"),
    }
}

#[test]
fn a_new_file_is_there_whole_or_not_at_all_whichever_step_fails_or_is_the_last() {
    for kind in [Fault::failing, Fault::dying] {
        at_every_step(kind, |fault| {
            let home = Home::new();
            let made = create(&home.asking(fault));
            let expected = match made {
                Ok(()) | Err(FolderError::Indeterminate(_)) => Some("new".to_owned()),
                Err(_) => None,
            };
            assert_eq!(home.content(), expected, "{fault:?}: {made:?}");
            // The next writer finds what it can go on from, and leaves nothing of the one before.
            match create(&home.open()) {
                Err(FolderError::Unsafe(UnsafeTarget { reason: UnsafeReason::Occupied, .. })) => {
                    assert!(expected.is_some());
                }
                made => made.unwrap(),
            }
            assert_eq!(home.names(), [NAME], "{fault:?}");
        });
    }
}

#[test]
fn a_file_has_the_old_content_or_the_new_whichever_step_fails_or_is_the_last() {
    for kind in [Fault::failing, Fault::dying] {
        at_every_step(kind, |fault| {
            let home = Home::with_file();
            let replaced = replace(&home.asking(fault));
            let expected = match replaced {
                Ok(()) | Err(FolderError::Indeterminate(_)) => "new",
                Err(_) => "old",
            };
            assert_eq!(home.content().as_deref(), Some(expected), "{fault:?}: {replaced:?}");
            assert_eq!(fs::metadata(home.path(NAME)).unwrap().permissions().mode() & 0o7777, 0o640);
            replace(&home.open()).unwrap();
            assert_eq!((home.content().as_deref(), home.names()), (Some("new"), vec![NAME.to_owned()]));
        });
    }
}

#[test]
fn a_file_is_moved_or_not_whichever_step_fails_or_is_the_last() {
    for kind in [Fault::failing, Fault::dying] {
        at_every_step(kind, |fault| {
            let home = Home::with_file();
            let moved = move_away(&home.asking(fault));
            let there = fs::read_to_string(home.path("archive").join(NAME)).ok();
            let is_moved = matches!(moved, Ok(()) | Err(FolderError::Indeterminate(_)));
            let expected = Some("old".to_owned());
            let expected = if is_moved { (None, expected) } else { (expected, None) };
            assert_eq!((home.content(), there), expected, "{fault:?}: {moved:?}");
        });
    }
}

#[test]
fn where_the_file_system_cannot_rename_without_writing_over_nothing_is_lost_or_written_over_either() {
    at_every_step(Fault::dying_without_renames, |fault| {
        let home = Home::new();
        drop(create(&home.asking(fault)));
        assert!(matches!(home.content().as_deref(), None | Some("new")), "{fault:?}");
        drop(create(&home.open()));
        assert_eq!((home.content().as_deref(), home.names()), (Some("new"), vec![NAME.to_owned()]));
    });
    at_every_step(Fault::dying_without_renames, |fault| {
        let home = Home::with_file();
        drop(move_away(&home.asking(fault)));
        let there = fs::read_to_string(home.path("archive").join(NAME)).ok();
        assert!([&home.content(), &there].contains(&&Some("old".to_owned())), "{fault:?}");
        drop(move_away(&home.open()));
        let there = fs::read_to_string(home.path("archive").join(NAME)).ok();
        assert_eq!((home.content(), there.as_deref()), (None, Some("old")), "{fault:?}");
    });
    let lacking = Fault::dying_without_renames(usize::MAX);
    let home = Home::with_file();
    fs::create_dir(home.path("archive")).unwrap();
    fs::write(home.path("archive").join(NAME), "theirs").unwrap();
    assert_eq!(reason_of(move_away(&home.asking(&lacking))), UnsafeReason::Occupied);
    assert_eq!(reason_of(create(&home.asking(&lacking))), UnsafeReason::Occupied);
    assert_eq!(fs::read_to_string(home.path("archive").join(NAME)).unwrap(), "theirs");
    assert_eq!(home.content().as_deref(), Some("old"));
}

#[test]
fn a_link_that_is_put_in_the_place_of_a_file_at_any_step_leads_nobody_out() {
    for verb in [replace, create, move_away] {
        for at in 0.. {
            let mut has_struck = false;
            for name in [NAME, TEMPORARY, LOCK, "archive"] {
                let home = Home::with_file();
                let (link, target) = (home.path(name), if name == "archive" { ".." } else { "../outside" });
                let fault = Fault::interfering(at, move || {
                    drop(fs::remove_file(&link));
                    drop(fs::remove_dir_all(&link));
                    symlink(target, &link).unwrap();
                });
                drop(verb(&home.asking(&fault)));
                home.assert_outside_untouched();
                has_struck |= fault.has_struck();
            }
            if !has_struck {
                assert!(at > 8, "it was put there at each step");
                break;
            }
        }
    }
}

#[test]
fn no_link_is_opened_in_place_of_the_folder_or_of_what_is_in_it() {
    let home = Home::with_file();
    let link = home.temp.path().join("link");
    symlink("folder", &link).unwrap();
    for path in [link.clone(), link.join(""), link.join(".")] {
        assert_eq!(reason_of(Folder::open(&path)), UnsafeReason::Link, "{path:?}");
        assert_eq!(reason_of(Folder::create_and_open(&path)), UnsafeReason::Link, "{path:?}");
    }
    fs::remove_file(link).unwrap();
    symlink("../outside", home.path("to-a-file")).unwrap();
    symlink("nowhere", home.path("to-nothing")).unwrap();
    symlink("..", home.path("to-a-folder")).unwrap();
    let folder = home.open();
    for name in ["to-a-file", "to-nothing", "to-a-folder"] {
        assert_eq!(reason_of(folder.find(name)), UnsafeReason::Link, "{name}");
        assert_eq!(reason_of(folder.folder(name)), UnsafeReason::Link, "{name}");
    }
    let lock = folder.lock().unwrap();
    for name in ["to-a-file", "to-nothing", "to-a-folder", NAME] {
        assert_eq!(reason_of(folder.create(&lock, name, b"new")), UnsafeReason::Occupied, "{name}");
    }
    drop(lock);
    fs::remove_file(home.path(LOCK)).unwrap();
    symlink("../outside", home.path(LOCK)).unwrap();
    assert_eq!(reason_of(folder.lock()), UnsafeReason::Link);
    home.assert_outside_untouched();
}

#[test]
fn a_name_is_one_component() {
    let home = Home::with_file();
    let folder = home.asking(&Fault::none());
    let lock = folder.lock().unwrap();
    let inner = home.path("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("file"), "inner").unwrap();
    for name in ["", ".", "..", "../outside", "/etc/passwd", "inner/file", "inner/", "./notes.json", "a\0b"] {
        assert_eq!(reason_of(folder.find(name)), UnsafeReason::NotAName, "{name:?}");
        assert_eq!(reason_of(folder.create(&lock, name, b"new")), UnsafeReason::NotAName, "{name:?}");
        assert_eq!(reason_of(folder.remove(&lock, name)), UnsafeReason::NotAName, "{name:?}");
        assert_eq!(reason_of(folder.folder(name)), UnsafeReason::NotAName, "{name:?}");
        assert_eq!(reason_of(folder.create_folder(&lock, name)), UnsafeReason::NotAName, "{name:?}");
    }
    home.assert_outside_untouched();
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let home = Home::new();
    let made = std::process::Command::new("mkfifo").arg(home.path("pipe")).status().unwrap();
    assert!(made.success());
    let _listener = std::os::unix::net::UnixListener::bind(home.path("socket")).unwrap();
    fs::create_dir(home.path("inner")).unwrap();
    let folder = home.open();
    for name in ["pipe", "socket", "inner"] {
        assert_eq!(reason_of(folder.find(name)), UnsafeReason::NotAFile, "{name}");
    }
    for name in ["pipe", "socket"] {
        assert_eq!(reason_of(folder.folder(name)), UnsafeReason::NotAFolder, "{name}");
        fs::rename(home.path(name), home.path(LOCK)).unwrap();
        assert_eq!(reason_of(folder.lock()), UnsafeReason::NotAFile, "{name}");
        fs::rename(home.path(LOCK), home.path(name)).unwrap();
    }
    assert!(matches!(folder.find("nothing"), Err(FolderError::Missing { .. })));
}

#[test]
fn no_more_is_read_than_was_asked_for() {
    let home = Home::with_file();
    let folder = home.open();
    let found = folder.find(NAME).unwrap();
    assert_eq!(folder.read(&found, 3).unwrap(), b"old");
    let found = folder.find(NAME).unwrap();
    assert!(matches!(folder.read(&found, 2), Err(FolderError::TooLarge { at_most: 2, .. })));
    File::create(home.path("large")).unwrap().set_len(1 << 40).unwrap();
    let found = folder.find("large").unwrap();
    assert!(matches!(folder.read(&found, 1 << 16), Err(FolderError::TooLarge { .. })));
    // It grows between the look at its length and the reading.
    let found = folder.find(NAME).unwrap();
    fs::write(home.path(NAME), "grown").unwrap();
    assert!(matches!(folder.read(&found, 4), Err(FolderError::TooLarge { .. })));
}

#[test]
fn who_has_the_folder_keeps_it_when_something_else_is_put_in_its_place() {
    let home = Home::new();
    let folder = home.open();
    let moved = home.temp.path().join("moved");
    fs::rename(home.path(""), &moved).unwrap();
    let other = home.temp.path().join("other");
    fs::create_dir(&other).unwrap();
    symlink("other", home.temp.path().join("folder")).unwrap();
    create(&folder).unwrap();
    assert_eq!(folder.path(), home.path(""));
    assert_eq!(fs::read_to_string(moved.join(NAME)).unwrap(), "new");
    assert_eq!(fs::read_dir(other).unwrap().count(), 0);
}

#[test]
fn a_file_that_others_put_in_place_meanwhile_is_not_written_over_nor_moved() {
    let swap = |home: &Home| {
        fs::write(home.path("theirs"), "theirs").unwrap();
        fs::rename(home.path("theirs"), home.path(NAME)).unwrap();
    };
    let home = Home::with_file();
    let folder = home.open();
    let lock = folder.lock().unwrap();
    let archive = folder.create_folder(&lock, "archive").unwrap();
    let found = folder.find(NAME).unwrap();
    swap(&home);
    assert_eq!(reason_of(folder.replace(&lock, &found, b"new")), UnsafeReason::Changed);
    assert_eq!(reason_of(folder.move_new(&lock, &found, &archive, NAME)), UnsafeReason::Changed);
    assert_eq!(home.content().as_deref(), Some("theirs"));
    assert_eq!(home.names(), ["archive", NAME]);
}

#[test]
fn a_move_that_left_both_names_is_finished() {
    let home = Home::with_file();
    fs::create_dir(home.path("archive")).unwrap();
    fs::hard_link(home.path(NAME), home.path("archive").join(NAME)).unwrap();
    move_away(&home.open()).unwrap();
    assert_eq!(home.content(), None);
    assert_eq!(fs::read_to_string(home.path("archive").join(NAME)).unwrap(), "old");
}

#[test]
fn only_one_writes_at_a_time_also_when_the_lock_file_is_removed() {
    let home = Home::new();
    fs::write(home.path(NAME), "0").unwrap();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (folder, lock_file) = (home.open(), home.path(LOCK));
            std::thread::spawn(move || {
                for round in 0..25 {
                    let lock = folder.lock().unwrap();
                    let found = folder.find(NAME).unwrap();
                    let text = String::from_utf8(folder.read(&found, 100).unwrap()).unwrap();
                    let next = text.parse::<u32>().unwrap() + 1;
                    folder.replace(&lock, &found, next.to_string().as_bytes()).unwrap();
                    if round % 10 == 0 {
                        // Done under the lock: others wait for the file that has no name any more.
                        drop(fs::remove_file(&lock_file));
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(home.content().as_deref(), Some("100"));
}

#[test]
fn a_folder_that_is_made_is_for_its_owner_alone() {
    let home = Home::new();
    let deep = home.path("one/two/three");
    let folder = Folder::create_and_open(&deep).unwrap();
    create(&folder).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&deep), mode(&deep.join(NAME))), (0o700, 0o600));
    assert_eq!(
        (mode(&home.path("one")), mode(&home.path("one/two"))),
        (0o700, 0o700),
        "and what is above it"
    );
    Folder::create_and_open(&deep).unwrap();
    assert!(matches!(Folder::open(&home.path("none")), Err(FolderError::Missing { .. })));
    assert_eq!(reason_of(Folder::open(&deep.join(NAME))), UnsafeReason::NotAFolder);
}
