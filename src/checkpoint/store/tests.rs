//! The verbs when a step fails, when the process dies at one, and when somebody interferes. What they do when all goes
//! well stands in `features/checkpoint.feature` and `tests/checkpoint`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::bus::{EventBusExt as _, ReactiveEventBus};
use crate::checkpoint::folder::{LOCK, Remedy, Seam, TEMPORARY};
use crate::checkpoint::model::{CheckpointDraft, CheckpointStatus};
use crate::checkpoint::strike::{Fault, at_every_step};
use crate::event::Timestamp;
use crate::filter::Filter;

mod crash;
mod denied;
mod swapped;

/// What a malformed file holds.
const GARBAGE: &str = "{ no checkpoint";

/// The name of a malformed file.
const MALFORMED: &str = "checkpoint-malformed.json";

/// A folder in which there are checkpoints, and a file beside it that nobody may touch.
struct Home {
    temp: TempDir,
    active: String,
    resolved: String,
    events: Arc<Mutex<Vec<String>>>,
    bus: ReactiveEventBus,
    /// Keeps the events coming.
    _subscription: crate::bus::Subscription,
}

/// Everything in a folder: content and mode of each file, but those of the lock.
type Tree = BTreeMap<PathBuf, (Vec<u8>, u32)>;

impl Home {
    /// One with an active checkpoint, a resolved one, and a malformed file.
    fn new() -> Self {
        let temp = TempDir::new().unwrap();
        fs::write(temp.path().join("outside"), "outside").unwrap();
        let home = temp.path().join("folder");
        fs::create_dir(&home).unwrap();
        // Written without the store: it would sync each, and there are thousands of homes.
        let saved_at = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
        let draft = CheckpointDraft::new("agents/planner", "s-1", "action");
        let mut checkpoint = SessionCheckpoint::new(draft, saved_at, None);
        let [active, resolved] = ["checkpoint-active.json", "checkpoint-resolved.json"].map(str::to_owned);
        fs::write(home.join(&active), checkpoint.to_line()).unwrap();
        fs::set_permissions(home.join(&active), PermissionsExt::from_mode(0o640)).unwrap();
        checkpoint.status = CheckpointStatus::Resolved;
        fs::write(home.join(&resolved), checkpoint.to_line()).unwrap();
        fs::write(home.join(MALFORMED), GARBAGE).unwrap();
        let (events, bus) = (Arc::<Mutex<Vec<String>>>::default(), ReactiveEventBus::new());
        let told = Arc::clone(&events);
        let subscription = bus.on(Filter::all(), move |event| {
            told.lock().unwrap().push(event.type_name().to_owned());
        });
        Self { temp, active, resolved, events, bus, _subscription: subscription }
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join("folder")
    }

    /// The store, on whose steps the fault strikes.
    fn store(&self, fault: &Arc<Fault>) -> CheckpointStore {
        let folder = Folder::open_asking(&self.path(), Arc::clone(fault) as Arc<dyn Seam>).unwrap();
        CheckpointStore::on(folder).with_bus(Some(Arc::new(self.bus.clone())))
    }

    fn told(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        read_tree(&self.path(), Path::new(""), &mut tree);
        tree
    }

    #[track_caller]
    fn assert_outside_untouched(&self) {
        assert_eq!(fs::read_to_string(self.temp.path().join("outside")).unwrap(), "outside");
        assert_eq!(fs::read_dir(self.temp.path()).unwrap().count(), 2, "nothing was made outside");
    }
}

fn read_tree(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read_tree(root, &path, tree);
        } else if kind.is_file() && path != Path::new(LOCK) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            tree.insert(path, (fs::read(entry.path()).unwrap(), mode));
        }
    }
}

/// What a verb comes to, whatever it answers.
type Verb = fn(&Home, &CheckpointStore) -> Result<(), CheckpointError>;

/// The verbs that write.
const VERBS: [(&str, Verb); 5] = [
    ("created", |_, store| store.create(&CheckpointDraft::new("a", "s-2", "p")).map(drop)),
    ("resolved", |home, store| store.resolve(&home.active).map(drop)),
    ("abandoned", |home, store| store.abandon(&home.active, "why", "me").map(drop)),
    ("quarantined", |_, store| store.quarantine(MALFORMED, "why", "me").map(drop)),
    ("archived", |_, store| {
        let mut report = store.cleanup(Duration::ZERO)?;
        // The malformed one is an error too, and none of moving.
        report.errors.retain(|malformed| malformed.file != MALFORMED);
        report.errors.sort_by_key(|malformed| malformed.error.kind() != "indeterminate");
        match report.errors.into_iter().next() {
            // Where one of two was archived, this call did something, and told of it.
            Some(malformed) if report.archived.is_empty() => Err(malformed.error),
            _ => Ok(()),
        }
    }),
];
