//! How much memory an event holds, by estimate.

use serde_json::Value;

use super::DomainEvent;
use crate::event::kind::Payload;

/// An event with its texts, unless they are unusual, in bytes.
const TYPICAL: usize = 768;

/// A value in a bag, with its place there, in bytes.
const VALUE: usize = 64;

impl DomainEvent {
    /// An estimate of the memory it holds, in bytes: never less than half of it where its parts are known. What typed
    /// details of custom kinds hold is not.
    pub(crate) fn weight(&self) -> usize {
        let attributes =
            |bag: &super::Attributes| bag.iter().map(|(key, value)| key.len() + weight(value)).sum();
        let attributes: usize = self.attributes.as_deref().map_or(0, attributes);
        let unknown = self.unknown.as_ref().map_or(0, |unknown| unknown.weight());
        let custom = match &self.payload {
            Payload::Custom(custom) => custom.weight(),
            _ => 0,
        };
        TYPICAL + attributes + unknown + custom
    }
}

fn weight(value: &Value) -> usize {
    VALUE
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
            _ => 0,
        }
}
