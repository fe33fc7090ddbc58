use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};

use cap_std::fs::Dir;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::service::resource::error::IndexError;
use crate::service::sandbox::place::open_root;
use crate::service::sandbox::tree::CACHE_TAG;

mod rules;

/// A folder whose changes all show in the times of the file system.
struct Tree {
    folder: TempDir,
    probe: TempDir,
    dir: Dir,
    options: IndexOptions,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = open_root(folder.path()).unwrap();
        let options = IndexOptions::default().with_threads(2);
        Self { folder, probe: tempfile::tempdir().unwrap(), dir, options }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs as if all that was changed so far had been changed long ago.
    fn try_index(&self, previous: Option<&Arc<Index>>) -> Result<IndexReport, IndexError> {
        self.run(previous, Run::now() + 3_600_000_000_000, &CancellationToken::new())
    }

    fn run(
        &self,
        previous: Option<&Arc<Index>>,
        started: i64,
        stop: &CancellationToken,
    ) -> Result<IndexReport, IndexError> {
        let path = self.folder.path().canonicalize().unwrap();
        let (resource, root, path, options) = (&Text::from("tree"), &self.dir, path.as_path(), &self.options);
        let report = Run { resource, root, path, options, previous, stop, started }.to_report();
        self.until_the_clock_ticks();
        report
    }

    fn index(&self, previous: Option<&Arc<Index>>) -> IndexReport {
        self.try_index(previous).unwrap()
    }

    /// So that what is changed from now on has another time than what was changed before.
    fn until_the_clock_ticks(&self) {
        let stamp = |nth: u64| {
            let path = self.probe.path().join(nth.to_string());
            File::create(&path).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            fs::remove_file(&path).unwrap();
            (metadata.ctime(), metadata.ctime_nsec())
        };
        let now = stamp(0);
        assert!((1..100_000_000).any(|nth| stamp(nth) != now), "the clock stands still");
    }
}

fn paths(files: &[PathBuf]) -> Vec<&str> {
    files.iter().map(|path| path.to_str().unwrap()).collect()
}

fn files(index: &Index) -> Vec<&str> {
    index.files().iter().map(|file| file.path().to_str().unwrap()).collect()
}

#[test]
fn what_is_ignored_hidden_cached_linked_or_no_file_is_left_out() {
    let tree = Tree::new();
    for path in
        ["a.txt", "sub/b.log", "sub/keep.log", "build/c", "top/x", "sub/top/y", ".hidden/d", ".e", ".git/f"]
    {
        tree.write(path, path);
    }
    tree.write(".gitignore", "*.log\nbuild/\n/top\n");
    tree.write("sub/.ignore", "!keep.log\n");
    tree.write("cache/CACHEDIR.TAG", CACHE_TAG);
    tree.write("cache/g", "");
    tree.write("near/CACHEDIR.TAG", "no mark");
    tree.write(".agentbus-staging-1", "half written");
    symlink("a.txt", tree.at("link")).unwrap();
    symlink("sub", tree.at("folder-link")).unwrap();
    rustix::fs::mkfifoat(&tree.dir, "pipe", rustix::fs::Mode::RWXU).unwrap();
    let mut tree = tree;
    let shown = ["a.txt", "near/CACHEDIR.TAG", "sub/keep.log", "sub/top/y"];
    assert_eq!(files(&tree.index(None).index), shown);
    tree.options = tree.options.with_hidden(HiddenFiles::Included);
    let all = tree.index(None).index;
    assert_eq!(
        files(&all),
        [&[".e", ".gitignore", ".hidden/d"][..], &shown[..2], &["sub/.ignore"], &shown[2..]].concat()
    );
    assert_eq!(all.file("a.txt").map(IndexedFile::hash), Some(&Hash::of("a.txt")));
    assert_eq!((all.file("a.txt").map(IndexedFile::bytes), all.file("b").is_none()), (Some(5), true));
}

#[test]
fn what_changed_is_told_and_what_only_looks_changed_is_not() {
    let tree = Tree::new();
    for path in ["a", "b", "c/d", "c/e"] {
        tree.write(path, path);
    }
    let first = tree.index(None);
    assert_eq!((paths(&first.added), first.incremental), (vec!["a", "b", "c/d", "c/e"], false));
    let same = tree.index(Some(&first.index));
    assert!(Arc::ptr_eq(&same.index, &first.index), "nothing was looked for where nothing changed");
    tree.write("a", "A");
    tree.write("b", "b");
    fs::rename(tree.at("c/d"), tree.at("f")).unwrap();
    let next = tree.index(Some(&same.index));
    assert_eq!(
        (paths(&next.added), paths(&next.changed), paths(&next.removed)),
        (vec!["f"], vec!["a"], vec!["c/d"])
    );
    assert!(next.incremental && next.index.file("f").is_some());
}

