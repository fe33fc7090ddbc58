//! Resources: what is read and changed by handlers, what is told of it, and what is refused.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use agentbus::event::{
    Hash, ResourceAccessed, ResourceChange, ResourceIndexed, ResourceModified, ResourceSource,
};
use agentbus::service::resource::{
    DirHandler, EntryKind, FileHandler, HandlerError, LoadIndexError, PathFault, RegisterResourceError,
    Resource, ResourceError, ResourceService,
};
use agentbus::testing::RecordingEventBus;
use tempfile::TempDir;

use crate::support::bus_of;

mod crowded;
mod repository;
mod unreadable;
mod watch;

/// A folder as a resource named `notes`, on a bus that records.
pub(crate) struct Notes {
    pub(crate) bus: RecordingEventBus,
    pub(crate) folder: TempDir,
    pub(crate) resources: ResourceService,
    pub(crate) resource: Resource,
}

impl Notes {
    pub(crate) fn new() -> Self {
        let (bus, folder) = (RecordingEventBus::new(), tempfile::tempdir().unwrap());
        let resources = ResourceService::new(Some(bus_of(&bus)));
        let handler = DirHandler::open(folder.path()).unwrap();
        let resource = resources.register("notes", Arc::new(handler)).unwrap();
        Self { bus, folder, resources, resource }
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn put(&self, path: &str, content: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    /// What was told of changes: how, of what, and how many bytes it has.
    pub(crate) fn changes(&self) -> Vec<(ResourceChange, String, Option<u64>)> {
        let told = self.bus.all::<ResourceModified>();
        told.iter().map(|one| (one.change, one.path.to_string(), one.bytes)).collect()
    }
}

#[tokio::test]
async fn what_is_written_can_be_read_listed_moved_and_deleted_and_each_is_told() {
    let it = Notes::new();
    it.resource.write("b/one.txt", "one").await.unwrap();
    it.resource.write("b/../b/./one.txt", "once").await.unwrap();
    assert_eq!(it.resources.read("notes", "b/one.txt").await.unwrap(), b"once");
    it.resources.rename("notes", "b/one.txt", "two.txt").await.unwrap();
    let listed = it.resources.list("notes", "").await.unwrap();
    let listed: Vec<_> = listed.iter().map(|entry| (entry.name.to_str().unwrap(), entry.stat.kind)).collect();
    assert_eq!(listed, [("b", EntryKind::Folder), ("two.txt", EntryKind::File)]);
    assert_eq!(it.resources.stat("notes", "two.txt").await.unwrap().bytes, 4);
    it.resource.clone().for_tools().delete("two.txt").await.unwrap();
    let told = [
        (ResourceChange::Created, "b/one.txt".to_owned(), Some(3)),
        (ResourceChange::Modified, "b/one.txt".to_owned(), Some(4)),
        (ResourceChange::Moved, "two.txt".to_owned(), Some(4)),
        (ResourceChange::Deleted, "two.txt".to_owned(), None),
    ];
    assert_eq!(it.changes(), told);
    let modified = it.bus.all::<ResourceModified>();
    assert_eq!(modified[2].from_path.as_deref(), Some("b/one.txt"));
    let sources: Vec<_> = modified.iter().map(|one| one.source).collect();
    let service = ResourceSource::Service;
    assert_eq!(sources, [service, service, service, ResourceSource::Tool]);
    let accessed: Vec<_> =
        it.bus.all::<ResourceAccessed>().iter().map(|one| (one.operation.as_str(), one.bytes)).collect();
    assert_eq!(accessed, [("read", 4), ("list", 0), ("stat", 0)]);
}

#[tokio::test]
async fn what_is_refused_changes_nothing_and_tells_nothing() {
    let it = Notes::new();
    it.put("a", "a");
    it.put("b", "b");
    fs::create_dir(it.at("folder")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(it.at("pipe")).status().unwrap().success());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path().join("secret"), it.at("link")).unwrap();
    symlink(outside.path(), it.at("way")).unwrap();
    symlink("loop", it.at("loop")).unwrap();
    for path in ["link", "way/secret", "way/new", "folder", "pipe", "loop"] {
        assert!(it.resource.write(path, "gotcha").await.is_err(), "{path}");
        assert!(it.resource.read(path).await.is_err(), "{path}");
    }
    for (path, fault) in
        [("/etc/passwd", PathFault::Absolute), ("a/../../x", PathFault::Outside), ("a\0", PathFault::Zero)]
    {
        let refused = it.resource.write(path, "gotcha").await.unwrap_err();
        assert!(matches!(refused, ResourceError::Path { fault: found, .. } if found == fault), "{refused}");
    }
    let occupied = it.resource.rename("a", "b").await.unwrap_err();
    assert!(matches!(occupied, ResourceError::Handler { source: HandlerError::Occupied, .. }), "{occupied}");
    let changed = it.resource.replace("a", &Hash::of("b"), "c").await.unwrap_err();
    assert!(matches!(changed, ResourceError::Changed { .. }), "{changed}");
    for absent in [it.resource.delete("none").await, it.resource.read("none").await.map(drop)] {
        assert!(matches!(absent, Err(ResourceError::Handler { source: HandlerError::Absent, .. })));
    }
    assert!(matches!(it.resources.read("nothing", "a").await, Err(ResourceError::Unknown { .. })));
    it.bus.assert_nothing();
    assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(
        (fs::read(it.at("a")).unwrap(), fs::read(it.at("b")).unwrap()),
        (b"a".to_vec(), b"b".to_vec())
    );
    let left = fs::read_dir(it.folder.path()).unwrap().count();
    assert_eq!(left, 7, "nothing half written is left");
}

#[tokio::test]
async fn a_write_keeps_the_mode_and_the_link_and_leaves_other_names_of_the_file_alone() {
    let it = Notes::new();
    it.put("bin/run", "old");
    fs::set_permissions(it.at("bin/run"), fs::Permissions::from_mode(0o751)).unwrap();
    fs::hard_link(it.at("bin/run"), it.at("other")).unwrap();
    symlink("bin/run", it.at("link")).unwrap();
    it.resource.write("link", "new").await.unwrap();
    assert_eq!(fs::read_to_string(it.at("bin/run")).unwrap(), "new");
    assert_eq!(fs::metadata(it.at("bin/run")).unwrap().mode() & 0o7777, 0o751);
    assert!(fs::symlink_metadata(it.at("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(it.at("other")).unwrap(), "old", "it might lie outside");
}

#[tokio::test]
async fn a_file_is_a_resource_of_its_own() {
    let it = Notes::new();
    it.put("near", "near");
    let handler = FileHandler::open(it.at("diary")).unwrap();
    let diary = it.resources.register("diary", Arc::new(handler)).unwrap();
    diary.write("", "dear").await.unwrap();
    assert_eq!(diary.read("diary").await.unwrap(), b"dear");
    assert!(diary.read("near").await.is_err());
    assert!(matches!(diary.rename("", "x").await, Err(ResourceError::Unsupported { .. })));
    assert!(diary.index().await.is_err());
    assert_eq!(it.changes(), [(ResourceChange::Created, ".".to_owned(), Some(4))]);
    assert!(FileHandler::open(it.folder.path()).is_err());
}

#[tokio::test]
async fn a_link_is_no_file_of_its_own_whenever_it_was_put_there() {
    let it = Notes::new();
    it.put("near", "near");
    symlink("near", it.at("link")).unwrap();
    let refused = FileHandler::open(it.at("link")).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    let handler = FileHandler::open(it.at("diary")).unwrap();
    let diary = it.resources.register("diary", Arc::new(handler)).unwrap();
    symlink("near", it.at("diary")).unwrap();
    let read = diary.read("").await.map(drop);
    for refused in [read, diary.write("", "dear").await] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, ResourceError::Handler { source: HandlerError::Kind { .. }, .. }),
            "{refused}"
        );
    }
    assert_eq!(fs::read_to_string(it.at("near")).unwrap(), "near");
    assert_eq!(diary.stat("").await.unwrap().kind, EntryKind::Link);
    assert!(it.changes().is_empty());
    diary.delete("").await.unwrap();
    assert_eq!(fs::read_to_string(it.at("near")).unwrap(), "near");
}

#[tokio::test]
async fn an_index_is_told_in_numbers_and_kept() {
    let it = Notes::new();
    it.put("a", "one");
    it.put("b/c", "three");
    assert!(it.resources.indexed("notes").unwrap().is_none());
    it.resource.index().await.unwrap();
    it.put("a", "another");
    fs::remove_file(it.at("b/c")).unwrap();
    it.put("d", "");
    let report = it.resources.index("notes").await.unwrap();
    assert_eq!(
        (report.added, report.changed, report.removed),
        (vec!["d".into()], vec!["a".into()], vec!["b/c".into()])
    );
    let told = it.bus.all::<ResourceIndexed>();
    let numbers =
        |one: &ResourceIndexed| (one.files, one.added, one.changed, one.removed, one.bytes, one.incremental);
    assert_eq!(
        told.iter().map(|one| numbers(one)).collect::<Vec<_>>(),
        [(2, 2, 0, 0, 8, false), (2, 1, 1, 1, 7, true)]
    );
    let kept = it.resource.indexed().unwrap();
    assert_eq!(kept.file("a").map(|file| *file.hash()), Some(Hash::of("another")));
}

#[test]
fn a_name_is_taken_once_and_must_fit_into_an_event() {
    let it = Notes::new();
    let register = |name: &str| it.resources.register(name, Arc::new(DirHandler::open("/").unwrap()));
    assert!(matches!(register("notes"), Err(RegisterResourceError::Exists { .. })));
    for name in ["", "a\nb", &"a".repeat(257)] {
        assert!(matches!(register(name), Err(RegisterResourceError::Name { .. })), "{name}");
    }
    it.resources.unregister("notes").unwrap();
    assert!(it.resources.unregister("notes").is_err() && it.resources.names().is_empty());
    register("notes").unwrap();
}

#[tokio::test]
async fn a_new_process_goes_on_from_a_stored_index_and_a_damaged_one_is_refused() {
    let it = Notes::new();
    it.put("a", "one");
    it.put("b c\n/%", "two");
    let place = tempfile::tempdir().unwrap();
    let stored = place.path().join("index.json");
    assert!(!it.resource.save_index(&stored).await.unwrap(), "there is none yet");
    it.resource.index().await.unwrap();
    assert!(it.resource.save_index(&stored).await.unwrap());

    let next = Notes { folder: it.folder, ..Notes::new() };
    let handler = DirHandler::open(next.folder.path()).unwrap();
    next.resources.unregister("notes").unwrap();
    let notes = next.resources.register("notes", Arc::new(handler)).unwrap();
    let loaded = notes.load_index(&stored).await.unwrap();
    assert_eq!(loaded.files().len(), 2);
    let report = notes.index().await.unwrap();
    assert!(report.incremental && report.added.is_empty() && report.changed.is_empty());

    let other = next.resources.register("other", Arc::new(DirHandler::open("/").unwrap())).unwrap();
    assert!(matches!(other.load_index(&stored).await, Err(LoadIndexError::Resource { .. })));
    let text = fs::read_to_string(&stored).unwrap();
    let is_refused = |text: &str| {
        fs::write(&stored, text).unwrap();
        let (notes, stored) = (notes.clone(), stored.clone());
        async move { notes.load_index(&stored).await.unwrap_err() }
    };
    assert!(matches!(is_refused(&text[..text.len() / 2]).await, LoadIndexError::Malformed { .. }));
    assert!(matches!(is_refused("").await, LoadIndexError::Malformed { .. }));
    let version = text.replace("\"schema_version\":1", "\"schema_version\":2");
    assert!(matches!(is_refused(&version).await, LoadIndexError::Version { actual: 2, .. }));
    let changed = text.replace("\"path\":\"a\"", "\"path\":\"c\"");
    assert!(matches!(is_refused(&changed).await, LoadIndexError::Checksum { .. }));
    let hostile = text.replace("\"path\":\"a\"", "\"path\":\"../a\"");
    assert!(matches!(is_refused(&hostile).await, LoadIndexError::Malformed { .. }));
    fs::remove_file(&stored).unwrap();
    assert!(matches!(notes.load_index(&stored).await, Err(LoadIndexError::Io { .. })));
}
