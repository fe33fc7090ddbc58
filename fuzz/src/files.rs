//! The files of a journal, as an input describes them.

use agentbus::event::Hash;
use agentbus::journal::{Open, Storage};
use agentbus::testing::FaultyStorage;

/// The id of every journal here.
pub(crate) const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// What stands in for the digits of the chain that a line should have.
const UNSEALED: &[u8] = b",\"chain\":\"@\"}";

/// The manifest of a journal that has that one segment, from position 1 on.
pub(crate) fn manifest_of_one() -> Vec<u8> {
    let chain = Chain::begin().0;
    let created = "2026-01-31T09:30:00Z";
    let start = format!(r#"{{"first":1,"chain":"{chain}"}}"#);
    format!(r#"{{"format":1,"id":"{ID}","created":"{created}","reserved":1000,"segments":[{start}]}}"#).into()
}

/// The lines of a sound journal, before they are sealed, at positions 1 and 2.
pub(crate) fn two_lines() -> [String; 2] {
    [1, 2].map(|position| {
        let id = format!("01KG9QRXP0000000000000000{position}");
        let envelope = r#""timestamp":"2026-01-31T09:30:00Z","correlation_id":"c""#;
        let event = format!(
            r#""id":"{id}","event_type":"session.created",{envelope},"details":{{"imported":false}}"#
        );
        format!("{{\"pos\":{position},{event},\"chain\":\"@\"}}\n")
    })
}

/// The chain behind the line written last.
pub(crate) struct Chain(Hash);

impl Chain {
    /// The one before the first line.
    pub(crate) fn begin() -> Self {
        Self(Hash::of(ID))
    }

    /// Puts the chain that it should have into each line that ends in `,"chain":"@"}`, so that mutated lines get past
    /// the chain.
    pub(crate) fn seal(&mut self, lines: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let (bare, newline) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |bare| (bare, b"\n"));
            match bare.strip_suffix(UNSEALED) {
                Some(leaf_of) => {
                    let leaf = Hash::of(leaf_of);
                    self.0 = Hash::of([self.0.as_bytes().as_slice(), leaf.as_bytes().as_slice()].concat());
                    sealed.extend_from_slice(leaf_of);
                    sealed.extend_from_slice(format!(",\"chain\":\"{}\"}}", self.0).as_bytes());
                }
                None => sealed.extend_from_slice(bare),
            }
            sealed.extend_from_slice(newline);
        }
        sealed
    }
}

/// A storage with these files.
pub(crate) fn storage_with<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> FaultyStorage {
    let storage = FaultyStorage::new();
    storage.create_folder("").unwrap();
    for (name, bytes) in files {
        if let Some((folder, _)) = name.rsplit_once('/') {
            storage.create_folder(folder).unwrap();
        }
        storage.open(name, Open::Create).unwrap().append(&bytes).unwrap();
    }
    storage
}

/// The files that an input describes: after each line `== NAME` what that file holds. The segments are sealed in
/// order; each `"@"` in `journal.json` becomes the chain before the segment of the same rank.
pub(crate) fn described(input: &[u8]) -> FaultyStorage {
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        match name_in(line) {
            Some(name) if files.iter().any(|(other, _)| *other == name) => return FaultyStorage::new(),
            Some(name) => files.push((name, Vec::new())),
            None => {
                if let Some((_, bytes)) = files.last_mut() {
                    bytes.extend_from_slice(line);
                }
            }
        }
    }
    let (mut chain, mut starts) = (Chain::begin(), Vec::new());
    for (_, bytes) in files.iter_mut().filter(|(name, _)| name.starts_with("segments/")) {
        starts.push(chain.0);
        *bytes = chain.seal(bytes);
    }
    for (_, bytes) in files.iter_mut().filter(|(name, _)| *name == "journal.json") {
        *bytes = with_starts(bytes, &starts);
    }
    storage_with(files)
}

/// The name in a line `== NAME`, if it is one that a file of a journal may have.
fn name_in(line: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(line.strip_prefix(b"== ")?).ok()?.trim_end_matches('\n');
    let folder = name.split_once('/').map_or("", |(folder, _)| folder);
    let is_known = ["", "segments", "cursors", "dead", "quarantine", "heads"].contains(&folder);
    let is_file = !name.is_empty() && !name.ends_with('/') && name.matches('/').count() <= 1;
    (is_known && is_file && folder != name).then_some(name)
}

fn with_starts(manifest: &[u8], starts: &[Hash]) -> Vec<u8> {
    let (mut rest, mut filled) = (manifest, Vec::new());
    for start in starts {
        let Some(at) = rest.windows(3).position(|window| window == b"\"@\"") else { break };
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(format!("\"{start}\"").as_bytes());
        rest = &rest[at + 3..];
    }
    [filled.as_slice(), rest].concat()
}
