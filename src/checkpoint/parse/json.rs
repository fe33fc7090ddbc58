//! JSON looked at as it stands: objects with their keys in order and their values verbatim.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::checkpoint::error::CorruptFault;
use crate::checkpoint::key_fault::Key;

/// How deep arrays and objects may stand in each other in a checkpoint.
pub const MAX_DEPTH: usize = 32;

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

/// Looks at a whole text: its value, and the keys that stand in an object more than once.
pub(super) fn look(text: &str) -> Result<(&RawValue, Vec<Key>), CorruptFault> {
    // Read without recursion, however deep it is.
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| CorruptFault::Json { line: error.line(), column: error.column() })?;
    let mut duplicates = Duplicates::default();
    walk(raw, 0, "", &mut duplicates)?;
    Ok((raw, duplicates.keys))
}

/// How many keys that stand more than once are told.
const MAX_DUPLICATES: usize = 256;

/// Keys that stand in an object more than once, each once, in their order.
#[derive(Default)]
struct Duplicates {
    keys: Vec<Key>,
    paths: HashSet<String>,
}

impl Duplicates {
    fn add(&mut self, path: String) {
        if self.keys.len() < MAX_DUPLICATES && !self.paths.contains(&path) {
            self.keys.push(Key::new(path.clone()));
            self.paths.insert(path);
        }
    }
}

/// Goes through a value that is known to be JSON. What does not decode then is a text that is no Unicode.
fn walk(raw: &RawValue, depth: usize, path: &str, duplicates: &mut Duplicates) -> Result<(), CorruptFault> {
    let not_text = |_error| CorruptFault::Text;
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(CorruptFault::TooDeep { at_most: MAX_DEPTH }),
        Some(b'{') => {
            let Object(entries) = serde_json::from_str(raw.get()).map_err(not_text)?;
            let mut seen = HashSet::new();
            for (key, value) in &entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(value, depth + 1, &path, duplicates)?;
                if !seen.insert(key) {
                    duplicates.add(path);
                }
            }
        }
        Some(b'[') => {
            let Array(items) = serde_json::from_str(raw.get()).map_err(not_text)?;
            for item in items {
                walk(item, depth + 1, path, duplicates)?;
            }
        }
        Some(b'"') => drop(serde_json::from_str::<String>(raw.get()).map_err(not_text)?),
        _ => {}
    }
    Ok(())
}
