//! What keeps a check short: [`Bounds`], over the parts of a schema and what they apply to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::SchemaFault;
use super::wording::place_of;

/// A schema has at most that many bytes.
const MAX_SCHEMA_BYTES: usize = 256 << 10;

/// Parts of a schema lie in one another that deep at most, and so do the parts that apply to one input.
const MAX_DEPTH: usize = 200;

/// How often a part of a schema is held against a part of an input.
const MAX_STEPS: u32 = 100_000;

/// To what of a value a part of its schema applies. Where that depends, to all that it could.
#[derive(Clone, Copy)]
enum To<'s> {
    Itself,
    Member(&'s str),
    Members,
    MemberNames,
    Elements,
    /// To nothing, unless something refers to it.
    Nothing,
}

/// A part of a schema.
struct Part<'s> {
    keyword: &'s str,
    key: Option<Key<'s>>,
    to: To<'s>,
    schema: &'s Value,
}

/// What a part is called below its keyword.
enum Key<'s> {
    Name(&'s str),
    Nth(usize),
}

/// An input takes more steps than are granted.
#[derive(Debug)]
pub(super) struct TooMuch;

/// A schema, and how much may be done with it.
pub(super) struct Bounds<'s> {
    schema: &'s Value,
}

impl<'s> Bounds<'s> {
    pub(super) fn of(schema: &'s Value) -> Self {
        Self { schema }
    }

