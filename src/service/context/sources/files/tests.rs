//! Files, through a resource that tells what is read of it.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::event::EventType;
use crate::service::context::{Detail, Snippet};
use crate::service::resource::{DirHandler, ResourceService};
use crate::testing::RecordingEventBus;

struct World {
    folder: TempDir,
    bus: RecordingEventBus,
    resource: Resource,
    source: FileSource,
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = RecordingEventBus::new();
        let resources = ResourceService::new(Some(Arc::new(bus.clone())));
        let handler = Arc::new(DirHandler::open(folder.path()).unwrap());
        let resource = resources.register("dir://project", handler).unwrap();
        let world = Self { folder, bus, source: FileSource::new(resource.clone()), resource };
        for (path, text) in files {
            world.write(path, text);
        }
        world
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn search(&self, query: &str) -> Vec<String> {
        let found = self.source.search(&Query::new(query)).await.unwrap();
        found.iter().map(|found| found.id().to_owned()).collect()
    }

    /// How often a file was read since the last time.
    fn reads(&self) -> usize {
        self.bus.take().iter().filter(|event| event.event_type() == EventType::ResourceAccessed).count()
    }
}

const GREETER: &str = "//! Greets.\n\n/// Greets politely.\npub fn greet(name: &str) -> String {\n    format!(\"hello {name}\")\n}\n";

#[tokio::test]
async fn files_are_found_by_their_words_and_paths() {
    let world = World::new(&[
        ("src/greeter.rs", GREETER),
        ("src/parser.rs", "pub fn parse() {}\n"),
        ("docs/deep/manual.md", "# How to greet\n\nSay hello.\n"),
        ("Cargo.lock", "hello\n"),
    ]);
    assert_eq!(world.search("parser").await, ["src/parser.rs"]);
    let request = ContextRequest::new("greet hello", 1_000);
    let found = world.source.gather(&request).await.unwrap();
    let ids: Vec<_> = found.iter().map(Fragment::id).collect();
    assert_eq!(ids, ["Cargo.lock", "docs/deep/manual.md", "src/greeter.rs"]);
    let figures: Vec<_> =
        found.iter().map(|found| (found.depth(), (found.quality() * 2.0).round())).collect();
    assert_eq!(format!("{figures:?}"), "[(0, 1.0), (2, 2.0), (1, 2.0)]");
    let greeter = &found[2];
    assert_eq!(greeter.text(Detail::Full), Some(GREETER));
    assert_eq!(greeter.text(Detail::Outline), Some("4: pub fn greet(name: &str) -> String\n"));
    assert_eq!(greeter.text(Detail::Line), Some("4: pub fn greet(name: &str) -> String {"));
    let greeter_again = world.source.search(&Query::new("politely")).await.unwrap().remove(0);
    assert!(greeter.snippets().is_empty() && greeter_again.snippets()[0].line == 2, "{greeter_again:?}");
    assert!(greeter.time().is_some() && greeter.relevance() > 0.0);
    assert!(world.search("unicorn").await.is_empty());
}

#[tokio::test]
async fn what_is_unchanged_is_not_read_again() {
    let world = World::new(&[("a.txt", "one fox"), ("b.txt", "two foxes"), ("c.txt", "a fox")]);
    world.source.catch_up().await.unwrap();
    assert_eq!((world.reads(), world.source.texts()), (3, 3));
    for _ in 0..3 {
        assert_eq!(world.search("fox").await, ["a.txt", "c.txt"]);
    }
    assert_eq!(world.reads(), 0);
    world.write("b.txt", "no more foxes, but a fox of another size");
    fs::remove_file(world.folder.path().join("a.txt")).unwrap();
    world.write("d/new.txt", "another fox");
    assert_eq!(world.search("fox").await, ["a.txt", "c.txt"], "so says the last index");
    world.resource.index().await.unwrap();
    world.reads();
    assert_eq!(world.search("fox").await, ["c.txt", "d/new.txt", "b.txt"]);
    assert_eq!((world.reads(), world.source.texts()), (2, 3));
}

#[tokio::test]
async fn what_is_no_text_or_too_large_is_left_out_and_read_once() {
    let world = World::new(&[("a.txt", "fox"), ("zero.txt", "fox\0")]);
    world.write("latin.txt", b"fox \xff");
    world.write("large.txt", "fox ".repeat(MAX_TEXT_BYTES / 4 + 1));
    assert_eq!(world.search("fox").await, ["a.txt"]);
    assert_eq!((world.source.texts(), world.source.left_out(), world.reads()), (1, 3, 3));
    assert_eq!((world.search("fox").await.len(), world.reads()), (1, 0));
}

#[tokio::test]
async fn what_cannot_be_read_is_tried_again_the_next_time() {
    let world = World::new(&[("a.txt", "fox"), ("b.txt", "fox")]);
    world.resource.index().await.unwrap();
    fs::remove_file(world.folder.path().join("b.txt")).unwrap();
    assert_eq!(world.search("fox").await, ["a.txt"]);
    world.write("b.txt", "fox");
    assert_eq!(world.search("fox").await, ["a.txt", "b.txt"]);
}

#[tokio::test]
async fn a_file_that_changed_behind_its_index_is_read_until_an_index_knows() {
    let world = World::new(&[("a.txt", "fox")]);
    world.resource.index().await.unwrap();
    world.write("a.txt", "a dog");
    assert_eq!(world.search("dog").await, ["a.txt"]);
    world.write("a.txt", "fox");
    assert_eq!(world.search("fox").await, ["a.txt"]);
    world.reads();
    assert_eq!((world.search("fox").await.len(), world.reads()), (1, 0));
}

#[tokio::test]
async fn secrets_are_masked_before_a_text_is_taken_apart() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQfox\n-----END PRIVATE KEY-----\n";
    let world = World::new(&[("key.txt", &format!("a fox\n{pem}\nand sk-live-51H8xQ2eZvKYlo2C\n"))]);
    assert!(world.search("MIIEvQfox").await.is_empty() && world.search("51H8xQ2eZvKYlo2C").await.is_empty());
    let found = world.source.search(&Query::new("fox")).await.unwrap().remove(0);
    assert_eq!(found.text(Detail::Full), Some("a fox\n[redacted]\n\nand [redacted]\n"));
    assert_eq!(found.snippets(), [Snippet::new(1, "a fox\n[redacted]")]);
}

#[tokio::test]
async fn two_that_look_at_once_read_each_file_once() {
    let world = World::new(&[("a.txt", "fox"), ("b.txt", "fox")]);
    world.resource.index().await.unwrap();
    world.reads();
    let (one, other) = tokio::join!(world.search("fox"), world.search("fox"));
    assert_eq!((one.len(), other.len(), world.reads()), (2, 2, 2));
}

#[tokio::test]
async fn a_folder_that_is_gone_fails() {
    let world = World::new(&[("a.txt", "fox")]);
    let World { folder, source, .. } = world;
    folder.close().unwrap();
    let failed = source.search(&Query::new("fox")).await.unwrap_err();
    assert!(
        matches!(&failed, SourceError::Failed { message } if message.starts_with("cannot index")),
        "{failed}"
    );
    let source = source.named("docs").with_at_most(NonZeroUsize::MIN);
    assert_eq!(source.name(), "docs");
}
