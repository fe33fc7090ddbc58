use std::fs;

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

    fn file(&self, content: &str) -> Entry {
        let path = self.folder.path().join("content");
        fs::write(&path, content).unwrap();
        let put = self.store.put(&mut fs::File::open(path).unwrap()).unwrap();
        Entry::File { hash: put.hash, bytes: put.bytes, mode: 0o644 }
    }
}

#[test]
fn a_failure_at_any_path_puts_everything_back() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let mut after = before.clone();
    after.insert("a".into(), fixture.file("new a"));
    after.insert("more".into(), Entry::Directory { mode: 0o750 });
    after.insert("more/c".into(), fixture.file("c"));
    after.insert("more/link".into(), Entry::Link { target: "c".into() });
    after.remove(Path::new("dir"));
    after.remove(Path::new("dir/b"));
    after.insert("z".into(), fixture.file("new z"));
    // Somebody changes each file in turn behind the scan that the change starts from.
    for victim in ["a", "dir/b", "z"] {
        let path = fixture.folder.path().join("tree").join(victim);
        let original = fs::read(&path).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        let disturbed = fixture.manifest();

        let error = apply(&fixture.root, &fixture.store, &changes(&before, &after)).unwrap_err();

        assert_eq!((error.path.to_str().unwrap(), error.not_undone.len()), (victim, 0));
        assert_eq!(fixture.manifest(), disturbed, "after {victim}");
        fs::write(&path, original).unwrap();
    }
    apply(&fixture.root, &fixture.store, &changes(&before, &after)).unwrap();
    assert_eq!(fixture.manifest(), after);
    assert_eq!(fixture.root.entries().unwrap().count(), 3, "nothing is left of the staging");
}

#[test]
fn a_content_that_the_store_lost_changes_nothing() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let mut after = before.clone();
    after.insert("a".into(), fixture.file("new a"));
    after.insert("z".into(), fixture.file("lost"));
    fixture.store.retain(&std::iter::once(crate::event::Hash::of("new a")).collect()).unwrap();

    let error = apply(&fixture.root, &fixture.store, &changes(&before, &after)).unwrap_err();

    assert_eq!((error.path.to_str().unwrap(), error.source.kind()), ("z", io::ErrorKind::NotFound));
    assert_eq!(fixture.manifest(), before);
}

#[test]
fn what_somebody_put_where_something_new_goes_is_not_overwritten() {
    let fixture = Fixture::new();
    let before = fixture.manifest();
    let mut after = before.clone();
    after.insert("new".into(), fixture.file("ours"));
    let theirs = fixture.folder.path().join("tree/new");
    fs::write(&theirs, "theirs").unwrap();

    let error = apply(&fixture.root, &fixture.store, &changes(&before, &after)).unwrap_err();

    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(theirs).unwrap(), "theirs");
}
