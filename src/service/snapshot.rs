//! What snapshots have in common: their version, the bound of their lists, and how they are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The version of snapshots that is written and read.
const VERSION: u64 = 1;

/// The most items that any list of a snapshot may have.
const MAX_ITEMS: usize = 1 << 24;

/// The version, as the first of a snapshot's keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u64::deserialize(deserializer)?;
        if version == VERSION { Ok(Self) } else { Err(de::Error::custom("another version")) }
    }
}

/// Reads the form of a snapshot.
///
/// The version comes first, wherever it stands: what else a later one has is its own business. And of what is wrong
/// only the place is told: an error of `serde_json` may quote what was said in a session.
pub(super) fn read<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    struct Header {
        version: u64,
    }
    let text = Box::<RawValue>::deserialize(deserializer)?;
    let header: Header = parse(text.get())?;
    if header.version != VERSION {
        let found = header.version;
        return Err(de::Error::custom(format_args!(
            "the snapshot has version {found}; this build reads version {VERSION}"
        )));
    }
    parse(text.get())
}

fn parse<T: DeserializeOwned, E: de::Error>(text: &str) -> Result<T, E> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        E::custom(format_args!(
            "the snapshot does not have the form of one at its line {line}, column {column}"
        ))
    })
}

/// Reads a list of at most [`MAX_ITEMS`].
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List { max: MAX_ITEMS, items: PhantomData })
}

struct List<T> {
    max: usize,
    items: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} items", self.max)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() == self.max {
                return Err(de::Error::invalid_length(items.len() + 1, &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_up_to_its_bound() {
        let read = |text: &str| {
            let list = List::<u8> { max: 3, items: PhantomData };
            serde_json::Deserializer::from_str(text).deserialize_seq(list)
        };
        assert_eq!(read("[1,2,3]").unwrap(), [1, 2, 3]);
        let error = read("[1,2,3,4]").unwrap_err().to_string();
        assert!(error.starts_with("invalid length 4, expected at most 3 items"), "{error}");
    }
}
