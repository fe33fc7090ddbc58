//! The parts of a schema: where they are, and to what of a value they apply.

use serde_json::{Map, Value};

/// To what of a value a part of its schema applies. Where that depends, to all that it could.
#[derive(Clone, Copy)]
pub(super) enum To<'s> {
    Itself,
    Member(&'s str),
    Members,
    MemberNames,
    Elements,
    /// To nothing, unless something refers to it.
    Nothing,
}

/// A part of a schema.
pub(super) struct Part<'s> {
    pub(super) keyword: &'s str,
    pub(super) key: Option<Key<'s>>,
    pub(super) to: To<'s>,
    pub(super) schema: &'s Value,
}

/// What a part is called below its keyword.
pub(super) enum Key<'s> {
    Name(&'s str),
    Nth(usize),
}

/// Where the reference of a part leads, if it is one.
pub(super) fn target_of(part: &Map<String, Value>) -> Option<&str> {
    part.get("$ref").and_then(Value::as_str)
}

/// Visits the parts of a schema.
pub(super) fn each_part<'s, E>(
    schema: &'s Map<String, Value>,
    visit: &mut dyn FnMut(Part<'s>) -> Result<(), E>,
) -> Result<(), E> {
    for (keyword, value) in schema {
        let to = match keyword.as_str() {
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
            | "dependencies" => To::Itself,
            "properties" | "patternProperties" | "additionalProperties" | "unevaluatedProperties" => {
                To::Members
            }
            "propertyNames" => To::MemberNames,
            "items" | "prefixItems" | "additionalItems" | "contains" | "unevaluatedItems" => To::Elements,
            "$defs" | "definitions" => To::Nothing,
            _ => continue,
        };
        let has_keys = matches!(
            keyword.as_str(),
            "dependentSchemas"
                | "dependencies"
                | "properties"
                | "patternProperties"
                | "$defs"
                | "definitions"
        );
        match value {
            Value::Object(parts) if has_keys => {
                for (key, schema) in parts {
                    let to = if keyword == "properties" { To::Member(key) } else { to };
                    visit(Part { keyword, key: Some(Key::Name(key)), to, schema })?;
                }
            }
            Value::Array(parts) => {
                for (nth, schema) in parts.iter().enumerate() {
                    visit(Part { keyword, key: Some(Key::Nth(nth)), to, schema })?;
                }
            }
            schema => visit(Part { keyword, key: None, to, schema })?,
        }
    }
    Ok(())
}

/// Adds where a part is to where its owner is.
pub(super) fn write_place(at: &mut String, part: &Part<'_>) {
    at.push('/');
    at.push_str(part.keyword);
    let key = match part.key {
        Some(Key::Name(name)) => name.replace('~', "~0").replace('/', "~1"),
        Some(Key::Nth(nth)) => nth.to_string(),
        None => return,
    };
    at.push('/');
    at.push_str(&key);
}

/// The patterns that a part of a schema has itself, with their places in it.
pub(super) fn patterns_of(part: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &str)> {
    let own = part.get("pattern").and_then(Value::as_str).map(|pattern| ("pattern", pattern));
    let names = part.get("patternProperties").and_then(Value::as_object);
    own.into_iter()
        .chain(names.into_iter().flat_map(Map::keys).map(|name| ("patternProperties", name.as_str())))
}

/// The values of which a part of a schema demands one.
pub(super) fn options_of(part: &Map<String, Value>) -> usize {
    part.get("enum").and_then(Value::as_array).map_or(0, Vec::len)
}

/// How deep a value is; no deeper than one more than `most` is looked.
pub(super) fn depth_of(value: &Value, most: usize) -> usize {
    let Some(left) = most.checked_sub(1) else {
        return 1;
    };
    let deepest = match value {
        Value::Array(elements) => elements.iter().map(|element| depth_of(element, left)).max(),
        Value::Object(members) => members.values().map(|member| depth_of(member, left)).max(),
        _ => None,
    };
    1 + deepest.unwrap_or(0)
}

/// A fragment of a URI without its escapes.
pub(super) fn unescaped(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}
