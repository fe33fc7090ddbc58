//! An array or object that is open.

use std::collections::HashSet;

use super::Under;
use crate::redact::path::Alive;
use crate::redact::tag::MASK;

/// What holds for all that stands in it.
pub(super) struct Frame {
    pub(super) is_object: bool,
    pub(super) under: Under,
    /// The paths that it is on.
    pub(super) alive: Alive,
    pub(super) is_typed: bool,
    /// How many items have begun.
    pub(super) items: usize,
    /// The keys that hold masks, as they are written.
    names: HashSet<String>,
    /// The last number that was put behind one.
    number: usize,
}

impl Frame {
    pub(super) fn new(is_object: bool, under: Under, alive: Alive, is_typed: bool) -> Self {
        Self { is_object, under, alive, is_typed, items: 0, names: HashSet::new(), number: 0 }
    }

    /// The name that a key gets, so that no two that hold masks are the same.
    pub(super) fn name(&mut self, key: String) -> String {
        let holds_a_mask = key.contains(MASK.trim_end_matches(']'));
        if !holds_a_mask || self.names.insert(key.clone()) {
            return key;
        }
        loop {
            self.number += 1;
            let name = format!("{key}#{}", self.number + 1);
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}
