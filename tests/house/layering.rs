//! Imports go down the floors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each floor, from the lowest. Within the first two floors a room may import those before it; above,
/// siblings do not know each other; on the last only the command line imports the others.
const FLOORS: [&[&str]; 5] = [
    &["sync", "event", "filter", "redact"],
    &["stream", "bus", "emitter"],
    &["journal", "gate"],
    &["service", "audit", "checkpoint", "telemetry", "relay"],
    &["inspect", "testing", "cli", "main"],
];

fn place(room: &str) -> Option<(usize, usize)> {
    FLOORS
        .iter()
        .enumerate()
        .find_map(|(floor, rooms)| rooms.iter().position(|other| *other == room).map(|place| (floor, place)))
}

fn may_import(from: &str, to: &str) -> bool {
    let (Some((floor, place)), Some((to_floor, to_place))) = (place(from), place(to)) else {
        return false;
    };
    match floor.cmp(&to_floor) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal if floor < 2 => to_place < place,
        std::cmp::Ordering::Equal => floor == 4 && matches!(from, "cli" | "main"),
    }
}

pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room that a file belongs to, by the first part of its path.
fn room_of(path: &Path, src: &Path) -> String {
    let relative = path.strip_prefix(src).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file without comments and without its test modules: one that stands in the file ends it.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    for (place, part) in text.split("#[cfg(test)]\nmod ").enumerate() {
        let module_ends = if place == 0 { Some(0) } else { part.find([';', '{']) };
        let Some(rest) = module_ends.map(|at| &part[at..]).filter(|rest| !rest.starts_with('{')) else {
            break;
        };
        code.push_str(rest);
    }
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Whether a file holds tests alone.
pub(crate) fn is_test(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == "tests")
        || file.components().any(|part| part.as_os_str() == "tests")
}

/// The rooms named behind `crate::` (and, in the binary, `agentbus::`).
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for root in ["crate::", "agentbus::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &code[at + root.len()..];
            let list = rest.strip_prefix('{').map_or_else(
                || vec![rest],
                |group| group.split('}').next().unwrap_or_default().split(',').collect(),
            );
            for item in list {
                let name: String =
                    item.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if place(&name).is_some() {
                    rooms.insert(name);
                }
            }
        }
    }
    rooms
}

#[test]
fn imports_go_down_the_floors() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut faults = Vec::new();
    for file in &files {
        let room = room_of(file, &src);
        if room == "lib" || is_test(file) {
            continue;
        }
        assert!(place(&room).is_some(), "{} is in no room of the table", file.display());
        for other in imports(&code(&fs::read_to_string(file).unwrap())) {
            if other != room && !may_import(&room, &other) {
                faults.push(format!("{}: `{room}` imports `{other}`", file.display()));
            }
        }
    }
    assert!(files.len() > 50, "the sources were found");
    assert!(faults.is_empty(), "imports go up:\n{}", faults.join("\n"));
}

#[test]
fn the_table_tells_up_from_down() {
    assert!(may_import("bus", "event") && may_import("emitter", "bus") && may_import("redact", "filter"));
    assert!(!may_import("event", "bus") && !may_import("stream", "bus") && !may_import("filter", "redact"));
    assert!(!may_import("gate", "journal") && !may_import("service", "audit"));
    assert!(may_import("cli", "testing") && !may_import("testing", "inspect"));
}

#[test]
fn imports_are_found_in_paths_and_groups() {
    let found =
        imports("use crate::{bus::EventBus, event};\nlet x = crate::filter::Filter::all(); $crate::redact");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["bus", "event", "filter"]);
}

#[test]
fn code_goes_on_behind_a_test_module_of_its_own_file_and_ends_at_one_that_stands_there() {
    let text = "one\n// two\n#[cfg(test)]\nmod tests;\nthree\n#[cfg(test)]\nmod tests {\nfour\n}\n";
    let code = code(text);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["one", ";", "three"]);
}

#[test]
fn no_file_has_more_than_500_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let long: Vec<_> = files
        .iter()
        .map(|file| (file, fs::read_to_string(file).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > 500)
        .collect();
    assert!(long.is_empty(), "split by idea: {long:?}");
}
