//! Masking in a JSON value.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::keys::{is_hash, is_secret};
use super::text::TextRules;
use super::{MASK, MAX_DEPTH};

/// Whether a text under a secret key is masked for that.
pub(super) fn is_secret_text(text: &str) -> bool {
    !text.is_empty() && text != MASK && !is_hash(text)
}

/// Masks `value`, which stands in `depth` others, under a secret key or not.
pub(super) fn mask(rules: &TextRules, value: &mut Value, depth: usize, secret: bool) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if secret && is_secret_text(text) => MASK.clone_into(text),
        Value::String(text) => {
            if let Cow::Owned(masked) = rules.mask(text) {
                *text = masked;
            }
        }
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => *value = Value::from(MASK),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(rules, item, depth + 1, secret)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                mask(rules, value, depth + 1, secret || is_secret(key));
            }
            mask_keys(rules, map);
        }
    }
}

fn mask_keys(rules: &TextRules, map: &mut Map<String, Value>) {
    if map.keys().all(|key| matches!(rules.mask(key), Cow::Borrowed(_))) {
        return;
    }
    let mut masked = Map::with_capacity(map.len());
    let mut number = 0;
    for (key, value) in std::mem::take(map) {
        let mut name = rules.mask(&key).into_owned();
        while masked.contains_key(&name) {
            number += 1;
            name = format!("{MASK}#{number}");
        }
        masked.insert(name, value);
    }
    *map = masked;
}
