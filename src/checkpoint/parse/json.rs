//! JSON looked at as it stands: objects with their keys in order and their values verbatim.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cases::Cases;
use crate::checkpoint::error::CorruptFault;
use crate::checkpoint::key_fault::{Key, KeyFault};

/// How deep arrays and objects may stand in each other in a checkpoint.
pub const MAX_DEPTH: usize = 32;

/// Under what keys at the top objects are whose keys are known.
const MODELLED: [&str; 2] = ["context", "progress"];

/// An object as it stands.
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

/// An array as it stands.
pub(super) struct Array<'a>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Array<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Vec<&'de RawValue>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Items).map(Self)
    }
}

/// Looks at a whole text: its value, and what is wrong with the keys of any object in it, whatever they mean.
pub(super) fn look(text: &str) -> Result<(&RawValue, Vec<KeyFault>), CorruptFault> {
    // Read without recursion, however deep it is.
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| CorruptFault::Json { line: error.line(), column: error.column() })?;
    let mut found = Found::default();
    walk(raw, 0, None, &mut found)?;
    let Found { duplicates, variants } = found;
    Ok((raw, duplicates.faults.into_iter().chain(variants.faults).collect()))
}

/// How many faults of a sort are told.
const MAX_TOLD: usize = 256;

/// What is wrong with keys, in their order.
#[derive(Default)]
struct Found {
    /// Those that stand in an object more than once.
    duplicates: Told,
    /// Those that differ from a neighbour by case alone.
    variants: Told,
}

/// Faults of one sort, of each key once: the objects of an array have the same path.
#[derive(Default)]
struct Told {
    faults: Vec<KeyFault>,
    paths: HashSet<String>,
}

impl Told {
    /// Tells the fault of a key, unless so many are told that nobody needs another. No path is written out for those.
    fn add(&mut self, path: Path<'_>, fault: impl FnOnce(Key) -> KeyFault) {
        if self.faults.len() == MAX_TOLD {
            return;
        }
        let path = path.to_string();
        if self.paths.insert(path.clone()) {
            self.faults.push(fault(Key::new(path)));
        }
    }
}

/// A key and those above it. It is written out for a fault alone: long keys far up would be copied for each one below.
#[derive(Clone, Copy)]
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    key: &'a str,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}.")?;
        }
        f.write_str(self.key)
    }
}

/// Goes through a value that is known to be JSON. What does not decode then is a text that is no Unicode.
fn walk(
    raw: &RawValue,
    depth: usize,
    above: Option<&Path<'_>>,
    found: &mut Found,
) -> Result<(), CorruptFault> {
    let not_text = |_error| CorruptFault::Text;
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(CorruptFault::TooDeep { at_most: MAX_DEPTH }),
        Some(b'{') => {
            let Object(entries) = serde_json::from_str(raw.get()).map_err(not_text)?;
            for (key, value) in &entries {
                walk(value, depth + 1, Some(&Path { above, key }), found)?;
            }
            find_faults(&entries, depth, above, found);
        }
        Some(b'[') => {
            let Array(items) = serde_json::from_str(raw.get()).map_err(not_text)?;
            for item in items {
                walk(item, depth + 1, above, found)?;
            }
        }
        Some(b'"') => drop(serde_json::from_str::<String>(raw.get()).map_err(not_text)?),
        _ => {}
    }
    Ok(())
}

/// Compares the keys of an object with each other, each with all before it at once.
fn find_faults(entries: &[(String, &RawValue)], depth: usize, above: Option<&Path<'_>>, found: &mut Found) {
    let (mut seen, mut cases) = (HashMap::new(), Cases::default());
    let is_modelled = is_modelled(depth, above);
    for (key, _value) in entries {
        let path = Path { above, key };
        let times = seen.entry(key.as_str()).or_insert(0_usize);
        *times += 1;
        match *times {
            1 if is_modelled => {}
            1 => {
                if let Some(like) = cases.like(key) {
                    let other = Path { above, key: like };
                    found
                        .variants
                        .add(path, |key| KeyFault::Variant { key, other: Key::new(other.to_string()) });
                }
            }
            2 => found.duplicates.add(path, |key| KeyFault::Duplicate { key }),
            _ => {}
        }
    }
}

/// Whether it is an object whose keys are compared with known ones, and then with each other too, when they are taken.
fn is_modelled(depth: usize, above: Option<&Path<'_>>) -> bool {
    match above {
        None => depth == 0,
        Some(path) => depth == 1 && MODELLED.contains(&path.key),
    }
}
