//! Checking the input of a tool against its schema.
//!
//! This is the part of JSON Schema that the parameters of tools are written in: the input is an object; it has every
//! property named in `required`; a property named in `properties` is of its `type` (one name, or a list of which one
//! fits) and one of its `enum`; the elements of an array are of the `type` of its `items`; with
//! `additionalProperties: false` it has no other property. Other keywords of a schema are not looked at: a tool must
//! refuse by itself what only they forbid.

use serde_json::{Map, Value};

/// How an input does not fit a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the input must be an object, not {actual}")]
    NotAnObject { actual: &'static str },
    #[error("the input lacks `{property}`")]
    Missing { property: String },
    #[error("the input has `{property}`, which is not known; there is {known}")]
    Unknown { property: String, known: String },
    #[error("`{property}` must be of type {expected}, not {actual}")]
    Type { property: String, expected: String, actual: &'static str },
    #[error("`{property}` must be one of {expected}")]
    NotAmong { property: String, expected: String },
}

/// Checks `input` against `schema`.
pub(super) fn check(schema: &Value, input: &Value) -> Result<(), Misfit> {
    let Value::Object(input) = input else {
        return Err(Misfit::NotAnObject { actual: type_of(input) });
    };
    let required = schema.get("required").and_then(Value::as_array);
    for property in required.into_iter().flatten().filter_map(Value::as_str) {
        if !input.contains_key(property) {
            return Err(Misfit::Missing { property: property.to_owned() });
        }
    }
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (property, value) in input {
        match properties.get(property) {
            Some(expected) => check_value(property, expected, value)?,
            None if is_closed => {
                let known = properties.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(Misfit::Unknown { property: property.clone(), known });
            }
            None => {}
        }
    }
    Ok(())
}

fn check_value(property: &str, schema: &Value, value: &Value) -> Result<(), Misfit> {
    check_type(property, schema, value)?;
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        let expected = words.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return Err(Misfit::NotAmong { property: property.to_owned(), expected });
    }
    if let (Some(items), Value::Array(elements)) = (schema.get("items"), value) {
        for (nth, element) in elements.iter().enumerate() {
            check_type(&format!("{property}[{nth}]"), items, element)?;
        }
    }
    Ok(())
}

fn check_type(property: &str, schema: &Value, value: &Value) -> Result<(), Misfit> {
    let expected: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    if expected.iter().any(|name| is_of_type(name, value)) {
        return Ok(());
    }
    let (property, expected) = (property.to_owned(), expected.join(" or "));
    Err(Misfit::Type { property, expected, actual: type_of(value) })
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match (name, value) {
        // A number without a fraction is an integer, however it is written.
        ("integer", Value::Number(number)) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => name == type_of(value),
    }
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
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "lines": {"type": ["integer", "null"]},
                "mode": {"enum": ["a", "b"]},
                "words": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["path"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn an_input_that_fits_passes() {
        for input in [
            json!({"path": "a"}),
            json!({"path": "a", "lines": 3, "mode": "b", "words": ["x"]}),
            json!({"path": "", "lines": 2.0}),
            json!({"path": "a", "lines": null}),
        ] {
            assert_eq!(check(&schema(), &input), Ok(()), "{input}");
        }
    }

    #[test]
    fn an_input_that_does_not_fit_is_refused_with_the_place() {
        for (input, text) in [
            (json!("{\"path\""), "the input must be an object, not string"),
            (json!({}), "the input lacks `path`"),
            (json!({"path": 3}), "`path` must be of type string, not number"),
            (json!({"path": "a", "lines": 1.5}), "`lines` must be of type integer or null, not number"),
            (json!({"path": "a", "mode": "c"}), "`mode` must be one of \"a\", \"b\""),
            (json!({"path": "a", "words": ["x", 1]}), "`words[1]` must be of type string, not number"),
        ] {
            assert_eq!(check(&schema(), &input).unwrap_err().to_string(), text);
        }
        let unknown = check(&schema(), &json!({"path": "a", "pth": 1})).unwrap_err().to_string();
        assert!(
            unknown.starts_with("the input has `pth`, which is not known; there is `lines`"),
            "{unknown}"
        );
    }

    #[test]
    fn a_schema_that_says_nothing_takes_every_object() {
        assert_eq!(check(&json!(true), &json!({"x": 1})), Ok(()));
        assert_eq!(check(&json!({}), &json!({})), Ok(()));
    }
}
