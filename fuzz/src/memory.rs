//! The file of a memory, in a folder that holds another one.

use std::fs;

use agentbus::checkpoint::memory::{MAX_REVISIONS, MemoryError, MemoryFilter, MemoryStore};
use tempfile::TempDir;

/// The key of the other memory.
const SOUND: &str = "sound";

thread_local! {
    /// A folder with a sound memory; making one for each input would be most of the work.
    static FOLDER: TempDir = {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        store(&folder).set(SOUND, "It is.", "fuzz").expect("it can be set");
        folder
    };
}

fn store(folder: &TempDir) -> MemoryStore {
    MemoryStore::open_existing(folder.path()).expect("the folder is there")
}

/// What is a memory can be read, set once more and deleted; what is none is named and left as it is; neither harms another.
pub fn memory(input: &[u8]) {
    let key = key_of(input);
    if key == SOUND {
        return;
    }
    FOLDER.with(|folder| {
        let (memories, path) = (store(folder), folder.path().join(MemoryStore::file_of(&key)));
        fs::write(&path, input).expect("it can be written");
        if memories.history(&key).is_ok() {
            sound(&memories, &key);
        } else {
            memories.set(&key, "once more", "fuzz").expect_err("what is damaged is not written over");
            memories.delete(&key).expect_err("nor deleted");
            assert_eq!(fs::read(&path).expect("it is there"), input);
            let listing = memories.list(&MemoryFilter::all()).expect("it can be listed");
            assert_eq!((listing.memories.len(), listing.damaged.len()), (1, 1));
        }
        // Gone already if it was sound.
        drop(fs::remove_file(&path));
        assert_eq!(memories.get(SOUND).expect("it is there").revision, 1);
    });
}

/// The key that the input names, so that it can stand in a file of the right name.
fn key_of(input: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(input).ok();
    let key = json.and_then(|json| Some(json.get("key")?.as_str()?.to_owned()));
    key.unwrap_or_default()
}

fn sound(memories: &MemoryStore, key: &str) {
    let history = memories.history(key).expect("it was read before");
    assert!((1..=MAX_REVISIONS).contains(&history.revisions.len()));
    assert!(history.revisions.windows(2).all(|two| two[0].revision == two[1].revision + 1));
    let found = memories.search(key, MAX_REVISIONS).map(|listing| listing.memories.len());
    // A key that is blank cannot be searched.
    assert!(found.is_err() || found.is_ok_and(|found| found >= 1));
    match memories.set(key, "once more", "fuzz") {
        Ok(memory) => assert_eq!(memory, memories.get(key).expect("it was set")),
        // Under such a key only what is masked already is no secret.
        Err(MemoryError::Secret { .. }) => assert_eq!(memories.history(key).expect("it stays"), history),
        Err(error) => panic!("what can be read can be set: {error}"),
    }
    memories.delete(key).expect("what can be read can be deleted");
    assert!(matches!(memories.get(key), Err(MemoryError::NotFound)));
}
