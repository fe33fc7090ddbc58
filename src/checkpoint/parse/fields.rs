//! [`Fields`]: the keys of an object, taken one by one; what is wrong with them is gathered.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::cases::Cases;
use super::json::{Array, Object};
use crate::checkpoint::key_fault::{Key, KeyFault};
use crate::event::{EventId, SessionId, Text, Timestamp};
use crate::journal::Position;

/// The keys of an object that were not taken yet.
pub(super) struct Fields<'a, 'f> {
    left: Vec<(String, &'a RawValue)>,
    /// What stands before a key of it in an error.
    above: &'static str,
    faults: &'f mut Vec<KeyFault>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// Those of an object that may have the keys `known`; none of what is no object.
    pub(super) fn of(
        raw: &'a RawValue,
        above: &'static str,
        known: &[&str],
        faults: &'f mut Vec<KeyFault>,
    ) -> Self {
        let left = match serde_json::from_str(raw.get()) {
            Ok(Object(entries)) => entries,
            Err(_no_object) => {
                faults.push(if above.is_empty() {
                    KeyFault::NoObject
                } else {
                    KeyFault::Form { key: Key::new(above), wanted: "an object" }
                });
                Vec::new()
            }
        };
        let mut fields = Self { left, above, faults };
        fields.find_variants(known);
        fields
    }

    /// Finds keys that differ by case alone from others, or from known ones, and takes them.
    fn find_variants(&mut self, known: &[&str]) {
        let mut cases = Cases::knowing(known);
        let mut variants = Vec::new();
        self.left.retain(|(key, _)| {
            let like = cases.like(key);
            variants.extend(like.map(|like| (key.clone(), like.to_owned())));
            like.is_none()
        });
        for (key, other) in variants {
            let (key, other) = (self.key(&key), self.key(&other));
            self.faults.push(KeyFault::Variant { key, other });
        }
    }

    fn key(&self, key: &str) -> Key {
        if self.above.is_empty() { Key::new(key) } else { Key::new(format!("{}.{key}", self.above)) }
    }

    pub(super) fn fault(&mut self, fault: KeyFault) {
        self.faults.push(fault);
    }

    /// Takes a key, and what else has that name: that it stands there twice is told elsewhere.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.left.retain(|(name, value)| {
            let is_it = name == key;
            if is_it {
                found.get_or_insert(*value);
            }
            !is_it
        });
        found
    }

    pub(super) fn needed(&mut self, key: &'static str) -> Option<&'a RawValue> {
        let found = self.take(key);
        if found.is_none() {
            let key = self.key(key);
            self.fault(KeyFault::Missing { key });
        }
        found
    }

    /// What was read, or what should stand there.
    fn of_form<T>(&mut self, key: &str, wanted: &'static str, read: Option<T>) -> Option<T> {
        if read.is_none() {
            let key = self.key(key);
            self.fault(KeyFault::Form { key, wanted });
        }
        read
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let raw = self.take(key)?;
        self.of_form(key, "a text", text_of(raw))
    }

    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(raw) = self.take(key) else { return Vec::new() };
        let items = serde_json::from_str(raw.get()).ok();
        let texts = items.and_then(|Array(items)| items.into_iter().map(text_of).collect());
        self.of_form(key, "an array of texts", texts).unwrap_or_default()
    }

    pub(super) fn name(&mut self, key: &'static str) -> Option<Text> {
        let raw = self.take(key)?;
        self.read_name(key, raw)
    }

    pub(super) fn needed_name(&mut self, key: &'static str) -> Option<Text> {
        let raw = self.needed(key)?;
        self.read_name(key, raw)
    }

    pub(super) fn needed_id(&mut self, key: &'static str) -> Option<SessionId> {
        self.needed_name(key).map(|name| SessionId::from(name.as_str()))
    }

    fn read_name(&mut self, key: &str, raw: &RawValue) -> Option<Text> {
        let text = self.of_form(key, "a text", text_of(raw))?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(fault) => {
                let key = self.key(key);
                self.fault(KeyFault::Name { key, fault });
                None
            }
        }
    }

    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        let raw = self.take(key)?;
        self.read_number(key, raw)
    }

    pub(super) fn read_number(&mut self, key: &str, raw: &RawValue) -> Option<u64> {
        self.of_form(key, "a whole number", serde_json::from_str(raw.get()).ok())
    }

    pub(super) fn journal(&mut self, key: &str) -> Option<EventId> {
        let raw = self.take(key)?;
        self.of_form(key, "the id of a journal, a ULID", serde_json::from_str(raw.get()).ok())
    }

    pub(super) fn position(&mut self, key: &str) -> Option<Position> {
        let raw = self.take(key)?;
        self.of_form(key, "a position of a journal", serde_json::from_str(raw.get()).ok())
    }

    pub(super) fn time(&mut self, key: &'static str) -> Option<Timestamp> {
        let raw = self.take(key)?;
        self.read_time(key, raw)
    }

    pub(super) fn needed_time(&mut self, key: &'static str) -> Option<Timestamp> {
        let raw = self.needed(key)?;
        self.read_time(key, raw)
    }

    fn read_time(&mut self, key: &str, raw: &RawValue) -> Option<Timestamp> {
        let time = text_of(raw).and_then(|text| text.parse().ok());
        self.of_form(key, "an RFC 3339 time", time)
    }

    /// One of these words, and what it stands for.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        raw: &RawValue,
        wanted: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = text_of(raw);
        let meant = words.iter().find(|(word, _)| text.as_deref() == Some(*word)).map(|(_, meant)| *meant);
        self.of_form(key, wanted, meant)
    }

    /// An object under a key, which may have the keys `known`; as if it were empty, if it is not there.
    pub(super) fn object<T: Default>(
        &mut self,
        key: &'static str,
        known: &[&str],
        read: impl FnOnce(&mut Fields<'a, '_>) -> T,
    ) -> T {
        let Some(raw) = self.take(key) else { return T::default() };
        read(&mut Fields::of(raw, key, known, self.faults))
    }

    /// What was not taken, verbatim.
    pub(super) fn others(&mut self) -> Vec<(String, &'a RawValue)> {
        std::mem::take(&mut self.left)
    }

    /// Nothing else may stand there, but for `told`, of which it was told.
    pub(super) fn finish(&mut self, told: &[&str]) {
        let mut seen: HashSet<String> = told.iter().map(|key| (*key).to_owned()).collect();
        for (key, _) in std::mem::take(&mut self.left) {
            let shown = self.key(&key);
            if seen.insert(key) {
                self.fault(KeyFault::Unknown { key: shown });
            }
        }
    }
}

fn text_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
