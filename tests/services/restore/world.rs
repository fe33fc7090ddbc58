//! A bus with a journal, in memory or on disk.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbus::event::SessionCreated;
use agentbus::journal::{Durability, FileSystem, Journal, JournalReader, Position, Storage};
use agentbus::testing::FaultyStorage;
use agentbus::{DomainEvent, EventBus, EventBusExt, Filter, ReactiveEventBus, Subscription};
use tempfile::TempDir;

/// A bus with a journal whose segments are short.
pub(crate) struct World {
    storage: Arc<dyn Storage>,
    pub(crate) bus: ReactiveEventBus,
    /// How many events were emitted: the place that the last has in the journal, or will have.
    emitted: Arc<AtomicU64>,
    #[expect(dead_code, reason = "held: it counts as long as it lives")]
    counting: Subscription,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::on(Arc::new(FaultyStorage::new()))
    }

    fn on(storage: Arc<dyn Storage>) -> Self {
        let builder =
            Journal::builder_on(Arc::clone(&storage)).durability(Durability::Os).segment_bytes(4_096);
        let bus = ReactiveEventBus::builder().journal(builder.open().unwrap()).build();
        let emitted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&emitted);
        let counting = bus.on(Filter::all(), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { storage, bus, emitted, counting }
    }

    /// The place that the last event has, or will have.
    pub(super) fn place(&self) -> Option<Position> {
        Position::new(self.emitted.load(Ordering::Relaxed))
    }

    #[expect(clippy::unnecessary_wraps, reason = "services take a bus or none")]
    pub(crate) fn bus(&self) -> Option<Arc<dyn EventBus>> {
        Some(Arc::new(self.bus.clone()))
    }

    pub(crate) fn reader(&self) -> JournalReader {
        JournalReader::on(Arc::clone(&self.storage)).unwrap()
    }

    /// The place of the last event, now that all are recorded.
    pub(crate) async fn last(&self) -> Option<Position> {
        self.bus.flush().await.unwrap();
        self.reader().last().unwrap()
    }

    /// Something that is none of the service's business.
    pub(super) fn chatter(&self) {
        self.bus.emit(DomainEvent::new(SessionCreated::new(false)).with_plan_id("chatter"));
    }
}

/// A journal's directory on disk, to be damaged.
pub(super) struct Directory(TempDir);

impl Directory {
    pub(super) fn world() -> (Self, World) {
        let directory = tempfile::tempdir().unwrap();
        let world = World::on(Arc::new(FileSystem::new(directory.path())));
        (Self(directory), world)
    }

    pub(super) fn segments(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.0.path().join("segments")).unwrap();
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Changes the first line of which `holds` is part, so that it cannot be read.
    pub(super) fn damage(&self, holds: &str) {
        for file in self.segments() {
            let text = fs::read_to_string(&file).unwrap();
            if let Some(line) = text.lines().find(|line| line.contains(holds)) {
                fs::write(&file, text.replace(line, &line.replace("{\"pos\"", "{\"POS\""))).unwrap();
                return;
            }
        }
        panic!("no line holds {holds}");
    }
}
