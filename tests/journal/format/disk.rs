//! What lies in a journal's directory, in the words of `docs/journal-format.md`.

use std::collections::BTreeMap;

use agentbus::journal::{Open, Storage};
use agentbus::testing::FaultyStorage;
use serde_json::Value;

use crate::support::bytes_of;

/// What each file holds, by what the file is called in the tables. Locks and files under a temporary name are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk(BTreeMap<String, String>);

impl Disk {
    pub(super) fn of(storage: &FaultyStorage) -> Self {
        let mut files = BTreeMap::new();
        for folder in ["", "segments", "cursors", "dead", "quarantine"] {
            for name in storage.list(folder).unwrap_or_default() {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let is_told = !path.ends_with("lock") && !path.ends_with(".tmp");
                if is_told && storage.open(&path, Open::Read).is_ok() {
                    files.insert(called(&path), holds(&path, &bytes_of(storage, &path)));
                }
            }
        }
        Self(files)
    }

    /// All of it that is not the same in each of these, in words.
    pub(super) fn told_beside(&self, all: &[Self]) -> String {
        let differs =
            |(name, holds): &(&String, &String)| all.iter().any(|other| other.0.get(*name) != Some(holds));
        let told = self.0.iter().filter(differs).map(|(name, holds)| format!("{name}: {holds}"));
        let told: Vec<_> = told.collect();
        if told.is_empty() { "nothing".to_owned() } else { told.join("; ") }
    }

    /// What becomes of it, in words.
    pub(super) fn changed_to(&self, after: &Self) -> Vec<String> {
        let gone = self.0.keys().filter(|name| !after.0.contains_key(*name));
        let mut told: Vec<_> = gone.map(|name| format!("removes {name}")).collect();
        for (name, holds) in &after.0 {
            match self.0.get(name) {
                None => told.push(format!("makes {name}: {holds}")),
                Some(before) if before != holds => told.push(format!("changes {name}: {holds}")),
                Some(_) => {}
            }
        }
        told
    }
}

/// What a file is called in the tables.
pub(super) fn called(path: &str) -> String {
    if path.starts_with("quarantine/") {
        return "a file in `quarantine/`".to_owned();
    }
    let segment = path.strip_prefix("segments/").and_then(|name| name.split_once('.'));
    match segment {
        Some((digits, "jsonl")) => format!("segment {}", digits.trim_start_matches('0')),
        _ => format!("`{path}`"),
    }
}

fn holds(path: &str, bytes: &[u8]) -> String {
    match path.split_once('/').map_or(path, |(folder, _)| folder) {
        "segments" | "dead" => lines(bytes),
        "quarantine" => format!("{} bytes", bytes.len()),
        "cursors" => cursor(&serde_json::from_slice(bytes).unwrap()),
        _ => manifest(&serde_json::from_slice(bytes).unwrap()),
    }
}

/// The positions of whole lines, and whether anything stands behind the last newline.
fn lines(bytes: &[u8]) -> String {
    let told: Vec<_> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| match serde_json::from_slice::<Value>(line) {
            Ok(line_of) if line.ends_with(b"\n") => line_of["pos"].to_string(),
            _ => "torn".to_owned(),
        })
        .collect();
    if told.is_empty() { "empty".to_owned() } else { told.join(" ") }
}

fn manifest(manifest: &Value) -> String {
    let segments = manifest["segments"].as_array().unwrap();
    let firsts: Vec<_> = segments.iter().map(|start| start["first"].to_string()).collect();
    let state = if manifest["boot"].is_string() { "with" } else { "no" };
    format!("lists {}, {state} `boot`", firsts.join(" "))
}

fn cursor(cursor: &Value) -> String {
    match &cursor["retry"] {
        Value::Null => format!("at {}", cursor["position"]),
        retry => format!("at {}, {} failed", cursor["position"], retry["position"]),
    }
}
