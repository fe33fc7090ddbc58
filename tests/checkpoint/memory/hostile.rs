//! Whatever stands in a folder of memories: it is named with what is wrong, harms no other, and is never written over.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;

use agentbus::checkpoint::memory::{
    MAX_SUMMARY_BYTES, MemoryDeleted, MemoryError, MemoryFilter, MemorySet, MemoryStore,
};
use agentbus::testing::RecordingEventBus;

use super::{command, file, store};
use crate::support::Home;

const KEY: &str = "deploy/target";

/// A folder with two memories.
fn home() -> Home {
    let home = Home::new();
    store(&home).set(KEY, "The staging cluster.", "agents/a").unwrap();
    store(&home).set("sound", "It is.", "agents/a").unwrap();
    home
}

/// What stands in a file that is no memory.
fn contents() -> Vec<Vec<u8>> {
    let sound = fs::read_to_string(file(&home(), KEY)).unwrap();
    let with = |keys: &str| format!("{},{keys}}}", sound.trim_end().trim_end_matches('}')).into_bytes();
    let replaced = |from: &str, to: &str| {
        assert!(sound.contains(from), "{sound}");
        sound.replace(from, to).into_bytes()
    };
    vec![
        Vec::new(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"[1,2]".to_vec(),
        vec![0; 4_096],
        b"\xff\xfe{}".to_vec(),
        sound.as_bytes()[..sound.len() / 2].to_vec(),
        [sound.as_bytes(), sound.as_bytes()].concat(),
        "[".repeat(100_000).into_bytes(),
        with(&format!("\"more\":{}{}", "{\"x\":".repeat(5_000), "1")),
        with("\"format\":1"),
        with("\"shoe\":1"),
        with("\"Revisions\":[]"),
        with("\"revision\u{17f}\":[]"),
        with("\"\\u017fummary\":\"CANARY\""),
        with("\"a\\\"}{\\\"b\":1"),
        replaced("\"format\":1", "\"format\":2"),
        replaced("\"dropped\":0", "\"dropped\":-1"),
        replaced("\"dropped\":0", "\"dropped\":18446744073709551615"),
        replaced("staging", "\\u001b[2JCANARY"),
        replaced("staging", "\\ud800"),
        replaced("The staging cluster.", " "),
        replaced(KEY, "another/key"),
        replaced(KEY, "a\\u0000b"),
        replaced("The staging cluster.", "sk-ant-api03-CANARYCANARYCANARYCANARYCANARYCANARY"),
        sound[..sound.find("\"revisions\"").unwrap()]
            .replace("\"dropped\"", "\"revisions\":[],\"dropped\"")
            .into_bytes(),
        replaced("The staging cluster.", &"x".repeat(MAX_SUMMARY_BYTES + 1)),
        replaced("The staging cluster.", &"x".repeat(600 << 10)),
    ]
}

#[test]
fn a_damaged_memory_is_named_left_as_it_is_and_takes_no_other_along() {
    for content in contents() {
        let home = home();
        fs::write(file(&home, KEY), &content).unwrap();
        let shown = String::from_utf8_lossy(&content[..content.len().min(300)]).into_owned();
        let (before, memories) = (home.tree(), store(&home));
        let refusals = [
            memories.get(KEY).unwrap_err(),
            memories.history(KEY).unwrap_err(),
            memories.set(KEY, "new", "agents/b").unwrap_err(),
            memories.delete(KEY).unwrap_err(),
        ];
        for refusal in refusals {
            let told = format!("{refusal} {refusal:?}");
            assert!(told.contains(&MemoryStore::file_of(KEY)), "{told}: {shown}");
            assert!(
                matches!(refusal, MemoryError::Corrupt { .. } | MemoryError::Secret { .. }),
                "{told}: {shown}"
            );
            assert!(!told.contains("CANARY") && !told.contains("another/key"), "{told}");
        }
        for listing in [memories.list(&MemoryFilter::all().prefix("s")), memories.search("SOUND", 9)] {
            let listing = listing.unwrap();
            assert_eq!((listing.memories.len(), listing.damaged.len()), (1, 1), "{shown}");
            assert_eq!(listing.damaged[0].file, MemoryStore::file_of(KEY));
        }
        assert_eq!(memories.set("sound", "Still.", "agents/b").unwrap().revision, 2);
        assert_eq!(fs::read(file(&home, KEY)).unwrap(), content);
        assert_eq!(home.tree().len(), before.len());
        // Moved away, its key can be set anew.
        fs::remove_file(file(&home, KEY)).unwrap();
        assert_eq!(memories.set(KEY, "new", "agents/b").unwrap().revision, 1);
    }
}

#[test]
fn what_is_no_regular_file_is_refused_not_followed_and_not_waited_for() {
    type Make = fn(&Home);
    let makes: [Make; 5] = [
        |home| symlink(home.outside(), file(home, KEY)).unwrap(),
        |home| symlink("nowhere", file(home, KEY)).unwrap(),
        |home| symlink("/dev/zero", file(home, KEY)).unwrap(),
        |home| fs::create_dir(file(home, KEY)).unwrap(),
        |home| assert!(Command::new("mkfifo").arg(file(home, KEY)).status().unwrap().success()),
    ];
    for make in makes {
        let home = home();
        fs::remove_file(file(&home, KEY)).unwrap();
        make(&home);
        let memories = store(&home);
        assert_eq!(memories.get(KEY).unwrap_err().kind(), "unsafe_target");
        assert_eq!(memories.set(KEY, "new", "agents/b").unwrap_err().kind(), "unsafe_target");
        assert_eq!(memories.delete(KEY).unwrap_err().kind(), "unsafe_target");
        let listing = memories.list(&MemoryFilter::all()).unwrap();
        assert_eq!((listing.memories.len(), listing.damaged.len()), (1, 1));
        home.assert_outside_untouched();
    }
}

#[test]
fn a_file_of_100_mb_is_not_read() {
    let home = home();
    File::create(file(&home, KEY)).unwrap().set_len(100 << 20).unwrap();
    assert!(store(&home).get(KEY).unwrap_err().to_string().contains("has more than"));
    assert_eq!(store(&home).list(&MemoryFilter::all()).unwrap().damaged.len(), 1);
}

#[test]
fn a_link_in_place_of_the_folder_is_refused() {
    let (home, elsewhere) = (home(), Home::new());
    let link = elsewhere.path().join("link");
    symlink(home.path(), &link).unwrap();
    for path in [link.clone(), link.join("")] {
        for opened in [MemoryStore::open(&path), MemoryStore::open_existing(&path)] {
            assert_eq!(opened.unwrap_err().kind(), "unsafe_target");
        }
    }
    assert!(matches!(
        MemoryStore::open_existing(elsewhere.path().join("none")),
        Err(MemoryError::NoFolder { .. })
    ));
}

#[test]
fn what_is_called_as_no_memory_is_listed_and_what_is_called_otherwise_is_passed_over() {
    let home = home();
    for name in ["memory-x.json", "memory-.json", "memory-$(touch x).json"] {
        fs::write(home.file(name), "{}").unwrap();
    }
    for name in ["notes.json", "checkpoint-x.json", ".tmp"] {
        fs::write(home.file(name), "{}").unwrap();
    }
    let listing = store(&home).list(&MemoryFilter::all()).unwrap();
    assert_eq!((listing.memories.len(), listing.damaged.len()), (2, 3));
    // One that was copied is told from the one it was copied from.
    fs::copy(file(&home, KEY), file(&home, "copy")).unwrap();
    assert!(store(&home).get("copy").unwrap_err().to_string().contains("not that of the key"));
}

#[test]
fn what_cannot_be_kept_is_refused_and_leaves_nothing() {
    let home = Home::new();
    let memories = store(&home);
    let long = "x".repeat(MAX_SUMMARY_BYTES + 1);
    for (key, summary, author, kind) in [
        ("", "x", "a", "invalid"),
        ("a\nb", "x", "a", "invalid"),
        (&"k".repeat(257), "x", "a", "invalid"),
        ("k", "", "a", "invalid"),
        ("k", " \n", "a", "invalid"),
        ("k", "\u{1b}[2J", "a", "invalid"),
        ("k", &long, "a", "too_large"),
        ("k", "x", "", "invalid"),
        ("k", "postgres://app:hunter2@db/main", "a", "secret"),
        ("db/password", "hunter2", "a", "secret"),
        ("postgres://app:hunter2@db/main", "x", "a", "secret"),
        ("k", "x", "postgres://app:hunter2@db/main", "secret"),
    ] {
        let refused = memories.set(key, summary, author).unwrap_err();
        assert_eq!(refused.kind(), kind, "{key:?} {author:?}");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }
    assert_eq!(home.tree().len(), 0);
    assert_eq!(memories.search(" ", 9).unwrap_err().kind(), "invalid");
    assert_eq!(memories.search(&"x".repeat(257), 9).unwrap_err().kind(), "too_large");
}

#[test]
fn keys_that_lead_elsewhere_or_that_a_shell_would_act_on_are_only_keys() {
    let home = Home::new();
    let keys =
        ["../../outside", "/etc/hosts", "..", ".lock", "$(touch x);`id`", "' --rf *", "-rf", "a\u{202e}b"];
    for key in keys {
        let set = command(&home, "set", &[key, "x"]).output().unwrap();
        assert_eq!(set.status.code(), Some(0), "{key}: {set:?}");
        let got = command(&home, "get", &[key]).output().unwrap();
        assert_eq!(got.status.code(), Some(0), "{key}: {got:?}");
        assert!(!String::from_utf8(got.stdout).unwrap().contains('\u{202e}'));
    }
    assert_eq!(store(&home).list(&MemoryFilter::all()).unwrap().memories.len(), keys.len());
    assert!(home.tree().keys().all(|path| path.to_str().unwrap().starts_with("memory-")));
    home.assert_outside_untouched();
}

#[test]
fn events_tell_the_key_and_never_the_summary_and_refusals_are_not_told() {
    let home = Home::new();
    let bus = RecordingEventBus::new();
    let memories = store(&home).with_bus(Some(std::sync::Arc::new(bus.clone())));
    memories.set("k", "CANARY", "agents/a").unwrap();
    let told = bus.only::<MemorySet>();
    assert_eq!(
        (told.memory.as_str(), told.revision, told.author.as_str(), told.bytes),
        ("k", 1, "agents/a", 6)
    );
    assert_eq!(told.event().actor_name().map(agentbus::event::Text::as_str), Some("agents/a"));
    memories.set("k", "postgres://app:hunter2@db/main", "a").unwrap_err();
    memories.get("k").unwrap();
    memories.delete("k").unwrap();
    memories.delete("k").unwrap_err();
    assert_eq!(bus.only::<MemoryDeleted>().revisions, 1);
    assert_eq!(bus.events().len(), 2);
    assert!(!bus.transcript().contains("CANARY"));
}

#[test]
fn names_that_no_memory_has_take_no_room() {
    let home = home();
    for number in 0..agentbus::checkpoint::memory::MAX_MEMORIES {
        File::create(home.file(format!("memory-.{number}"))).unwrap();
    }
    let listing = store(&home).list(&MemoryFilter::all()).unwrap();
    assert_eq!((listing.memories.len(), listing.left_out), (2, 2));
}

#[test]
fn a_count_that_goes_no_further_stays_and_the_memory_can_be_read() {
    let home = home();
    for number in 0..40 {
        store(&home).set(KEY, &format!("It is {number}."), "agents/a").unwrap();
    }
    let kept = fs::read_to_string(file(&home, KEY)).unwrap();
    fs::write(file(&home, KEY), kept.replace("\"dropped\":9", "\"dropped\":9007199254740992")).unwrap();
    store(&home).set(KEY, "Once more.", "agents/a").unwrap();
    assert_eq!(store(&home).get(KEY).unwrap().summary, "Once more.");
}