#[test]
fn a_change_of_the_same_size_with_the_old_time_is_found() {
    let tree = Tree::new();
    tree.write("a", "one");
    let first = tree.index(None);
    let modified = fs::metadata(tree.at("a")).unwrap().modified().unwrap();
    tree.write("a", "two");
    File::options().write(true).open(tree.at("a")).unwrap().set_modified(modified).unwrap();
    assert_eq!(paths(&tree.index(Some(&first.index)).changed), ["a"]);
}

#[test]
fn a_file_changed_shortly_before_a_run_is_read_again_in_the_next() {
    let tree = Tree::new();
    tree.write("a", "one");
    let stop = CancellationToken::new();
    let soon = tree.run(None, Run::now(), &stop).unwrap().index;
    assert!(soon.files().iter().all(|file| !file.is_settled));
    assert!(soon.folders.iter().all(|folder| !folder.is_settled));
    // As if the clock had stood still while it was changed: all times are as they were.
    let mut missed = Index::clone(&soon);
    missed.files[0].hash = Hash::of("before");
    assert_eq!(paths(&tree.index(Some(&Arc::new(missed))).changed), ["a"]);
}

#[test]
fn a_changed_ignore_file_and_a_new_mark_of_a_cache_are_noticed() {
    let tree = Tree::new();
    for path in ["a", "b", "c/d"] {
        tree.write(path, path);
    }
    tree.write(".gitignore", "a\n");
    let first = tree.index(None);
    assert_eq!(files(&first.index), ["b", "c/d"]);
    tree.write(".gitignore", "b\n");
    let second = tree.index(Some(&first.index));
    assert_eq!((paths(&second.added), paths(&second.removed)), (vec!["a"], vec!["b"]));
    tree.write("c/CACHEDIR.TAG", CACHE_TAG);
    assert_eq!(paths(&tree.index(Some(&second.index)).removed), ["c/d"]);
}

#[test]
fn what_is_too_large_or_cannot_be_read_is_named() {
    let mut tree = Tree::new();
    tree.write("large", "12345");
    tree.write("small", "1234");
    tree.write(".gitignore", "{a\n[b\n");
    tree.options = tree.options.with_max_file_bytes(4);
    let first = tree.index(None).index;
    let unread = [
        Unread { path: ".gitignore".into(), reason: UnreadReason::Patterns },
        Unread { path: "large".into(), reason: UnreadReason::TooLarge { bytes: 5 } },
    ];
    assert_eq!((files(&first), first.unread()), (vec!["small"], &unread[..]));
    let same = tree.index(Some(&first)).index;
    assert_eq!(same.unread(), &unread[..]);
    tree.write("large", "123");
    assert_eq!(paths(&tree.index(Some(&same)).added), ["large"]);
}

#[test]
fn too_many_files_a_cancelled_run_and_a_folder_that_vanished_are_errors() {
    let mut tree = Tree::new();
    for nth in 0..20 {
        tree.write(&format!("{nth}/{nth}"), "");
    }
    tree.options = tree.options.with_max_files(19);
    assert!(matches!(tree.try_index(None), Err(IndexError::TooMany { max: 19, .. })));
    tree.options = tree.options.with_max_files(20);
    let index = tree.index(None).index;
    let stopped = CancellationToken::new();
    stopped.cancel();
    for previous in [None, Some(&index)] {
        assert!(matches!(tree.run(previous, Run::now(), &stopped), Err(IndexError::Cancelled { .. })));
    }
    let path = tree.folder.path().to_owned();
    fs::rename(&path, tree.probe.path().join("moved")).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(tree.try_index(Some(&index)), Err(IndexError::Vanished { .. })));
}

/// What can be done to a tree of few names.
#[derive(Clone, Debug)]
enum Edit {
    Write(String, u8),
    /// The time of modification stays.
    WriteUnseen(String, u8),
    Remove(String),
    Rename(String, String),
    Link(String),
    /// Ignore files and marks of caches come and change.
    Rules(&'static str, &'static str),
    Touch(String),
}

fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c.log", "build", ".h"]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn an_edit() -> impl Strategy<Value = Edit> {
    let rules = vec![
        (".gitignore", "*.log\n"),
        (".gitignore", "build/\n"),
        ("a/.ignore", "b\n"),
        ("b/CACHEDIR.TAG", CACHE_TAG),
        ("b/CACHEDIR.TAG", "no mark"),
    ];
    prop_oneof![
        4 => (a_path(), 0..3_u8).prop_map(|(path, content)| Edit::Write(path, content)),
        2 => (a_path(), 0..3_u8).prop_map(|(path, content)| Edit::WriteUnseen(path, content)),
        2 => a_path().prop_map(Edit::Remove),
        2 => (a_path(), a_path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => a_path().prop_map(Edit::Link),
        1 => prop::sample::select(rules).prop_map(|(path, content)| Edit::Rules(path, content)),
        1 => a_path().prop_map(Edit::Touch),
    ]
}

impl Tree {
    /// Does it, if the tree lets it be done.
    fn edit(&self, edit: &Edit) {
        let _whether_it_could = match edit {
            Edit::Write(path, content) => self.try_write(path, &[*content]),
            Edit::WriteUnseen(path, content) => {
                let time = fs::metadata(self.at(path)).and_then(|found| found.modified());
                self.try_write(path, &[*content])
                    .and_then(|()| File::options().write(true).open(self.at(path))?.set_modified(time?))
            }
            Edit::Remove(path) => {
                fs::remove_file(self.at(path)).or_else(|_| fs::remove_dir_all(self.at(path)))
            }
            Edit::Rename(from, to) => fs::rename(self.at(from), self.at(to)),
            Edit::Link(path) => symlink("a", self.at(path)),
            Edit::Rules(path, content) => self.try_write(path, content.as_bytes()),
            Edit::Touch(path) => File::options()
                .write(true)
                .open(self.at(path))
                .and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH)),
        };
    }

    fn try_write(&self, path: &str, content: &[u8]) -> std::io::Result<()> {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(path, content)
    }
}

fn listing(index: &Index) -> BTreeMap<PathBuf, Hash> {
    index.files().iter().map(|file| (file.path.clone(), file.hash)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_incremental_run_finds_what_a_full_one_finds(
        rounds in prop::collection::vec(prop::collection::vec(an_edit(), 0..6), 1..6)
    ) {
        let tree = Tree::new();
        let mut last = tree.index(None).index;
        for edits in rounds {
            for edit in &edits {
                tree.edit(edit);
            }
            let (report, full) = (tree.index(Some(&last)), tree.index(None));
            prop_assert_eq!(&report.index, &full.index);
            prop_assert_eq!(listing(&full.index), naive(&tree));
            let mut told = listing(&last);
            for path in &report.removed {
                prop_assert!(told.remove(path).is_some());
            }
            for path in report.added.iter().chain(&report.changed) {
                let hash = *report.index.file(path).unwrap().hash();
                prop_assert_eq!(told.insert(path.clone(), hash).is_some(), report.changed.contains(path));
            }
            prop_assert_eq!(told, listing(&report.index));
            last = report.index;
        }
    }
}

/// The same in the plainest way.
fn naive(tree: &Tree) -> BTreeMap<PathBuf, Hash> {
    fn over(tree: &Tree, at: &Path, all: &mut BTreeMap<PathBuf, Hash>) {
        let rules = |path: &str| fs::read_to_string(tree.at(path)).unwrap_or_default();
        for entry in fs::read_dir(tree.folder.path().join(at)).unwrap() {
            let (entry, kind) = entry
                .map(|entry| {
                    let kind = entry.file_type().unwrap();
                    (entry, kind)
                })
                .unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = at.join(&name);
            let is_ignored = name.starts_with('.')
                || (rules(".gitignore") == "*.log\n" && name == "c.log")
                || (rules(".gitignore") == "build/\n" && name == "build" && kind.is_dir())
                || (rules("a/.ignore") == "b\n" && name == "b" && at.starts_with("a"));
            if is_ignored {
                continue;
            }
            if kind.is_file() {
                all.insert(path, Hash::of(fs::read(entry.path()).unwrap()));
            } else if kind.is_dir()
                && fs::read_to_string(entry.path().join("CACHEDIR.TAG")).ok().as_deref() != Some(CACHE_TAG)
            {
                over(tree, &path, all);
            }
        }
    }
    let mut all = BTreeMap::new();
    over(tree, Path::new(""), &mut all);
    all
}
