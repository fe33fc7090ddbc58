//! What keeps a check short: [`Bounds`], over the parts of a schema and what they apply to.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::SchemaFault;
use super::parts::{
    Part, To, depth_of, each_part, options_of, patterns_of, target_of, unescaped, write_place,
};

/// A schema has at most that many bytes.
const MAX_SCHEMA_BYTES: usize = 256 << 10;

/// Parts of a schema lie in one another that deep at most, and so do the parts that apply to one input.
const MAX_DEPTH: usize = 200;

/// How many patterns a schema has at most, and how many bytes all of them together.
const MAX_PATTERNS: (usize, usize) = (64, 8 << 10);

/// How many values one `enum` lists at most.
const MAX_OPTIONS: usize = 4_096;

/// How often a part of a schema is held against a part of an input.
const MAX_STEPS: u32 = 100_000;

/// So many bytes that a pattern is matched against take as long as one more part.
const MATCHED_PER_STEP: usize = 2;

/// So many values that are compared with others, or names that are looked up, take as long as one more part.
const VALUES_PER_STEP: usize = 4;

/// So many values that are hashed take as long as one more part.
const HASHED_PER_STEP: usize = 2;

/// So many bytes of a text that are compared or counted take as long as one more part.
const BYTES_PER_STEP: usize = 256;

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

    /// Looks over a schema before anything else does, and counts its patterns.
    pub(super) fn survey(&self) -> Result<usize, SchemaFault> {
        if depth_of(self.schema, MAX_DEPTH) > MAX_DEPTH {
            return Err(SchemaFault::at("", format!("it is deeper than {MAX_DEPTH} levels")));
        }
        let bytes = self.schema.to_string().len();
        if bytes > MAX_SCHEMA_BYTES {
            return Err(SchemaFault::at("", format!("it has {bytes} bytes, more than {MAX_SCHEMA_BYTES}")));
        }
        let is_draft_4 = self.schema.get("$schema").and_then(Value::as_str);
        let id = if is_draft_4.is_some_and(|draft| draft.contains("draft-04")) { "id" } else { "$id" };
        let mut survey = Survey { bounds: self, id, seen: HashMap::new(), patterns: (0, 0) };
        survey.part(self.schema, &mut String::new(), 0, &mut Vec::new())?;
        Ok(survey.patterns.0)
    }

    /// Walks over an input as a check does, so that a check is never begun that would not end soon.
    pub(super) fn spend_on(&self, input: &Value) -> Result<(), TooMuch> {
        let mut steps = MAX_STEPS;
        self.spend(self.schema, input, MAX_DEPTH, &mut steps)
    }

    fn spend(&self, part: &'s Value, input: &Value, depth: usize, steps: &mut u32) -> Result<(), TooMuch> {
        let depth = depth.checked_sub(1).ok_or(TooMuch)?;
        *steps = steps.checked_sub(1).ok_or(TooMuch)?;
        let Value::Object(part) = part else {
            return Ok(());
        };
        *steps = steps.checked_sub(more_steps(part, input)).ok_or(TooMuch)?;
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
                    for name in members.keys() {
                        self.spend(part, &Value::String(name.clone()), depth, steps)?;
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

/// What a part of a schema takes itself, beside the parts in it.
fn more_steps(part: &Map<String, Value>, input: &Value) -> u32 {
    let demanded: usize = ["enum", "const", "required", "dependentRequired"]
        .into_iter()
        .filter_map(|keyword| part.get(keyword))
        .fold(0, |steps: usize, demanded| steps.saturating_add(steps_over(demanded, VALUES_PER_STEP)));
    let names = part.get("properties").and_then(Value::as_object).map_or(0, Map::len) / VALUES_PER_STEP;
    let own = match input {
        Value::String(text) => steps_of_text(part, text),
        Value::Array(_) if part.get("uniqueItems") == Some(&Value::Bool(true)) => {
            steps_over(input, HASHED_PER_STEP)
        }
        Value::Object(members) if part.contains_key("patternProperties") => {
            let names: usize = members.keys().map(String::len).sum();
            names.saturating_mul(patterns_of(part).count()) / MATCHED_PER_STEP
        }
        _ => 0,
    };
    u32::try_from(demanded.saturating_add(names).saturating_add(own)).unwrap_or(u32::MAX)
}

fn steps_of_text(part: &Map<String, Value>, text: &str) -> usize {
    let matched = if part.contains_key("pattern") { text.len() / MATCHED_PER_STEP } else { 0 };
    let counts = ["minLength", "maxLength"].into_iter().filter(|keyword| part.contains_key(*keyword)).count();
    matched.saturating_add(text.len().saturating_mul(counts) / BYTES_PER_STEP)
}

/// The steps of a look at all of a value; too many if it is too deep for that.
fn steps_over(value: &Value, values_per_step: usize) -> usize {
    if depth_of(value, MAX_DEPTH) > MAX_DEPTH {
        return usize::MAX;
    }
    let (values, bytes) = size_of(value);
    values / values_per_step + bytes / BYTES_PER_STEP
}

/// How many values there are in a value, with itself, and how many bytes their texts and names have.
fn size_of(value: &Value) -> (usize, usize) {
    let sum =
        |(values, bytes): (usize, usize), (more, longer): (usize, usize)| (values + more, bytes + longer);
    match value {
        Value::String(text) => (1, text.len()),
        Value::Array(elements) => elements.iter().map(size_of).fold((1, 0), sum),
        Value::Object(members) => {
            let sizes = members.iter().map(|(name, member)| sum(size_of(member), (0, name.len())));
            sizes.fold((1, 0), sum)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => (1, 0),
    }
}

/// A walk over all parts of a schema and what they refer to.
struct Survey<'b, 's> {
    bounds: &'b Bounds<'s>,
    /// The keyword that begins another schema.
    id: &'static str,
    /// How deep the parts were below those that were left, by their address.
    seen: HashMap<*const Value, usize>,
    /// How many patterns there were, and how many bytes all of them together.
    patterns: (usize, usize),
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
            return Err(SchemaFault::at(at, "it applies to itself without end".to_owned()));
        }
        let below = self.seen.get(&address).copied();
        if above + below.unwrap_or(0) > MAX_DEPTH {
            return Err(SchemaFault::at(at, format!("its parts are deeper than {MAX_DEPTH} levels")));
        }
        let (Value::Object(keywords), None) = (part, below) else {
            return Ok(below.unwrap_or(0));
        };
        self.count(keywords, at)?;
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

    /// Counts what makes a part long to read and to check.
    fn count(&mut self, part: &Map<String, Value>, at: &str) -> Result<(), SchemaFault> {
        if options_of(part) > MAX_OPTIONS {
            let reason = format!("it has more than {MAX_OPTIONS} values");
            return Err(SchemaFault::at(&format!("{at}/enum"), reason));
        }
        for (keyword, pattern) in patterns_of(part) {
            self.patterns.0 += 1;
            self.patterns.1 += pattern.len();
            let (most, bytes) = MAX_PATTERNS;
            if self.patterns.0 > most || self.patterns.1 > bytes {
                let reason =
                    format!("the schema has more than {most} patterns, or they have more than {bytes} bytes");
                return Err(SchemaFault::at(&format!("{at}/{keyword}"), reason));
            }
        }
        Ok(())
    }

    /// Where it leads; a way that leads anywhere else is refused.
    fn reference(&self, part: &'s Map<String, Value>, at: &str) -> Result<Option<&'s Value>, SchemaFault> {
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if part.contains_key(keyword) {
                let reason = "what it refers to depends on its use; refer to it by `$ref`".to_owned();
                return Err(SchemaFault::at(&format!("{at}/{keyword}"), reason));
            }
        }
        if !at.is_empty() && part.get(self.id).is_some_and(Value::is_string) {
            let reason = "another schema begins here; only the whole may have an id".to_owned();
            return Err(SchemaFault::at(&format!("{at}/{}", self.id), reason));
        }
        let Some(reference) = target_of(part) else {
            return Ok(None);
        };
        let place = format!("{at}/$ref");
        if reference != "#" && !reference.starts_with("#/") {
            let reason = "it refers to something outside of the schema, which is not looked up".to_owned();
            return Err(SchemaFault::at(&place, reason));
        }
        let target = self.bounds.find(reference);
        target
            .map(Some)
            .ok_or_else(|| SchemaFault::at(&place, "it refers to something that is not there".to_owned()))
    }
}