    /// Looks over a schema before anything else does.
    pub(super) fn survey(&self) -> Result<(), SchemaFault> {
        if depth_of(self.schema, MAX_DEPTH) > MAX_DEPTH {
            return Err(fault("", format!("it is deeper than {MAX_DEPTH} levels")));
        }
        let bytes = self.schema.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            return Err(fault("", format!("it has {bytes} bytes, more than {MAX_SCHEMA_BYTES}")));
        }
        let is_draft_4 = self.schema.get("$schema").and_then(Value::as_str);
        let id = if is_draft_4.is_some_and(|draft| draft.contains("draft-04")) { "id" } else { "$id" };
        let mut survey = Survey { bounds: self, id, seen: HashMap::new() };
        survey.part(self.schema, &mut String::new(), 0, &mut Vec::new())?;
        Ok(())
    }

    /// Walks over an input as a check does, so that a check is never begun that would not end soon.
    pub(super) fn spend_on(&self, input: &Value) -> Result<(), TooMuch> {
        let mut steps = MAX_STEPS;
        self.spend(self.schema, input, MAX_DEPTH, &mut steps)
    }

    fn spend(&self, part: &'s Value, input: &Value, depth: usize, steps: &mut u32) -> Result<(), TooMuch> {
        *steps = steps.checked_sub(1).ok_or(TooMuch)?;
        let depth = depth.checked_sub(1).ok_or(TooMuch)?;
        let Value::Object(part) = part else {
            return Ok(());
        };
        // What was not evaluated is found by evaluating the rest once more.
        let is_twice = part.contains_key("unevaluatedProperties") || part.contains_key("unevaluatedItems");
        let targets = target_of(part).and_then(|reference| self.find(reference));
        for target in targets.into_iter().chain(targets.filter(|_target| is_twice)) {
            self.spend(target, input, depth, steps)?;
        }
        each_part(part, &mut |Part { to, schema: part, .. }| {
            match (to, input) {
                (To::Itself, _) => {
                    if is_twice {
                        self.spend(part, input, depth, steps)?;
                    }
                    self.spend(part, input, depth, steps)?;
                }
                (To::Member(name), Value::Object(members)) => {
                    if let Some(member) = members.get(name) {
                        self.spend(part, member, depth, steps)?;
                    }
                }
                (To::Members, Value::Object(members)) => {
                    for member in members.values() {
                        self.spend(part, member, depth, steps)?;
                    }
                }
                (To::MemberNames, Value::Object(members)) => {
                    for _name in members {
                        self.spend(part, &Value::Null, depth, steps)?;
                    }
                }
                (To::Elements, Value::Array(elements)) => {
                    for element in elements {
                        self.spend(part, element, depth, steps)?;
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// The part that a reference leads to, which is one within the schema.
    fn find(&self, reference: &str) -> Option<&'s Value> {
        self.schema.pointer(&unescaped(reference.strip_prefix('#')?)?)
    }
}

/// A walk over all parts of a schema and what they refer to.
struct Survey<'b, 's> {
    bounds: &'b Bounds<'s>,
    /// The keyword that begins another schema.
    id: &'static str,
    /// How deep the parts were below those that were left, by their address.
    seen: HashMap<*const Value, usize>,
}

impl<'s> Survey<'_, 's> {
    /// How deep it is below this part. `same` are the parts above it that apply to the same value.
    fn part(
        &mut self,
        part: &'s Value,
        at: &mut String,
        above: usize,
        same: &mut Vec<*const Value>,
    ) -> Result<usize, SchemaFault> {
        let address: *const Value = part;
        if same.contains(&address) {
            return Err(fault(at, "it applies to itself without end".to_owned()));
        }
        let below = self.seen.get(&address).copied();
        if above + below.unwrap_or(0) > MAX_DEPTH {
            return Err(fault(at, format!("its parts are deeper than {MAX_DEPTH} levels")));
        }
        let (Value::Object(keywords), None) = (part, below) else {
            return Ok(below.unwrap_or(0));
        };
        // It may refer to itself further down.
        self.seen.insert(address, 0);
        same.push(address);
        let mut deepest = 0;
        if let Some(target) = self.reference(keywords, at)? {
            let length = at.len();
            at.push_str("/$ref");
            deepest = 1 + self.part(target, at, above + 1, same)?;
            at.truncate(length);
        }
        each_part(keywords, &mut |part| {
            let length = at.len();
            write_place(at, &part);
            let below = match part.to {
                To::Itself => self.part(part.schema, at, above + 1, same)?,
                _ => self.part(part.schema, at, above + 1, &mut Vec::new())?,
            };
            deepest = deepest.max(1 + below);
            at.truncate(length);
            Ok(())
        })?;
        same.pop();
        self.seen.insert(address, deepest);
        Ok(deepest)
    }

    /// Where it leads; a way that leads anywhere else is refused.
    fn reference(&self, part: &'s Map<String, Value>, at: &str) -> Result<Option<&'s Value>, SchemaFault> {
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if part.contains_key(keyword) {
                let reason = "what it refers to depends on its use; refer to it by `$ref`".to_owned();
                return Err(fault(&format!("{at}/{keyword}"), reason));
            }
        }
        if !at.is_empty() && part.get(self.id).is_some_and(Value::is_string) {
            let reason = "another schema begins here; only the whole may have an id".to_owned();
            return Err(fault(&format!("{at}/{}", self.id), reason));
        }
        let Some(reference) = target_of(part) else {
            return Ok(None);
        };
        let place = format!("{at}/$ref");
        if reference != "#" && !reference.starts_with("#/") {
            let reason = "it refers to something outside of the schema, which is not looked up".to_owned();
            return Err(fault(&place, reason));
        }
        let target = self.bounds.find(reference);
        target.map(Some).ok_or_else(|| fault(&place, "it refers to something that is not there".to_owned()))
    }
}

fn target_of(part: &Map<String, Value>) -> Option<&str> {
    part.get("$ref").and_then(Value::as_str)
}

/// Visits the parts of a schema.
fn each_part<'s, E>(
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

fn write_place(at: &mut String, part: &Part<'_>) {
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

fn fault(at: &str, reason: String) -> SchemaFault {
    SchemaFault { place: place_of(at), reason }
}

/// How deep a value is; no deeper than one more than `most` is looked.
fn depth_of(value: &Value, most: usize) -> usize {
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
fn unescaped(fragment: &str) -> Option<String> {
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
