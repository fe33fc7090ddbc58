//! Numbers in the inputs of the built-in tools.

use serde::{Deserialize as _, Deserializer};
use serde_json::{Number, Value, json};

/// The schema of a number of things, of which there is at least one.
pub(super) fn number_schema(description: &str) -> Value {
    json!({"type": "integer", "minimum": 1, "description": description})
}

/// A number of things, in whatever form JSON has it: `2`, `2.0`, or more than there can be.
pub(super) fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::<Number>::deserialize(input)?.map(|number| {
        let whole = number.as_u64().or_else(|| number.as_f64().map(clamped));
        usize::try_from(whole.unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
    }))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is below or above all numbers is the least or the largest"
)]
fn clamped(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Input {
        #[serde(default, deserialize_with = "number")]
        max: Option<usize>,
    }

    #[test]
    fn a_number_is_read_in_each_form_that_json_has_for_it() {
        for (max, expected) in [
            (json!(1), 1),
            (json!(2.0), 2),
            (json!(u64::MAX), usize::MAX),
            (json!(1e300), usize::MAX),
            (json!(0), 0),
            (json!(-1e300), 0),
        ] {
            let input: Input = serde_json::from_value(json!({"max": max})).unwrap();
            assert_eq!(input.max, Some(expected), "{max}");
        }
        let none: Input = serde_json::from_value(json!({})).unwrap();
        assert_eq!(none.max, None);
    }
}
