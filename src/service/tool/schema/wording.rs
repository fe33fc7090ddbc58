//! How a misfit is told: which property, and what is expected of it.
//!
//! Names come from the input, what is expected from the schema; both are cut. Values of the input are never told.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::super::hidden::is_hidden;
use super::type_of;

/// The longest name or value of a schema that is told, in bytes.
const MAX_WORD: usize = 64;

/// The longest place that is told, in bytes.
const MAX_PLACE: usize = 200;

/// How many words of a list are told.
const MAX_WORDS: usize = 16;

/// How many alternatives are told.
const MAX_ALTERNATIVES: usize = 4;

/// One misfit: where it is and what is expected there.
pub(super) fn tell(misfit: &ValidationError<'_>, schema: &Value) -> String {
    let at = misfit.instance_path().as_str();
    let subject = match at.strip_prefix('/') {
        None => "the input".to_owned(),
        Some(name) if !name.contains(['/', '~']) => format!("`{}`", word(name)),
        Some(_) => format!("`{}`", cut(at, MAX_PLACE)),
    };
    format!("{subject} {}", what(misfit, schema))
}

/// What is wrong with the value there.
pub(super) fn what(misfit: &ValidationError<'_>, schema: &Value) -> String {
    match misfit.kind() {
        Kind::Required { property } => format!("lacks `{}`", word(property.as_str().unwrap_or_default())),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unknown(unexpected, misfit.schema_path().as_str(), schema)
        }
        Kind::Type { kind } => {
            let types: Vec<_> = match kind {
                TypeKind::Single(one) => vec![one.to_string()],
                TypeKind::Multiple(some) => some.iter().map(|one| one.to_string()).collect(),
            };
            format!("must be of type {}, not {}", types.join(" or "), type_of(misfit.instance()))
        }
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            format!("must be one of {}", list(options.iter().map(value)))
        }
        Kind::Constant { expected_value } => format!("must be {}", value(expected_value)),
        Kind::Pattern { pattern } => format!("must match the pattern `{}`", word(pattern)),
        Kind::Format { format } => format!("must be of the format `{}`", word(format)),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => none_of(context, schema),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the alternatives".to_owned(),
        Kind::Not { .. } => "is what it must not be".to_owned(),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::UniqueItems => "must not have an element twice".to_owned(),
        Kind::Contains => "lacks an element that it must have".to_owned(),
        Kind::PropertyNames { .. } => "has a property whose name does not fit".to_owned(),
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            "has more elements than it may have".to_owned()
        }
        other => amount(other),
    }
}

/// What is wrong with a size.
fn amount(kind: &Kind) -> String {
    match kind {
        Kind::Maximum { limit } => format!("must be at most {}", value(limit)),
        Kind::Minimum { limit } => format!("must be at least {}", value(limit)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {}", value(limit)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {}", value(limit)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements"),
        Kind::MinItems { limit } => format!("must have at least {limit} elements"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        other => format!("does not fit `{}` of its schema", word(other.keyword())),
    }
}

fn unknown(unexpected: &[String], keyword: &str, schema: &Value) -> String {
    let owner = keyword.rsplit_once('/').and_then(|(owner, _keyword)| schema.pointer(owner));
    let known = owner.and_then(|owner| owner.get("properties")).and_then(Value::as_object);
    let names = list(unexpected.iter().map(|name| format!("`{}`", word(name))));
    let verb = if unexpected.len() == 1 { "is" } else { "are" };
    let known = known.filter(|known| !known.is_empty()).map_or_else(String::new, |known| {
        format!(": there is {}", list(known.keys().map(|name| format!("`{}`", word(name)))))
    });
    format!("has {names}, which {verb} not known{known}")
}

fn none_of(context: &[Vec<ValidationError<'static>>], schema: &Value) -> String {
    // The first misfit of each; one within an alternative has its own place.
    let firsts = context.iter().filter_map(|misfits| misfits.first());
    let told: Vec<_> = firsts
        .take(MAX_ALTERNATIVES)
        .map(|misfit| match misfit.kind() {
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "other alternatives".to_owned(),
            _ => tell(misfit, schema),
        })
        .collect();
    let more = if context.len() > told.len() { ", or more" } else { "" };
    format!("fits none of its {} alternatives: {}{more}", context.len(), told.join(", or "))
}

/// Where in a schema, as a URI fragment that can be shown.
pub(super) fn place_of(pointer: &str) -> String {
    format!("#{}", cut(pointer, MAX_PLACE))
}

fn value(value: &Value) -> String {
    word(&value.to_string())
}

fn word(text: &str) -> String {
    cut(text, MAX_WORD)
}

fn list(words: impl ExactSizeIterator<Item = String>) -> String {
    let more = words.len().saturating_sub(MAX_WORDS);
    let told = words.take(MAX_WORDS).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

/// A text on one line without what cannot be seen, cut.
fn cut(text: &str, most: usize) -> String {
    let kept = text.get(..text.floor_char_boundary(most)).unwrap_or_default();
    let mark = if kept.len() < text.len() { "\u{2026}" } else { "" };
    kept.chars().map(|c| if c.is_control() || is_hidden(c) { ' ' } else { c }).chain(mark.chars()).collect()
}
