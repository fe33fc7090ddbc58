use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::time::{advance, timeout};
use tokio_util::sync::CancellationToken;

use super::examine::Examiner;
use super::mailbox::{Hints, Mailbox};
use super::source::Source;
use super::*;
use crate::bus::EventBusExt;
use crate::event::{EventType, Hash, ResourceChange, ResourceModified, ResourceSource};
use crate::service::resource::index::{IndexOptions, Run};
use crate::service::resource::told::Modified;
use crate::service::resource::{DirHandler, ResourceService};
use crate::service::sandbox::place::open_root;
use crate::service::sandbox::rewrites::Put;
use crate::testing::RecordingEventBus;

/// The folders that are seen, which the test asks before it leaves a hint.
type Seen = Arc<Mutex<BTreeSet<PathBuf>>>;

/// Sees what the test leaves in the mailbox.
#[derive(Debug)]
struct FakeSource {
    root: PathBuf,
    seen: Seen,
    mailbox: Arc<Mailbox>,
}

impl Source for FakeSource {
    fn watch(&mut self, path: &Path) -> io::Result<()> {
        fs::read_dir(self.root.join(path))?;
        lock(&self.seen).insert(path.to_owned());
        Ok(())
    }

    fn mark(&mut self, mark: u64) -> io::Result<()> {
        self.mailbox.mark(mark);
        Ok(())
    }
}

/// A folder with a watcher whose hints come from the test.
struct Watched {
    folder: TempDir,
    seen: Seen,
    examiner: Examiner,
}

impl Watched {
    fn new() -> Self {
        let (folder, seen) = (tempfile::tempdir().unwrap(), Seen::default());
        let path = folder.path().canonicalize().unwrap();
        let source =
            FakeSource { root: path.clone(), seen: Arc::clone(&seen), mailbox: Arc::new(Mailbox::default()) };
        let examiner = Examiner {
            resource: "tree".into(),
            root: open_root(&path).unwrap(),
            path,
            options: IndexOptions::default().with_threads(1),
            source: Arc::new(Mutex::new(Box::new(source))),
            folders: BTreeSet::new(),
            last: None,
            rules: None,
            rewrites: crate::service::sandbox::rewrites::Rewrites::default(),
            stop: CancellationToken::new(),
        };
        Self { folder, seen, examiner }
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Which files there are, found in one go.
    fn files(&self) -> BTreeMap<PathBuf, (u64, Hash)> {
        let Examiner { resource, root, path, options, stop, .. } = &self.examiner;
        let run = Run { resource, root, path, options, previous: None, stop, started: Run::now() };
        let index = run.to_report().unwrap().index;
        index.files().iter().map(|file| (file.path().to_owned(), (file.bytes(), *file.hash()))).collect()
    }

    /// Does it, and says what a system would say of it.
    fn edit(&self, edit: &Edit) -> Vec<Hint> {
        let (mut hints, mut unseen) = (Vec::new(), Vec::new());
        match edit {
            Edit::Write(path, content) => {
                let path = Path::new(path);
                let mut new: Vec<_> =
                    path.ancestors().skip(1).take_while(|at| !self.at(at).exists()).collect();
                if fs::create_dir_all(self.at(path.parent().unwrap())).is_ok()
                    && fs::write(self.at(path), vec![b'x'; *content]).is_ok()
                {
                    new.reverse();
                    hints.extend(new.into_iter().chain([path]).map(|path| Hint::Touched(path.to_owned())));
                }
            }
            Edit::Remove(path) => {
                let path = PathBuf::from(path);
                let inner = walkdir::WalkDir::new(self.at(&path)).contents_first(true);
                let inner = inner.into_iter().flatten().map(walkdir::DirEntry::into_path);
                let inner: Vec<_> =
                    inner.map(|path| path.strip_prefix(self.folder.path()).unwrap().to_owned()).collect();
                drop(fs::remove_file(self.at(&path)).or_else(|_| fs::remove_dir_all(self.at(&path))));
                hints.extend(inner.into_iter().map(Hint::Touched));
                unseen.push(path);
            }
            Edit::Rename(from, to) => {
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                if fs::rename(self.at(&from), self.at(&to)).is_ok() && from != to {
                    hints.push(Hint::Renamed(from.clone(), to.clone()));
                    unseen.extend([from, to]);
                }
            }
            Edit::Link(path) => {
                // No folder: what is written through it would happen elsewhere.
                if symlink("/dev/null", self.at(Path::new(path))).is_ok() {
                    hints.push(Hint::Touched(path.into()));
                }
            }
        }
        let mut seen = lock(&self.seen);
        let is_seen = |path: &Path| seen.contains(path.parent().unwrap());
        let noticed = hints.into_iter().filter_map(|hint| match hint {
            Hint::Touched(path) => is_seen(&path).then_some(Hint::Touched(path)),
            Hint::Renamed(from, to) => match (is_seen(&from), is_seen(&to)) {
                (true, true) => Some(Hint::Renamed(from, to)),
                (true, false) => Some(Hint::Touched(from)),
                (false, true) => Some(Hint::Touched(to)),
                (false, false) => None,
            },
        });
        let noticed = noticed.collect();
        // A folder that is gone, or stands elsewhere, is not seen there any more.
        seen.retain(|folder| !unseen.iter().any(|path| folder.starts_with(path)));
        noticed
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Write(String, usize),
    Remove(String),
    Rename(String, String),
    Link(String),
}

#[derive(Clone, Debug)]
enum Hint {
    Touched(PathBuf),
    Renamed(PathBuf, PathBuf),
}

fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ".h"]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn an_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (a_path(), 0..4_usize).prop_map(|(path, content)| Edit::Write(path, content)),
        2 => a_path().prop_map(Edit::Remove),
        3 => (a_path(), a_path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => a_path().prop_map(Edit::Link),
    ]
}

