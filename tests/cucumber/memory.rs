//! Steps of `features/memory.feature`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use agentbus::DomainEvent;
use agentbus::checkpoint::memory::{
    DeletedMemory, Memory, MemoryError, MemoryFilter, MemoryListing, MemoryStore,
};
use agentbus::testing::RecordingEventBus;
use cucumber::{World, given, then, when};
use tempfile::TempDir;

pub(crate) async fn run() -> bool {
    crate::told::run::<Memories>("memory.feature").await
}

const DAMAGED: &str = "no memory";

#[derive(Debug, World)]
#[world(init = Self::new)]
struct Memories {
    temp: TempDir,
    store: MemoryStore,
    bus: RecordingEventBus,
    /// What the last verb told.
    told: Vec<Arc<DomainEvent>>,
    deleted: Option<DeletedMemory>,
    refusal: Option<MemoryError>,
}

impl Memories {
    fn new() -> Self {
        let temp = TempDir::new().expect("a temporary directory can be made");
        let bus = RecordingEventBus::default();
        let store = MemoryStore::open(temp.path().join("folder")).expect("it can be made");
        let store = store.with_bus(Some(Arc::new(bus.clone())));
        Self { temp, store, bus, told: Vec::new(), deleted: None, refusal: None }
    }

    fn file(&self, key: &str) -> PathBuf {
        self.temp.path().join("folder").join(MemoryStore::file_of(key))
    }

    /// Keeps what a verb came to, and what it told.
    fn done<T>(&mut self, result: Result<T, MemoryError>) -> Option<T> {
        self.told = self.bus.take();
        match result {
            Ok(done) => {
                self.refusal = None;
                Some(done)
            }
            Err(error) => {
                self.refusal = Some(error);
                None
            }
        }
    }

    fn sets(&mut self, author: &str, key: &str, summary: &str) {
        let set = self.store.set(key, summary, author);
        self.done(set);
    }

    fn list(&self, filter: &MemoryFilter) -> MemoryListing {
        self.store.list(filter).expect("it can be listed")
    }
}

fn keys(memories: &[Memory]) -> String {
    memories.iter().map(|memory| memory.key.as_str()).collect::<Vec<_>>().join(", ")
}

#[given("an empty folder of memories")]
fn an_empty_folder(world: &mut Memories) {
    assert!(world.list(&MemoryFilter::all()).memories.is_empty());
}

#[when(expr = "{string} sets {string} to {string}")]
fn sets(world: &mut Memories, author: String, key: String, summary: String) {
    world.sets(&author, &key, &summary);
}

#[when(expr = "{string} sets {string} to {int} bytes")]
fn sets_bytes(world: &mut Memories, author: String, key: String, bytes: usize) {
    world.sets(&author, &key, &"x".repeat(bytes));
}

#[when(expr = "{string} sets {string} to its number {int} times")]
fn sets_often(world: &mut Memories, author: String, key: String, times: u64) {
    for number in 1..=times {
        world.sets(&author, &key, &number.to_string());
    }
}

#[when(expr = "{string} is deleted")]
fn is_deleted(world: &mut Memories, key: String) {
    let deleted = world.store.delete(&key);
    world.deleted = world.done(deleted);
}

#[when(expr = "{string} is asked for")]
fn is_asked_for(world: &mut Memories, key: String) {
    let got = world.store.get(&key);
    world.done(got);
}

#[when(expr = "the file of {string} is damaged")]
fn is_damaged(world: &mut Memories, key: String) {
    fs::write(world.file(&key), DAMAGED).expect("it can be written");
}

#[when(expr = "the file of {string} is moved elsewhere")]
fn is_moved(world: &mut Memories, key: String) {
    fs::rename(world.file(&key), world.temp.path().join("elsewhere")).expect("it can be moved");
}

#[then(expr = "{string} is {string}, revision {int}, by {string}")]
fn is_known(world: &mut Memories, key: String, summary: String, revision: u64, author: String) {
    let memory = world.store.get(&key).expect("it is known");
    assert_eq!(
        (memory.summary, memory.revision, memory.author.as_str()),
        (summary, revision, author.as_str())
    );
}

#[then(expr = "the history of {string} is {string}")]
fn history_is(world: &mut Memories, key: String, summaries: String) {
    let history = world.store.history(&key).expect("it is known");
    let found: Vec<_> = history.revisions.iter().map(|revision| revision.summary.as_str()).collect();
    assert_eq!(found.join("; "), summaries);
}

#[then(expr = "the history of {string} has {int} revisions, and {int} were dropped")]
fn history_has(world: &mut Memories, key: String, revisions: usize, dropped: u64) {
    let history = world.store.history(&key).expect("it is known");
    assert_eq!((history.revisions.len(), history.dropped), (revisions, dropped));
}

#[then(expr = "the list is {string}")]
fn list_is(world: &mut Memories, expected: String) {
    assert_eq!(keys(&world.list(&MemoryFilter::all()).memories), expected);
}

#[then(expr = "the list is {string}, and one is damaged")]
fn list_has_damage(world: &mut Memories, expected: String) {
    let listing = world.list(&MemoryFilter::all());
    assert_eq!((keys(&listing.memories), listing.damaged.len()), (expected, 1));
}

#[then(expr = "the list of those that begin with {string} is {string}")]
fn list_by_prefix(world: &mut Memories, prefix: String, expected: String) {
    assert_eq!(keys(&world.list(&MemoryFilter::all().prefix(prefix)).memories), expected);
}

#[then(expr = "the list of those by {string} is {string}")]
fn list_by_author(world: &mut Memories, author: String, expected: String) {
    assert_eq!(keys(&world.list(&MemoryFilter::all().author(author)).memories), expected);
}

#[then(expr = "a search for {string} finds {string}")]
fn search_finds(world: &mut Memories, text: String, expected: String) {
    let listing = world.store.search(&text, 10).expect("it can be searched");
    assert_eq!(keys(&listing.memories), expected);
}

#[then(expr = "it is told {string}")]
fn is_told(world: &mut Memories, kind: String) {
    let kinds: Vec<_> = world.told.iter().map(|event| event.type_name()).collect();
    assert_eq!(kinds, [kind.as_str()]);
}

#[then(expr = "what is told says {string} and not {string}")]
fn told_says(world: &mut Memories, said: String, unsaid: String) {
    let told: String = world.told.iter().map(|event| event.details_json().expect("it has a form")).collect();
    assert!(told.contains(&said) && !told.contains(&unsaid), "{told}");
}

#[then("nothing is told")]
fn nothing_is_told(world: &mut Memories) {
    assert!(world.told.is_empty(), "{:?}", world.told);
}

#[then(expr = "{int} revisions are gone")]
fn revisions_are_gone(world: &mut Memories, revisions: u64) {
    assert_eq!(world.deleted.as_ref().map(|deleted| deleted.revisions), Some(revisions));
}

#[then(expr = "it is refused as {string}: {string}")]
fn is_refused(world: &mut Memories, kind: String, reason: String) {
    let refusal = world.refusal.as_ref().expect("it was not refused");
    assert_eq!(refusal.kind(), kind, "{refusal}");
    assert!(refusal.to_string().contains(&reason), "refused for another reason: {refusal}");
}

#[then(expr = "the file of {string} is as it was damaged")]
fn is_as_it_was(world: &mut Memories, key: String) {
    assert_eq!(fs::read_to_string(world.file(&key)).expect("it is there"), DAMAGED);
}
