//! A journal's files as a stranger reads them, by the text of the format alone.

use std::cell::RefCell;
use std::collections::HashMap;

use agentbus::event::Hash;
use agentbus::journal::{Open, Storage};
use serde_json::Value;

/// The bytes of a line that its hash does not cover: `,"chain":"`, 64 digits, `"}` and the newline.
const ENDING: usize = 77;

/// What the files of a journal say.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The lines that count, in order.
    pub(crate) lines: Vec<Line>,
    /// Whole lines that stand in the next segment again.
    pub(crate) leftovers: Vec<Line>,
    /// What is not as it should be, in words.
    pub(crate) faults: Vec<String>,
    /// Unfinished writes, in bytes behind the last newline of segments.
    pub(crate) torn: usize,
}

/// A whole line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) position: u64,
    pub(crate) bytes: Vec<u8>,
    leaf: Hash,
    chain: Hash,
    number: Option<usize>,
}

impl Line {
    /// The number of the event in it, if it is one of [`event`](super::event)'s.
    pub(crate) fn number(&self) -> Option<usize> {
        self.number
    }

    /// How many events are missing there, if it tells of some.
    pub(crate) fn gap(&self) -> Option<u64> {
        let value: Value = serde_json::from_slice(&self.bytes).unwrap();
        let is_gap = value.get("event_type")? == "journal.gap";
        is_gap.then(|| value.get("details")?.get("events")?.as_u64()).flatten()
    }
}

impl Files {
    /// The numbers of the events, in order.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.lines.iter().filter_map(Line::number).collect()
    }

    pub(crate) fn positions(&self) -> Vec<u64> {
        self.lines.iter().map(|line| line.position).collect()
    }

    pub(crate) fn last_position(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.position)
    }

    /// All lines, wherever they stand.
    pub(crate) fn everywhere(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().chain(&self.leftovers)
    }
}

/// All bytes of a file; none if it is not there.
pub(crate) fn bytes_of(storage: &dyn Storage, name: &str) -> Vec<u8> {
    let Ok(file) = storage.open(name, Open::Read) else { return Vec::new() };
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    let read = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(read, bytes.len());
    bytes
}

/// The names of the segments, in order.
pub(crate) fn segments(storage: &dyn Storage) -> Vec<String> {
    let mut names = storage.list("segments").unwrap_or_default();
    names.retain(|name| name.ends_with(".jsonl"));
    names.sort();
    names.into_iter().map(|name| format!("segments/{name}")).collect()
}

fn first_of(segment: &str) -> u64 {
    segment.trim_start_matches("segments/").trim_end_matches(".jsonl").parse().unwrap()
}

/// Reads all files of a journal.
pub(crate) fn files(storage: &dyn Storage) -> Files {
    let manifest: Value = serde_json::from_slice(&bytes_of(storage, "journal.json")).unwrap_or_default();
    let mut chain = manifest["id"].as_str().map(Hash::of);
    let mut files = Files::default();
    let names = segments(storage);
    for (place, name) in names.iter().enumerate() {
        let listed = manifest["segments"].as_array().into_iter().flatten();
        let start =
            listed.filter(|start| start["first"] == first_of(name)).find_map(|start| start["chain"].as_str());
        if let Some(start) = start.and_then(|text| text.parse().ok()) {
            if chain.is_some_and(|chain| chain != start) {
                files.faults.push(format!("{name}: the segment before ends with another chain"));
            }
            chain = Some(start);
        }
        let next = names.get(place + 1).map(|next| first_of(next));
        chain = read_segment(&bytes_of(storage, name), (name, next), chain, &mut files);
    }
    files
}

/// Reads a segment of that name, which ends before `next`; the chain behind it.
fn read_segment(
    bytes: &[u8],
    (name, next): (&str, Option<u64>),
    mut chain: Option<Hash>,
    files: &mut Files,
) -> Option<Hash> {
    for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !bytes.ends_with(b"\n") {
            files.torn += bytes.len();
            continue;
        }
        let last = files.last_position();
        let Some(line) = line(bytes) else {
            files.faults.push(format!("{name}: unreadable behind {last}"));
            chain = None;
            continue;
        };
        if next.is_some_and(|next| line.position >= next) {
            files.leftovers.push(line);
            continue;
        }
        if line.position <= last || line.position < first_of(name) {
            files.faults.push(format!("{name}: {} stands behind {last}", line.position));
        }
        let follows = chain.map(|chain| line.chain == behind(chain, line.leaf));
        chain = Some(line.chain);
        if follows == Some(false) {
            files.faults.push(format!("{name}: {} does not follow from {last}", line.position));
        }
        if follows == Some(true) || serde_json::from_slice::<Value>(bytes).is_ok() {
            files.lines.push(line);
        } else {
            files.faults.push(format!("{name}: unreadable behind {last}"));
        }
    }
    chain
}

fn behind(chain: Hash, leaf: Hash) -> Hash {
    Hash::of([chain.as_bytes().as_slice(), leaf.as_bytes().as_slice()].concat())
}

thread_local! {
    /// Lines that were taken apart before: the same few are read after every call.
    static KNOWN: RefCell<HashMap<Vec<u8>, Line>> = RefCell::default();
}

/// Takes a line apart without reading its body.
fn line(bytes: &[u8]) -> Option<Line> {
    if let Some(line) = KNOWN.with_borrow(|known| known.get(bytes).cloned()) {
        return Some(line);
    }
    let line = take_apart(bytes)?;
    KNOWN.with_borrow_mut(|known| {
        if known.len() > 1_000 {
            known.clear();
        }
        known.insert(bytes.to_vec(), line.clone());
    });
    Some(line)
}

fn take_apart(bytes: &[u8]) -> Option<Line> {
    let text = str::from_utf8(bytes).ok()?;
    let (position, _) = text.strip_prefix("{\"pos\":")?.split_once(',')?;
    let (covered, ending) = text.split_at_checked(text.len().checked_sub(ENDING)?)?;
    let chain = ending.strip_prefix(",\"chain\":\"")?.strip_suffix("\"}\n")?.parse().ok()?;
    let number =
        text.split_once(",\"session_id\":\"s-").and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok());
    Some(Line {
        position: position.parse().ok()?,
        bytes: bytes.to_vec(),
        leaf: Hash::of(covered),
        chain,
        number,
    })
}
