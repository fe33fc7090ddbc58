//! What a server says of one tool, as a model may see it: [`Listed`].

use std::sync::Arc;

use rmcp::model::{Tool as Told, ToolAnnotations};
use serde_json::Value;

use super::super::hidden::{is_hidden, visible};
use super::super::schema::{InputSchema, SchemaFault};
use super::sent::Sent;

/// The longest description that a model is shown, in bytes.
const MAX_DESCRIPTION: usize = 4 << 10;

/// The longest name of a property, in bytes.
const MAX_PROPERTY: usize = 256;

/// Why a tool is left out that cannot be told without a secret.
const SAYS_BACK: &str = "its name or schema says back a value that the server was sent; \
    give it a value that anybody may hear by `with_open_variable`";

/// A tool that can be used, as far as it itself goes.
#[derive(Debug)]
pub(super) struct Listed {
    /// What the server calls it.
    pub(super) told: String,
    pub(super) description: String,
    pub(super) parameters: Value,
    /// Whether the server says that it changes nothing.
    pub(super) is_read_only: bool,
    /// How many patterns its schema has.
    pub(super) patterns: usize,
}

impl Listed {
    /// What there is to say of it, or what the server calls it and why it cannot be used.
    pub(super) fn read(tool: Told, sent: &Sent) -> Result<Self, (String, String)> {
        let told = tool.name.into_owned();
        let mut parameters = Value::Object(Arc::unwrap_or_clone(tool.input_schema));
        let shown = show(&mut parameters, &mut String::new(), (Role::Schema, sent));
        // Of what is left nothing can be masked: it would be called or demand something else.
        if sent.is_in(&told) || sent.is_in(&parameters.to_string()) {
            return Err((told, SAYS_BACK.to_owned()));
        }
        let checked = shown.and_then(|()| InputSchema::compile(&parameters)).map_err(
            |SchemaFault { place, reason }| format!("its schema cannot be used at {place}: {reason}"),
        );
        let schema = match checked {
            Ok(schema) => schema,
            Err(reason) => return Err((told, reason)),
        };
        let description = sent.mask(tool.description.as_deref().unwrap_or_default());
        Ok(Self {
            told,
            description: visible(&description, MAX_DESCRIPTION),
            is_read_only: tool.annotations.is_some_and(|hints| is_read_only(&hints)),
            patterns: schema.patterns(),
            parameters,
        })
    }
}

/// Whether hints say that a tool changes nothing. Those that say the contrary too are not believed.
fn is_read_only(hints: &ToolAnnotations) -> bool {
    hints.read_only_hint == Some(true) && hints.destructive_hint != Some(true)
}

/// What a part of a schema stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is a schema, or the value of a keyword without a role of its own.
    Schema,
    /// Its members are schemas by names of the server, which are no keywords.
    Names,
    /// The same by patterns of names.
    Patterns,
    /// It is a value that is demanded or proposed.
    Value,
}

impl Role {
    /// The role of the member of that name.
    fn of_member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Value, _) | (Self::Schema, "const" | "enum" | "default" | "examples") => Self::Value,
            (
                Self::Schema,
                "properties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies"
                | "dependentRequired",
            ) => Self::Names,
            (Self::Schema, "patternProperties") => Self::Patterns,
            (Self::Schema | Self::Names | Self::Patterns, _) => Self::Schema,
        }
    }
}

