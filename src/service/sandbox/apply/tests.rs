use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::diff::changes;
use super::super::place::open_root;
use super::super::tree::{Manifest, hash_file, scan};
use super::*;

/// A tree, the store of what it is to become, and its manifest.
struct Fixture {
    folder: TempDir,
    root: Dir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("tree/dir")).unwrap();
        for (path, content) in [("a", "a"), ("dir/b", "b"), ("z", "z")] {
            fs::write(folder.path().join("tree").join(path), content).unwrap();
        }
        let root = open_root(&folder.path().join("tree")).unwrap();
        let store = Store::open_at(&folder.path().join("store")).unwrap();
        Self { folder, root, store }
    }

    fn manifest(&self) -> Manifest {
        scan(&self.root, &Manifest::new(), &CancellationToken::new(), hash_file).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("tree").join(name)
    }

    fn file(&self, content: &str) -> Entry {
        let path = self.folder.path().join("content");
        fs::write(&path, content).unwrap();
        let put = self.store.put(&mut fs::File::open(path).unwrap()).unwrap();
        Entry::File { hash: put.hash, bytes: put.bytes, mode: 0o644 }
    }

    /// What the tree is to become: something of each kind.
    fn after(&self) -> Manifest {
        let mut after = self.manifest();
        after.insert("a".into(), self.file("new a"));
        after.insert("more".into(), Entry::Directory { mode: 0o750 });
        after.insert("more/c".into(), self.file("c"));
        after.insert("more/link".into(), Entry::Link { target: "c".into() });
        after.remove(Path::new("dir"));
        after.remove(Path::new("dir/b"));
        after.insert("z".into(), self.file("new z"));
        after
    }

    fn apply(
        &self,
        from: &Manifest,
        to: &Manifest,
        settle: &dyn Fn(Ending) -> Result<(), SandboxError>,
    ) -> Result<(), SandboxError> {
        let (disk, path) = (Disk::default(), self.folder.path().join("tree"));
        let target = Target { root: &self.root, path: &path, disk: &disk };
        apply(target, &self.store, &changes(from, to), Own { home: &self.home(), settle })
    }

    fn recover(&self) -> Vec<Left> {
        let (disk, path) = (Disk::default(), self.folder.path().join("tree"));
        let mut all = Vec::new();
        let mut heed = |left| {
            all.push(left);
            Ok(())
        };
        recover(Target { root: &self.root, path: &path, disk: &disk }, None, &mut heed).unwrap();
        all
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("test")
    }

    fn entries(&self) -> usize {
        self.root.entries().unwrap().count()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where some refuse")]
fn fine(_ending: Ending) -> Result<(), SandboxError> {
    Ok(())
}

fn io_error(error: SandboxError) -> (PathBuf, io::Error) {
    match error {
        SandboxError::Io { path, source, .. } => (path, source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failure_at_any_path_puts_everything_back() {
    let fixture = Fixture::new();
    let (before, after) = (fixture.manifest(), fixture.after());
    // Somebody changes each file in turn behind the scan that the change starts from.
    for victim in ["a", "dir/b", "z"] {
        let path = fixture.path(victim);
        let original = fs::read(&path).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        let disturbed = fixture.manifest();

        let (at, _) = io_error(fixture.apply(&before, &after, &fine).unwrap_err());

        assert_eq!(at, path);
        assert_eq!(fixture.manifest(), disturbed, "after {victim}");
        fs::write(&path, original).unwrap();
    }
    fixture.apply(&before, &after, &fine).unwrap();
    assert_eq!(fixture.manifest(), after);
    assert_eq!(fixture.entries(), 3, "nothing is left of the staging");
}

#[test]
fn what_cannot_be_settled_is_undone_and_that_is_settled() {
    let fixture = Fixture::new();
    let (before, after) = (fixture.manifest(), fixture.after());
    let settled = std::cell::RefCell::new(Vec::new());
    let refused = fixture.apply(&before, &after, &|ending| {
        settled.borrow_mut().push(ending);
        let is_after = fixture.manifest() == after;
        assert_eq!(is_after, ending == Ending::Finished, "the tree is whole when it is told");
        let refused = SandboxError::ProjectInUse { project: PathBuf::new() };
        if ending == Ending::Finished { Err(refused) } else { Ok(()) }
    });
    assert!(matches!(refused, Err(SandboxError::ProjectInUse { .. })), "{refused:?}");
    assert_eq!(*settled.borrow(), [Ending::Finished, Ending::Undone]);
    assert_eq!((fixture.manifest(), fixture.entries()), (before, 3));
}

#[test]
fn a_content_that_the_store_lost_or_that_was_damaged_changes_nothing() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let mut after = before.clone();
    after.insert("a".into(), fixture.file("new a"));
    after.insert("z".into(), fixture.file("lost"));
    let lost = fixture.folder.path().join("store/objects").join(crate::event::Hash::of("lost").to_string());
    fs::write(&lost, "changed").unwrap();
    let (_, damaged) = io_error(fixture.apply(&before, &after, &fine).unwrap_err());
    assert_eq!(damaged.kind(), io::ErrorKind::InvalidData);
    fs::remove_file(&lost).unwrap();

    let (at, error) = io_error(fixture.apply(&before, &after, &fine).unwrap_err());

    assert_eq!((at, error.kind()), (fixture.path("z"), io::ErrorKind::NotFound));
    assert_eq!((fixture.manifest(), fixture.entries()), (before, 3));
}

#[test]
fn what_somebody_put_where_something_new_goes_is_not_overwritten() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let mut after = before.clone();
    after.insert("new".into(), fixture.file("ours"));
    let theirs = fixture.path("new");
    fs::write(&theirs, "theirs").unwrap();

    let (_, error) = io_error(fixture.apply(&before, &after, &fine).unwrap_err());

    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(theirs).unwrap(), "theirs");
}

#[test]
fn what_somebody_made_of_a_path_that_is_to_be_put_back_stays_theirs_and_the_original_is_kept() {
    let fixture = Fixture::new();
    let (before, after) = (fixture.manifest(), fixture.after());
    let error = fixture.apply(&before, &after, &|ending| {
        if ending == Ending::Undone {
            return Ok(());
        }
        fs::write(fixture.path("a"), "theirs").unwrap();
        Err(SandboxError::ProjectInUse { project: PathBuf::new() })
    });
    let Err(SandboxError::NotUndone { paths, kept_in, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(paths, [Path::new("a")]);
    assert_eq!(fs::read_to_string(fixture.path("a")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(fixture.path("z")).unwrap(), "z");
    let kept: Vec<_> = fs::read_dir(&kept_in).unwrap().map(|kept| kept.unwrap().path()).collect();
    assert!(kept.iter().any(|kept| fs::read(kept).is_ok_and(|kept| kept == b"a")), "{kept:?}");
    assert!(fixture.recover().is_empty(), "it is no unfinished change");
    assert!(kept_in.exists());
}

#[test]
fn a_staging_folder_that_others_can_look_into_is_not_ours_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let theirs = fixture.path(".agentbus-staging-x");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("log"), "theirs").unwrap();
    fs::set_permissions(&theirs, PermissionsExt::from_mode(0o755)).unwrap();
    assert!(fixture.recover().is_empty());
    assert!(theirs.join("log").exists());
    fs::set_permissions(&theirs, PermissionsExt::from_mode(0o700)).unwrap();
    let (disk, path) = (Disk::default(), fixture.path(""));
    let damaged = recover(Target { root: &fixture.root, path: &path, disk: &disk }, None, &mut refuse);
    let Err(SandboxError::Damaged { path, .. }) = damaged else {
        panic!("a log that is none was believed");
    };
    assert_eq!(path, theirs.join("log"));
}

/// Gives the folder that is about to be looked at to everybody, as a file system without modes does.
#[derive(Debug)]
struct Modeless(PathBuf);

impl super::super::disk::Seam for Modeless {
    fn before(&self, step: &str) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        match step.strip_prefix("look at ") {
            Some(name) => fs::set_permissions(self.0.join(name), PermissionsExt::from_mode(0o755)),
            None => Ok(()),
        }
    }
}

#[test]
fn a_file_system_that_keeps_no_modes_is_refused_before_anything_is_changed() {
    let fixture = Fixture::new();
    let (before, after) = (fixture.manifest(), fixture.after());
    let path = fixture.path("");
    let disk = Disk::with(std::sync::Arc::new(Modeless(path.clone())));
    let target = Target { root: &fixture.root, path: &path, disk: &disk };
    let own = Own { home: &fixture.home(), settle: &fine };
    let refused = apply(target, &fixture.store, &changes(&before, &after), own);
    let (_, error) = io_error(refused.unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("put the project on one that does"), "{error}");
    assert_eq!((fixture.manifest(), fixture.entries()), (before, 3));
}

#[test]
fn what_is_neither_settled_nor_settled_as_undone_is_not_over() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let refused = || SandboxError::ProjectInUse { project: PathBuf::new() };
    for is_undone in [true, false] {
        let settle = |ending| if ending == Ending::Undone && is_undone { Ok(()) } else { Err(refused()) };
        for after in [before.clone(), fixture.after()] {
            let failed = fixture.apply(&before, &after, &settle).unwrap_err();
            assert_eq!(matches!(failed, SandboxError::Unfinished { .. }), !is_undone, "{failed:?}");
            assert!(fixture.recover().is_empty());
            assert_eq!((fixture.manifest(), fixture.entries()), (before.clone(), 3));
        }
    }
}
