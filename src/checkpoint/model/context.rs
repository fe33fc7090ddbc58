//! [`CheckpointContext`]: what the work is on; a few keys that are known, and any others as they were written.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// What an agent works on. Keys beside those that stand here are kept in their order, with each number and text of their
/// values spelled as it was written; only the white space between is left out, so that a checkpoint is one line.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckpointContext {
    /// The shipment.
    pub shipment_id: Option<String>,
    /// The feature.
    pub feature_id: Option<String>,
    /// The tasks.
    pub task_ids: Vec<String>,
    /// The branch.
    pub branch: Option<String>,
    others: Vec<(String, Box<RawValue>)>,
}

impl CheckpointContext {
    /// The keys that are known.
    pub(in crate::checkpoint) const KEYS: [&'static str; 4] =
        ["shipment_id", "feature_id", "task_ids", "branch"];

    /// Whether it tells nothing.
    pub fn is_empty(&self) -> bool {
        let Self { shipment_id, feature_id, task_ids, branch, others } = self;
        shipment_id.is_none()
            && feature_id.is_none()
            && task_ids.is_empty()
            && branch.is_none()
            && others.is_empty()
    }

    /// The other keys and their JSON, spelled as it was written, on one line.
    pub fn others(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.others.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// Adds another key. One that is there already, or differs from one by case alone, is refused when the draft is
    /// saved.
    ///
    /// # Errors
    /// `serde_json`'s, if the value has no JSON form.
    pub fn add(&mut self, key: impl Into<String>, value: &impl Serialize) -> Result<(), serde_json::Error> {
        self.push(key.into(), &to_raw_value(value)?);
        Ok(())
    }

    pub(in crate::checkpoint) fn push(&mut self, key: String, value: &RawValue) {
        let value = RawValue::from_string(on_one_line(value.get()));
        self.others.push((key, value.expect("white space between tokens means nothing")));
    }
}

/// JSON without the white space between its tokens, which themselves stay as they are spelled.
fn on_one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let (mut in_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        if !in_text && matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        in_text ^= c == '"' && !is_escaped;
        is_escaped = in_text && c == '\\' && !is_escaped;
        line.push(c);
    }
    line
}

impl PartialEq for CheckpointContext {
    fn eq(&self, other: &Self) -> bool {
        let known = |context: &Self| {
            let Self { shipment_id, feature_id, task_ids, branch, .. } = context.clone();
            (shipment_id, feature_id, task_ids, branch)
        };
        let others = |context: &Self| -> Vec<_> {
            context.others().map(|(key, value)| (key.to_owned(), value.get().to_owned())).collect()
        };
        known(self) == known(other) && others(self) == others(other)
    }
}

impl Serialize for CheckpointContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let known =
            [("shipment_id", &self.shipment_id), ("feature_id", &self.feature_id), ("branch", &self.branch)];
        for (key, value) in known {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        if !self.task_ids.is_empty() {
            map.serialize_entry("task_ids", &self.task_ids)?;
        }
        for (key, value) in &self.others {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