/// Masks what was sent and shows the hidden characters in what a schema only explains, and refuses hidden characters in
/// what it demands: shown, it would demand something else.
fn show(schema: &mut Value, at: &mut String, (role, sent): (Role, &Sent)) -> Result<(), SchemaFault> {
    match schema {
        Value::String(text) => refuse_hidden(text, at),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| show(element, at, (role, sent))),
        Value::Object(members) => members.iter_mut().try_for_each(|(name, member)| {
            refuse_hidden(name, at)?;
            if role == Role::Names {
                refuse_unlikely(name, at)?;
            }
            let length = at.len();
            at.push('/');
            at.push_str(&name.replace('~', "~0").replace('/', "~1"));
            match (name.as_str(), member) {
                ("title" | "description" | "$comment", Value::String(text)) if role == Role::Schema => {
                    *text = visible(&sent.mask(text), usize::MAX);
                }
                (name, member) => show(member, at, (role.of_member(name), sent))?,
            }
            at.truncate(length);
            Ok(())
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn refuse_hidden(text: &str, at: &str) -> Result<(), SchemaFault> {
    text.chars().find(|c| is_hidden(*c)).map_or(Ok(()), |c| {
        let reason = format!("it has a character that cannot be seen, U+{:04X}", u32::from(c));
        Err(SchemaFault::at(at, reason))
    })
}

/// Refuses what is no name, though it can be seen: a text of several lines, or a very long one.
fn refuse_unlikely(name: &str, at: &str) -> Result<(), SchemaFault> {
    if name.len() > MAX_PROPERTY {
        let reason = format!("it has a name of {} bytes, more than {MAX_PROPERTY}", name.len());
        return Err(SchemaFault::at(at, reason));
    }
    if name.contains(char::is_control) {
        return Err(SchemaFault::at(at, "it has a name with a line break or a tab".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn read(description: &str, schema: Value) -> Result<Listed, String> {
        let Value::Object(schema) = schema else { panic!("a schema is an object") };
        let tool = Told::new("tool".to_owned(), description.to_owned(), Arc::new(schema));
        Listed::read(tool, &Sent::new(["open-sesame"])).map_err(|(_told, reason)| reason)
    }

    #[test]
    fn what_is_explained_is_shown_and_cut_and_says_back_nothing() {
        let listed = read("reads\n\u{1b}[8mfiles\u{202e} for open-sesame", json!({})).unwrap();
        assert_eq!(listed.description, "reads\n\\u{1b}[8mfiles\\u{202e} for [redacted]");
        assert_eq!(read(&"é".repeat(5000), json!({})).unwrap().description.len(), MAX_DESCRIPTION);
        let schema = json!({"properties": {"x": {"type": "string", "description": "a\u{e0041}b"}}, "title": "\u{200b}"});
        let shown = read("", schema).unwrap().parameters;
        assert_eq!(shown["properties"]["x"]["description"], r"a\u{e0041}b");
        assert_eq!(shown["title"], r"\u{200b}");
    }

    #[test]
    fn a_property_with_the_name_of_a_keyword_is_a_property() {
        for names in ["properties", "patternProperties", "$defs"] {
            for name in ["default", "const", "enum", "examples", "properties"] {
                let explained = json!({"title": "a\u{200b}", "items": {"description": "b\u{200b}"}});
                let schema = json!({names: {name: explained}});
                let shown = read("", schema).unwrap().parameters;
                assert_eq!(shown[names][name]["title"], r"a\u{200b}", "{names} {name}");
                assert_eq!(shown[names][name]["items"]["description"], r"b\u{200b}", "{names} {name}");
            }
        }
        let reason = read("", json!({"default": {"properties": {"title": "\u{200b}"}}})).unwrap_err();
        assert!(reason.contains("#/default/properties/title: "), "{reason}");
    }

    #[test]
    fn what_is_demanded_and_cannot_be_seen_is_refused_with_its_place() {
        let named = Value::Object(Map::from_iter([("a\u{202e}b".to_owned(), json!({}))]));
        for (schema, place) in [
            (json!({"properties": named}), "#/properties: "),
            (json!({"properties": {"x": {"enum": ["a", "b\u{200b}"]}}}), "#/properties/x/enum: "),
            (json!({"properties": {"x": {"const": {"description": "\u{feff}"}}}}), "const/description: "),
            (json!({"required": ["\u{e0041}"]}), "#/required: "),
        ] {
            let reason = read("", schema).unwrap_err();
            assert!(reason.contains(place) && reason.contains("cannot be seen, U+"), "{reason}");
        }
    }

    #[test]
    fn a_property_has_a_name_of_one_line_and_some_length() {
        let called = |name: &str| Value::Object(Map::from_iter([(name.to_owned(), json!({}))]));
        let longest = "x".repeat(MAX_PROPERTY);
        let name = |name: &str| read("", json!({"properties": called(name)}));
        assert!(name(&longest).is_ok() && name("ein schöner Name").is_ok());
        for unlikely in [&format!("{longest}x"), "a\nb", "a\tb", "\r"] {
            let reason = name(unlikely).unwrap_err();
            assert!(reason.contains("at #/properties: it has a name"), "{reason}");
        }
        let pattern = read("", json!({"patternProperties": called(&longest.repeat(2))}));
        assert!(pattern.is_ok(), "a pattern stands for many: {pattern:?}");
    }

    #[test]
    fn a_hint_counts_only_if_no_other_says_the_contrary() {
        let hints = ToolAnnotations::new();
        assert!(is_read_only(&hints.clone().read_only(true)));
        assert!(is_read_only(&hints.clone().read_only(true).destructive(false)));
        for other in [hints.clone(), hints.clone().read_only(false), hints.read_only(true).destructive(true)]
        {
            assert!(!is_read_only(&other), "{other:?}");
        }
    }

    #[test]
    fn a_schema_that_says_back_what_was_sent_is_masked_where_it_explains_and_refused_where_it_demands() {
        let explained = json!({"properties": {"x": {"description": "by default open-sesame"}}});
        let shown = read("", explained).unwrap().parameters;
        assert_eq!(shown["properties"]["x"]["description"], "by default [redacted]");
        for demanded in [
            json!({"properties": {"x": {"const": "open-sesame"}}}),
            json!({"properties": {"x": {"default": {"description": "open-sesame"}}}}),
            json!({"properties": {"open-sesame": {}}}),
        ] {
            let reason = read("", demanded).unwrap_err();
            assert!(reason.contains("`with_open_variable`") && !reason.contains("sesame"), "{reason}");
        }
    }

    #[test]
    fn a_word_that_was_sent_takes_no_tool_away() {
        let schema = json!({"properties": {"state": {"type": "string", "maxLength": 100_000}}});
        let tool = Told::new(
            "list_issues".to_owned(),
            "Lists issues.",
            Arc::new(schema.as_object().unwrap().clone()),
        );
        let listed = Listed::read(tool, &Sent::new(["issues", "string", "100000"])).unwrap();
        assert_eq!((listed.description.as_str(), &listed.parameters), ("Lists issues.", &schema));
    }
}