/// What a listener makes of a change.
fn apply(listing: &mut BTreeMap<PathBuf, u64>, fact: &Modified) {
    let is_there = listing.contains_key(&fact.path);
    match fact.change {
        ResourceChange::Deleted => assert!(listing.remove(&fact.path).is_some(), "{fact:?}"),
        change => {
            if change == ResourceChange::Moved {
                assert!(listing.remove(fact.from.as_ref().unwrap()).is_some(), "{fact:?}");
            }
            assert_eq!(
                is_there,
                change == ResourceChange::Modified || (change == ResourceChange::Moved && is_there)
            );
            listing.insert(fact.path.clone(), fact.bytes.unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Hints come late, twice, and in any order; what is told leads from what was there to what is.
    #[test]
    fn what_is_told_leads_from_the_old_files_to_the_new(
        rounds in prop::collection::vec(
            (prop::collection::vec(an_edit(), 1..5), prop::collection::vec(0..1_000_usize, 0..8), any::<bool>()),
            1..6,
        )
    ) {
        let mut it = Watched::new();
        fs::create_dir_all(it.at(Path::new("a/b"))).unwrap();
        fs::write(it.at(Path::new("a/b/c")), "begun").unwrap();
        let mut known = it.examiner.begin().unwrap();
        let sizes = |files: &BTreeMap<PathBuf, (u64, Hash)>| -> BTreeMap<PathBuf, u64> {
            files.iter().map(|(path, (bytes, _))| (path.clone(), *bytes)).collect()
        };
        let mut listing = sizes(&it.files());
        let (mut waiting, count) = (Vec::new(), rounds.len());
        for (nth, (edits, order, twice)) in rounds.into_iter().enumerate() {
            for edit in &edits {
                waiting.extend(it.edit(edit));
            }
            let mut hints = Hints::default();
            let is_last = nth + 1 == count;
            let mut now: Vec<Hint> = Vec::new();
            for place in order {
                if !waiting.is_empty() {
                    now.push(waiting.remove(place % waiting.len()));
                }
            }
            if twice {
                waiting.extend(now.clone());
            }
            if is_last {
                now.append(&mut waiting);
            }
            for hint in now {
                match hint {
                    Hint::Touched(path) => drop(hints.touched.insert(path)),
                    Hint::Renamed(from, to) => {
                        hints.touched.extend([from.clone(), to.clone()]);
                        hints.renamed.push((from, to));
                    }
                }
            }
            for fact in it.examiner.examine(&mut known, &hints).unwrap() {
                apply(&mut listing, &fact);
            }
        }
        let files = it.files();
        prop_assert_eq!(listing, sizes(&files));
        for (path, (_, hash)) in files {
            prop_assert_eq!(known.files.get(&path).and_then(|seen| seen.hash), Some(hash));
        }
    }
}

#[test]
fn what_the_sandbox_put_there_before_does_not_stand_for_what_others_do_later() {
    let removed = |it: &mut Watched, known: &mut Known| {
        fs::remove_file(it.at(Path::new("x"))).unwrap();
        let hints = Hints { touched: BTreeSet::from(["x".into()]), ..Hints::default() };
        let facts = it.examiner.examine(known, &hints).unwrap();
        facts.into_iter().map(|fact| (fact.change, fact.source)).collect::<Vec<_>>()
    };
    let put = |it: &Watched| it.examiner.rewrites.put(Path::new("x"), Put::NoFile);
    let by_others = [(ResourceChange::Deleted, ResourceSource::Watcher)];

    let mut it = Watched::new();
    fs::write(it.at(Path::new("x")), "x").unwrap();
    put(&it);
    let mut known = it.examiner.begin().unwrap();
    assert_eq!(removed(&mut it, &mut known), by_others, "it was put before the watch began");

    fs::write(it.at(Path::new("x")), "x").unwrap();
    let mut known = it.examiner.begin().unwrap();
    put(&it);
    let hints = Hints { touched: BTreeSet::from(["x".into()]), ..Hints::default() };
    assert!(it.examiner.examine(&mut known, &hints).unwrap().is_empty());
    assert_eq!(removed(&mut it, &mut known), by_others, "it was found to be over");

    fs::write(it.at(Path::new("x")), "x").unwrap();
    let mut known = it.examiner.begin().unwrap();
    put(&it);
    assert_eq!(removed(&mut it, &mut known), [(ResourceChange::Deleted, ResourceSource::Service)]);
}

#[test]
fn a_large_file_is_the_sandboxs_own_only_while_it_has_what_the_sandbox_put_there() {
    let mut it = Watched::new();
    it.examiner.options = it.examiner.options.with_max_file_bytes(4);
    fs::write(it.at(Path::new("x")), "as it was").unwrap();
    let mut known = it.examiner.begin().unwrap();
    for (content, source) in [
        ("put by the sandbox", ResourceSource::Service),
        ("written by others", ResourceSource::Watcher),
        ("with as many byte", ResourceSource::Watcher),
    ] {
        it.examiner.rewrites.put(Path::new("x"), Put::File(Hash::of("put by the sandbox")));
        fs::write(it.at(Path::new("x")), content).unwrap();
        let hints = Hints { touched: BTreeSet::from(["x".into()]), ..Hints::default() };
        let facts = it.examiner.examine(&mut known, &hints).unwrap();
        let told: Vec<_> = facts.into_iter().map(|fact| (fact.change, fact.source)).collect();
        assert_eq!(told, [(ResourceChange::Modified, source)], "{content}");
    }
}

/// A resource watched by a source that sees what the test leaves, on a clock that stands still.
struct Paused {
    bus: RecordingEventBus,
    folder: TempDir,
    resource: crate::service::resource::Resource,
    mailbox: Arc<Mailbox>,
    watch: Watch,
}

impl Paused {
    async fn new() -> Self {
        let (bus, folder) = (RecordingEventBus::new(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("old"), "old").unwrap();
        let resources = ResourceService::new(Some(Arc::new(bus.clone())));
        let resource =
            resources.register("tree", Arc::new(DirHandler::open(folder.path()).unwrap())).unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        let make: start::MakeSource = Box::new(move |root, mailbox| {
            send.send(Arc::clone(&mailbox)).unwrap();
            Ok(Box::new(FakeSource { root: root.to_owned(), seen: Seen::default(), mailbox }))
        });
        let watch = resource.watch_by(make).await.unwrap();
        Self { bus, folder, resource, mailbox: receive.recv().unwrap(), watch }
    }

    fn write(&self, path: &str, content: &str) {
        fs::write(self.folder.path().join(path), content).unwrap();
        self.mailbox.touched(path.into());
    }

    fn told(&self) -> Vec<(ResourceChange, String)> {
        let told = self.bus.all::<ResourceModified>();
        told.iter().map(|one| (one.change, one.path.to_string())).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_in_many_steps_is_told_once_when_it_is_quiet() {
    let it = Paused::new().await;
    let told = it.bus.wait_for(EventType::ResourceModified);
    tokio::pin!(told);
    for content in ["a", "ab", "abc"] {
        it.write("new", content);
        assert!(timeout(Duration::from_millis(49), &mut told).await.is_err());
    }
    assert!(timeout(Duration::from_millis(2), &mut told).await.unwrap().is_some());
    it.watch.caught_up().await.unwrap();
    assert_eq!(it.told(), [(ResourceChange::Created, "new".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_never_becomes_quiet_is_told_after_the_longest_wait() {
    let it = Paused::new().await;
    let told = it.bus.wait_for(EventType::ResourceModified);
    tokio::pin!(told);
    let mut steps = 0;
    while timeout(Duration::from_millis(40), &mut told).await.is_err() {
        it.write("new", "again");
        steps += 1;
    }
    assert!((12..=14).contains(&steps), "{steps} steps of 40 ms");
}

#[tokio::test(start_paused = true)]
async fn a_loss_of_hints_makes_it_look_everywhere_and_no_mark_is_lost() {
    let it = Paused::new().await;
    fs::write(it.folder.path().join("unseen"), "").unwrap();
    fs::remove_file(it.folder.path().join("old")).unwrap();
    it.mailbox.lost();
    it.watch.caught_up().await.unwrap();
    assert_eq!(
        it.told(),
        [(ResourceChange::Deleted, "old".to_owned()), (ResourceChange::Created, "unseen".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_service_writes_is_told_once_and_what_others_write_on_it_is_told_too() {
    let it = Paused::new().await;
    for path in ["old", "new", ".hidden"] {
        it.resource.write(path, "by us").await.unwrap();
        it.mailbox.touched(path.into());
    }
    it.resource.rename("new", "newer").await.unwrap();
    it.mailbox.renamed("new".into(), "newer".into());
    it.resource.delete("old").await.unwrap();
    it.mailbox.touched("old".into());
    it.watch.caught_up().await.unwrap();
    assert_eq!(it.told().len(), 5, "{:?}", it.told());
    it.bus.take();
    it.write("newer", "by them");
    it.write(".hidden", "by them");
    it.watch.caught_up().await.unwrap();
    assert_eq!(it.told(), [(ResourceChange::Modified, "newer".to_owned())]);
}

#[tokio::test]
async fn a_folder_with_the_folder_of_temporary_files_in_it_is_watched_like_others() {
    for temporary in ["", "tmp"] {
        let (bus, folder) = (RecordingEventBus::new(), tempfile::tempdir().unwrap());
        let temporary = folder.path().join(temporary);
        fs::create_dir_all(&temporary).unwrap();
        let resources = ResourceService::new(Some(Arc::new(bus.clone())));
        let resource =
            resources.register("tree", Arc::new(DirHandler::open(folder.path()).unwrap())).unwrap();
        let watch = resource.watch_with_marks_in(temporary.clone()).await.unwrap();
        fs::write(temporary.join("new"), "").unwrap();
        watch.caught_up().await.unwrap();
        watch.caught_up().await.unwrap();
        assert_eq!(bus.all::<ResourceModified>().len(), 1, "{}", bus.transcript());
        watch.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_watch_tells_nothing_more_and_another_may_begin() {
    let it = Paused::new().await;
    assert!(matches!(it.resource.watch().await, Err(WatchError::Watched { .. })));
    it.watch.close().await;
    fs::write(it.folder.path().join("new"), "").unwrap();
    it.mailbox.touched("new".into());
    it.resource.watch().await.unwrap().close().await;
    advance(Duration::from_secs(1)).await;
    it.bus.assert_nothing();
}
