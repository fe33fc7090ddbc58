//! Checking the input of a tool against its schema.
//!
//! A schema is read once, when its tool is registered. Drafts 4 to 2020-12 of JSON Schema are known. A `$ref` leads to
//! a place in the same schema, as `#` or `#/...`; nothing is ever fetched or opened. What could make a check long is
//! refused: at registration a schema that is too large or too deep or applies to itself, or has too many patterns or values to
//! choose from, later an input that takes too many steps. Patterns are those of the crate `regex`, which match in linear
//! time: no look-around, no back-reference.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

mod bounds;
mod parts;
mod wording;

use bounds::{Bounds, TooMuch};
use wording::{place_of, tell, what};

/// The patterns of a schema may compile to that many bytes together, each to its share, and take as much while they match.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// How many misfits of an input are looked at, and how many are told.
const MISFITS: (usize, usize) = (32, 3);

/// What the inputs of a tool must be.
pub(super) struct InputSchema {
    schema: Value,
    validator: Validator,
    #[cfg(feature = "mcp")]
    patterns: usize,
}

/// Why a schema cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SchemaFault {
    /// Where in the schema, as a URI fragment: `#/properties/path/type`.
    pub(super) place: String,
    pub(super) reason: String,
}

impl SchemaFault {
    /// A fault at that JSON pointer.
    pub(super) fn at(pointer: &str, reason: String) -> Self {
        Self { place: place_of(pointer), reason }
    }
}

/// How an input does not fit a schema. It names places and what is expected there, and never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the input must be an object, not {actual}")]
    NotAnObject { actual: &'static str },
    #[error("the input is too deep or too large for its schema: give less at once")]
    TooMuch,
    #[error("{0}")]
    Told(String),
}

impl InputSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`SchemaFault`] if it is none, of a draft that is not known, refers to something else, or may take too long.
    pub(super) fn compile(schema: &Value) -> Result<Self, SchemaFault> {
        let patterns = Bounds::of(schema).survey()?;
        let share = MAX_PATTERN_BYTES / patterns.max(1);
        let limits = PatternOptions::regex().size_limit(share).dfa_size_limit(share);
        let options = jsonschema::options().offline().with_pattern_options(limits);
        let validator = options.build(schema).map_err(|error| fault_of(&error))?;
        let schema = schema.clone();
        Ok(Self {
            schema,
            validator,
            #[cfg(feature = "mcp")]
            patterns,
        })
    }

    /// How many patterns it has.
    #[cfg(feature = "mcp")]
    pub(super) fn patterns(&self) -> usize {
        self.patterns
    }

    /// Checks an input.
    ///
    /// # Errors
    /// [`Misfit`], the same for the same input: what is missing first, then the others in the order of the schema.
    pub(super) fn check(&self, input: &Value) -> Result<(), Misfit> {
        if !input.is_object() {
            return Err(Misfit::NotAnObject { actual: type_of(input) });
        }
        Bounds::of(&self.schema).spend_on(input).map_err(|TooMuch| Misfit::TooMuch)?;
        if self.validator.is_valid(input) {
            return Ok(());
        }
        let mut misfits: Vec<_> = self.validator.iter_errors(input).take(MISFITS.0).collect();
        misfits.sort_by_key(|misfit| !matches!(misfit.kind(), ValidationErrorKind::Required { .. }));
        let mut told: Vec<_> =
            misfits.iter().take(MISFITS.1).map(|misfit| tell(misfit, &self.schema)).collect();
        told.dedup();
        let more = if misfits.len() > MISFITS.1 { "; and there is more" } else { "" };
        Err(Misfit::Told(format!("{}{more}", told.join("; "))))
    }
}

impl fmt::Debug for InputSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputSchema").finish_non_exhaustive()
    }
}

fn fault_of(error: &ValidationError<'_>) -> SchemaFault {
    let reason = match error.kind() {
        ValidationErrorKind::Referencing(jsonschema::ReferencingError::UnknownSpecification { .. }) => {
            let reason = "it is written in a draft of JSON Schema that is not known".to_owned();
            return SchemaFault { place: "#/$schema".to_owned(), reason };
        }
        ValidationErrorKind::Referencing(_) => "it refers to something that is not there".to_owned(),
        ValidationErrorKind::Format { format } if format == "regex" => {
            "it is no pattern, or one that is too large or does not match in linear time".to_owned()
        }
        _ => what(error, &Value::Null),
    };
    SchemaFault::at(error.instance_path().as_str(), reason)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
