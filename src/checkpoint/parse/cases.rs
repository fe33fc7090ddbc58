//! [`Cases`]: keys that differ by case alone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::checkpoint::fold::fold;

/// The keys that were seen in an object, by what they are without their case.
#[derive(Default)]
pub(super) struct Cases<'a>(HashMap<String, Cow<'a, str>>);

impl<'a> Cases<'a> {
    /// With keys that are known, as if they had been seen.
    pub(super) fn knowing(known: &[&'a str]) -> Self {
        Self(known.iter().map(|key| (fold(key), Cow::Borrowed(*key))).collect())
    }

    /// The key that was seen first, or is known, and differs from this one by case alone.
    pub(super) fn like(&mut self, key: &str) -> Option<&str> {
        match self.0.entry(fold(key)) {
            Entry::Vacant(place) => {
                place.insert(Cow::Owned(key.to_owned()));
                None
            }
            Entry::Occupied(seen) => Some(&**seen.into_mut()).filter(|seen| *seen != key),
        }
    }
}
