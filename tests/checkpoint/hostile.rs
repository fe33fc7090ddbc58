//! Whatever stands in a folder: it is listed with the reason, refused by each verb, and nothing outside is touched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use agentbus::checkpoint::{CheckpointFilter, CheckpointStore};

use crate::support::{DRAFT, Home};

/// What stands in a file that is no checkpoint, and of what kind that is.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let sound = {
        let (home, file) = Home::with_checkpoint();
        fs::read_to_string(home.file(file)).unwrap()
    };
    let with = |keys: &str| format!("{},{keys}}}", sound.trim_end().trim_end_matches('}')).into_bytes();
    let abandoned = |keys: &str| {
        let when = "\"disposition\":\"abandoned\",\"abandoned_at\":\"2036-01-01T00:00:00Z\"";
        let json = String::from_utf8(with(&format!("{keys},{when}"))).unwrap();
        json.replace("active", "abandoned").into_bytes()
    };
    vec![
        ("corrupt", Vec::new()),
        ("corrupt", b"{".to_vec()),
        ("corrupt", vec![0; 4_096]),
        ("corrupt", b"\xff\xfe{}".to_vec()),
        ("corrupt", sound.as_bytes()[..sound.len() / 2].to_vec()),
        ("corrupt", [sound.as_bytes(), sound.as_bytes()].concat()),
        ("corrupt", "[".repeat(60_000).into_bytes()),
        ("corrupt", with(&format!(r#""context":{}{}"#, r#"{"x":"#.repeat(5_000), "1"))),
        ("corrupt", with(&format!(r#""context":{{"x":{}{}}}"#, "[".repeat(9_000), "]".repeat(9_000)))),
        ("corrupt", with(r#""resume_hint":"\ud800""#)),
        ("invalid", b"[]".to_vec()),
        ("invalid", b"null".to_vec()),
        ("invalid", b"{}".to_vec()),
        ("invalid", with(r#""\u0053tatus":"active""#)),
        ("invalid", with(r#""\u017fession_id":"CANARY""#)),
        ("invalid", with(r#""status":"resolved""#)),
        ("invalid", with(r#""a\"}{\"b":1"#)),
        ("invalid", with(r#""progress":{"shoe":[]}"#)),
        ("invalid", sound.replace("active", "asleep").into_bytes()),
        ("invalid", sound.replace("\"s-1\"", "\"a\\u0000b\"").into_bytes()),
        ("not_conforming", sound.replace("\"schema_version\":1", "\"schema_version\":7").into_bytes()),
        ("not_conforming", sound.replace("active", "abandoned").into_bytes()),
        ("not_conforming", abandoned("\"operator\":\"o\"")),
        ("not_conforming", abandoned("\"reason\":\"CANARY\\n\",\"operator\":\"o\"")),
        ("not_conforming", abandoned("\"reason\":\"\",\"operator\":\"o\"")),
        ("not_conforming", with("\"disposition\":\"abandoned\"")),
        ("invalid", with("\"journal\":\"CANARY\"")),
        ("secret", with(r#""context":{"password":"hunter22"}"#)),
        ("too_large", with(&format!(r#""resume_hint":"{}""#, "x".repeat(80_000)))),
    ]
}

#[test]
fn each_kind_of_damage_is_listed_with_the_reason_and_changes_nothing() {
    for (kind, content) in contents() {
        let (home, sound) = Home::with_checkpoint();
        fs::write(home.file("checkpoint-x.json"), &content).unwrap();
        let shown = String::from_utf8_lossy(&content[..content.len().min(60)]).into_owned();
        let before = home.tree();
        let store = home.store();
        let listing = store.list(&CheckpointFilter::all().agent("nobody")).unwrap();
        assert_eq!(listing.checkpoints.len(), 0);
        let [malformed] = &listing.malformed[..] else { panic!("{shown}: {listing:?}") };
        assert_eq!((malformed.file.as_str(), malformed.error.kind()), ("checkpoint-x.json", kind), "{shown}");
        assert!(!malformed.error.advice().is_empty());
        let told = format!("{} {:?}", malformed.error, malformed.error);
        assert!(!told.contains("hunter22") && !told.contains("CANARY") && !told.contains("asleep"), "{told}");
        for refused in [store.resolve("checkpoint-x.json"), store.abandon("checkpoint-x.json", "r", "o")] {
            assert_eq!(refused.unwrap_err().kind(), kind, "{shown}");
        }
        // The sound one goes on as if nothing were there.
        assert_eq!(store.resume(&"s-1".into()).unwrap().stored.file, sound);
        assert_eq!(home.tree(), before, "{shown}");
        let record = store.quarantine("checkpoint-x.json", "damaged", "me").unwrap();
        assert_eq!((record.fault, record.bytes), (kind, content.len() as u64));
        assert_eq!(fs::read(home.file("quarantine/checkpoint-x.json")).unwrap(), content, "byte for byte");
        assert!(store.list(&CheckpointFilter::all()).unwrap().malformed.is_empty());
    }
}

#[test]
fn what_stands_where_a_record_would_is_neither_removed_nor_written_over() {
    let home = Home::new();
    fs::write(home.file("checkpoint-x.json"), "x").unwrap();
    fs::create_dir(home.file("quarantine")).unwrap();
    let record = home.file("quarantine/checkpoint-x.json.record");
    let of_other_bytes = format!(r#"{{"file":"checkpoint-x.json","hash":"{}"}}"#, "ab".repeat(32));
    let stands: [&dyn Fn(); 5] = [
        &|| symlink("../../outside", &record).unwrap(),
        &|| assert!(Command::new("mkfifo").arg(&record).status().unwrap().success()),
        &|| fs::write(&record, "not a record").unwrap(),
        &|| fs::write(&record, r#"{"file":"checkpoint-x.json"}"#).unwrap(),
        &|| fs::write(&record, &of_other_bytes).unwrap(),
    ];
    for put in stands {
        put();
        let before = home.tree();
        let refused = home.store().quarantine("checkpoint-x.json", "r", "o").unwrap_err();
        assert_eq!(refused.kind(), "unsafe_target", "{refused}");
        assert_eq!(home.tree(), before);
        fs::remove_file(&record).unwrap();
    }
    // That of a call that died before it moved the file gives way.
    home.store().quarantine("checkpoint-x.json", "first", "o").unwrap();
    fs::rename(home.file("quarantine/checkpoint-x.json"), home.file("checkpoint-x.json")).unwrap();
    home.store().quarantine("checkpoint-x.json", "second", "o").unwrap();
    assert!(fs::read_to_string(&record).unwrap().contains("second"));
}

#[test]
fn keys_that_stand_twice_by_the_thousand_are_told_in_no_time_to_speak_of() {
    let (long, twice) = ("k".repeat(15_000), (0..2_500).map(|key| format!(r#""{key:x}":1,"{key:x}":1"#)));
    let context = format!(r#"{{"{long}":{{{}}}}}"#, twice.collect::<Vec<_>>().join(","));
    let draft = DRAFT.trim_end().trim_end_matches('}').to_owned() + &format!(r#","context":{context}}}"#);
    let home = Home::new();
    fs::write(home.file("checkpoint-x.json"), draft).unwrap();
    let kinds: Vec<_> = home
        .store()
        .list(&CheckpointFilter::all())
        .unwrap()
        .malformed
        .iter()
        .map(|one| one.error.kind())
        .collect();
    assert_eq!(kinds, ["invalid"]);
}

#[test]
fn a_file_of_100_mb_is_not_read() {
    let home = Home::new();
    let large = File::create(home.file("checkpoint-large.json")).unwrap();
    large.set_len(100 << 20).unwrap();
    let store = home.store();
    let listing = store.list(&CheckpointFilter::all()).unwrap();
    assert_eq!(listing.malformed[0].error.kind(), "too_large");
    assert_eq!(store.resolve("checkpoint-large.json").unwrap_err().kind(), "too_large");
    let record = store.quarantine("checkpoint-large.json", "too large", "me").unwrap();
    assert_eq!((record.bytes, record.hash), (100 << 20, None));
}

#[test]
fn what_is_no_regular_file_is_listed_refused_and_not_waited_for() {
    let home = Home::new();
    assert!(Command::new("mkfifo").arg(home.file("checkpoint-pipe.json")).status().unwrap().success());
    let _listener = UnixListener::bind(home.file("checkpoint-socket.json")).unwrap();
    fs::create_dir(home.file("checkpoint-folder.json")).unwrap();
    symlink("../outside", home.file("checkpoint-link.json")).unwrap();
    symlink("nowhere", home.file("checkpoint-dangling.json")).unwrap();
    symlink("/dev/zero", home.file("checkpoint-device.json")).unwrap();
    symlink(home.path(), home.file("checkpoint-self.json")).unwrap();
    let before = home.tree();
    let store = home.store();
    let listing = store.list(&CheckpointFilter::all()).unwrap();
    assert_eq!(listing.malformed.len(), 7);
    for malformed in &listing.malformed {
        let file = &malformed.file;
        assert_eq!(malformed.error.kind(), "unsafe_target", "{file}");
        assert_eq!(store.get(file).unwrap_err().kind(), "unsafe_target", "{file}");
        assert_eq!(store.resolve(file).unwrap_err().kind(), "unsafe_target", "{file}");
        assert_eq!(store.abandon(file, "r", "o").unwrap_err().kind(), "unsafe_target", "{file}");
        assert_eq!(store.quarantine(file, "r", "o").unwrap_err().kind(), "unsafe_target", "{file}");
    }
    assert_eq!(store.cleanup(std::time::Duration::ZERO).unwrap().errors.len(), 7);
    assert_eq!(home.tree(), before);
    home.assert_outside_untouched();
}

#[test]
fn a_link_in_place_of_a_folder_is_refused() {
    let (home, file) = Home::with_checkpoint();
    let elsewhere = Home::new();
    for folder in ["archive", "quarantine"] {
        symlink(elsewhere.path(), home.file(folder)).unwrap();
    }
    fs::write(home.file("checkpoint-x.json"), "no json").unwrap();
    let before = home.tree();
    let store = home.store();
    assert_eq!(store.cleanup(std::time::Duration::ZERO).unwrap_err().kind(), "unsafe_target");
    assert_eq!(store.quarantine("checkpoint-x.json", "r", "o").unwrap_err().kind(), "unsafe_target");
    assert_eq!((home.tree(), elsewhere.tree().len()), (before, 0));
    let link = elsewhere.path().join("link");
    symlink(home.path(), &link).unwrap();
    for path in [link.clone(), link.join("")] {
        for opened in [CheckpointStore::open(&path), CheckpointStore::open_existing(&path)] {
            assert_eq!(opened.unwrap_err().kind(), "unsafe_target", "{path:?}");
        }
    }
    assert_eq!(home.store().get(&file).unwrap().file, file);
}

#[test]
fn a_name_that_leads_elsewhere_is_refused_by_each_verb() {
    let (home, file) = Home::with_checkpoint();
    fs::rename(home.file(&file), home.outside().with_file_name("checkpoint-out.json")).unwrap();
    let absolute = home.outside().with_file_name("checkpoint-out.json");
    let store = home.store();
    for name in [
        "../checkpoint-out.json",
        absolute.to_str().unwrap(),
        "",
        ".",
        "..",
        "checkpoint-.json",
        "checkpoint-/../../checkpoint-out.json",
        "checkpoint-a\0.json",
        "checkpoint-a\n.json",
        "notes.json",
        "Checkpoint-x.json",
        &format!("checkpoint-{}.json", "x".repeat(240)),
    ] {
        let kinds = [
            store.get(name).unwrap_err().kind(),
            store.resolve(name).unwrap_err().kind(),
            store.abandon(name, "r", "o").unwrap_err().kind(),
            store.quarantine(name, "r", "o").unwrap_err().kind(),
        ];
        assert_eq!(kinds, ["unsafe_target"; 4], "{name:?}");
    }
}

#[test]
fn a_name_that_a_shell_or_a_terminal_would_act_on_is_only_a_name() {
    let (home, file) = Home::with_checkpoint();
    let names =
        ["checkpoint-$(touch x);`id`.json", "checkpoint-' --older-than 0s.json", "checkpoint-* ?\\.json"];
    for name in names {
        fs::copy(home.file(&file), home.file(name)).unwrap();
        let resolved = home.run("resolve", &[name]);
        assert_eq!(resolved.status.code(), Some(0), "{name}: {resolved:?}");
    }
    for bad in ["checkpoint-\x1b[2J.json".as_bytes(), b"checkpoint-a\nb.json", b"checkpoint-\xff.json"] {
        fs::copy(home.file(&file), home.file(OsStr::from_bytes(bad))).unwrap();
    }
    let listed = home.run("list", &[]);
    assert_eq!(listed.status.code(), Some(1));
    let text = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(!text.contains('\x1b'), "{text:?}");
    assert_eq!(text.matches("give it another name by hand").count(), 3, "{text}");
    assert_eq!(home.store().list(&CheckpointFilter::all()).unwrap().checkpoints.len(), 4);
    assert!(!home.file("x").exists());
}

#[test]
fn a_name_with_nothing_between_its_ends_is_listed_too() {
    let (home, file) = Home::with_checkpoint();
    fs::copy(home.file(&file), home.file("checkpoint-.json")).unwrap();
    let listing = home.store().list(&CheckpointFilter::all()).unwrap();
    let [malformed] = &listing.malformed[..] else { panic!("{listing:?}") };
    assert_eq!((malformed.file.as_str(), malformed.error.kind()), ("checkpoint-.json", "unsafe_target"));
    assert_eq!(malformed.error.advice(), "give it another name by hand");
    let report = home.store().cleanup(std::time::Duration::ZERO).unwrap();
    assert_eq!((report.archived.len(), report.errors.len()), (1, 1));
    assert!(home.file("checkpoint-.json").exists());
}

#[test]
fn a_change_keeps_the_mode_and_a_new_file_is_for_its_owner() {
    let (home, file) = Home::with_checkpoint();
    let mode = |name: &str| fs::metadata(home.file(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&file), 0o600);
    fs::set_permissions(home.file(&file), PermissionsExt::from_mode(0o644)).unwrap();
    home.store().resolve(&file).unwrap();
    assert_eq!(mode(&file), 0o644);
    home.store().cleanup(std::time::Duration::ZERO).unwrap();
    assert_eq!(mode(&format!("archive/{file}")), 0o644);
}

#[test]
fn what_an_agent_hands_over_is_not_told_by_an_error() {
    let home = Home::new();
    for json in [
        DRAFT.replace("action", "CANARY\\n"),
        DRAFT.replace('}', r#","resume_hint":["CANARY"]}"#),
        DRAFT.replace('}', r#","context":"CANARY"}"#),
        DRAFT.replace('}', r#","progress":{"decisions":"CANARY"}}"#),
        DRAFT.replace('}', r#","schema_version":"CANARY"}"#),
        DRAFT.replace('}', r#","resume_hint":"CANARY"#),
        DRAFT.replace('}', r#","context":{"token":"CANARY-0123456789"}}"#),
    ] {
        let error = home.store().create_json(json.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        let told = crate::support::fed(&mut home.command("create", &["--json"]), json.as_bytes());
        assert_eq!(told.status.code(), Some(2));
        let told = [told.stdout, told.stderr].concat();
        assert!(!String::from_utf8(told).unwrap().contains("CANARY"));
    }
    assert!(!home.path().read_dir().unwrap().any(|entry| entry.unwrap().file_name() != ".lock"));
}
