//! Documents that are made from code are current.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use agentbus::EventType;

/// The docs of each payload struct and of its fields, read from the sources that declare them.
struct Declared {
    about: String,
    details: Vec<(String, String, String)>,
}

/// Reads every `details!` list of `src/event`.
fn declarations() -> BTreeMap<String, Declared> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/event");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if let Some((_, list)) = text.split_once("\ndetails! {\n") {
            read_list(list, &mut all);
        }
    }
    all
}

fn read_list(list: &str, all: &mut BTreeMap<String, Declared>) {
    let (mut docs, mut optional, mut current) = (String::new(), false, None::<String>);
    for line in list.lines() {
        let line = line.trim();
        if line == "}" && current.is_none() {
            return;
        }
        if let Some(doc) = line.strip_prefix("///") {
            let space = if docs.is_empty() { "" } else { " " };
            write!(docs, "{space}{}", doc.trim()).unwrap();
        } else if let Some(name) = line.strip_suffix(" {") {
            let about = std::mem::take(&mut docs);
            all.insert(name.to_owned(), Declared { about, details: Vec::new() });
            (current, optional) = (Some(name.to_owned()), false);
        } else if line == "@optional" {
            optional = true;
        } else if line == "}" {
            current = None;
        } else if let (Some(name), Some((field, of))) =
            (&current, line.trim_end_matches(',').split_once(": "))
        {
            let key = if optional { format!("{field}?") } else { field.to_owned() };
            let doc = std::mem::take(&mut docs);
            all.get_mut(name).unwrap().details.push((key, of.to_owned(), doc));
        }
    }
}

pub(crate) fn struct_name(event_type: EventType) -> String {
    let words = event_type.as_str().split(['.', '_']);
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn events_md() -> String {
    let declared = declarations();
    let mut text = String::from(
        "# The thirty-eight events\n\nMade from the list of kinds in `src/event/kind.rs`; `UPDATE_DOCS=1 cargo test \
         --test house` makes it anew.\nA detail is required unless it has a `?`. Custom and unknown kinds have \
         category `custom` and severity `info`.\n",
    );
    let mut category = None;
    for event_type in EventType::ALL {
        if category != Some(event_type.category()) {
            category = Some(event_type.category());
            write!(text, "\n## {}\n", event_type.category()).unwrap();
        }
        let flags = [(event_type.is_critical(), ", critical"), (event_type.is_security(), ", security")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
        let Declared { about, details } = &declared[&struct_name(event_type)];
        write!(text, "\n### `{event_type}`\n\n{about} ({}{flags})\n\n", event_type.severity()).unwrap();
        text.push_str("| detail | type | meaning |\n|---|---|---|\n");
        for (key, of, doc) in details {
            writeln!(text, "| `{key}` | `{of}` | {doc} |").unwrap();
        }
    }
    text
}

#[test]
fn docs_events_md_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    let made = events_md();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == made, "docs/events.md is out of date: run UPDATE_DOCS=1 cargo test --test house");
}
