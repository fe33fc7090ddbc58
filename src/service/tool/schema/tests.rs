//! Tests of checking inputs, and of schemas and inputs that would take for ever.

use serde_json::{Map, json};

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "maxLength": 8, "pattern": "^[a-z]*$"},
            "lines": {"type": ["integer", "null"], "minimum": 1},
            "mode": {"enum": ["a", "b"]},
            "words": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": true},
            "who": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/person"}]},
        },
        "required": ["path"],
        "additionalProperties": false,
        "$defs": {"person": {"type": "object", "required": ["name"]}},
    })
}

#[track_caller]
fn compiled(schema: &Value) -> InputSchema {
    InputSchema::compile(schema).unwrap()
}

#[track_caller]
fn misfit(schema: &Value, input: &Value) -> String {
    compiled(schema).check(input).unwrap_err().to_string()
}

#[test]
fn an_input_that_fits_passes() {
    for input in [
        json!({"path": "a"}),
        json!({"path": "a", "lines": 3, "mode": "b", "words": ["x"], "who": {"name": "n"}}),
        json!({"path": "", "lines": 2.0, "who": "me"}),
        json!({"path": "a", "lines": null}),
    ] {
        assert_eq!(compiled(&schema()).check(&input), Ok(()), "{input}");
    }
}

#[test]
fn an_input_that_does_not_fit_is_refused_with_the_place_and_what_is_expected() {
    for (input, text) in [
        (json!("{\"path\""), "the input must be an object, not string"),
        (json!({}), "the input lacks `path`"),
        (json!({"path": 3}), "`path` must be of type string, not number"),
        (json!({"path": "a", "lines": 1.5}), "`lines` must be of type null or integer, not number"),
        (json!({"path": "a", "lines": 0}), "`lines` must be at least 1"),
        (json!({"path": "a", "mode": "c"}), "`mode` must be one of \"a\", \"b\""),
        (json!({"path": "a", "words": ["x", 1]}), "`/words/1` must be of type string, not number"),
        (json!({"path": "a", "words": ["x", "x"]}), "`words` must not have an element twice"),
        (json!({"path": "a/b"}), "`path` must match the pattern `^[a-z]*$`"),
        (
            json!({"path": "a", "who": {}}),
            "`who` fits none of its 2 alternatives: `who` must be of type string, not object, or `who` lacks `name`",
        ),
        (
            json!({"pth": "a"}),
            "the input lacks `path`; the input has `pth`, which is not known: there is `lines`, `mode`, `path`, \
             `who`, `words`",
        ),
    ] {
        assert_eq!(misfit(&schema(), &input), text);
    }
}

#[test]
fn a_misfit_repeats_no_value_and_is_bounded_and_the_same_each_time() {
    let secret = "hunter2 ".repeat(10_000);
    let mut input =
        json!({"path": secret, "mode": secret, "lines": secret, "who": [secret], "words": [[secret]]});
    for nth in 0..1000 {
        input[format!("\u{1b}\u{202e}{nth}{}", "n".repeat(1000))] = json!(1);
    }
    let text = misfit(&schema(), &input);
    assert!(!text.contains("hunter2") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(text.len() < 4000 && text.ends_with("; and there is more"), "{} {text}", text.len());
    assert_eq!(text, misfit(&schema(), &input));
    let options: Vec<_> = (0..1000).map(|nth| format!("{nth}{}", "o".repeat(200))).collect();
    let text = misfit(&json!({"properties": {"mode": {"enum": options}}}), &json!({"mode": secret}));
    assert!(text.len() < 2000 && text.ends_with("and 984 more"), "{text}");
}

#[test]
fn a_schema_that_says_nothing_takes_every_object() {
    assert_eq!(compiled(&json!(true)).check(&json!({"x": 1})), Ok(()));
    assert_eq!(compiled(&json!({})).check(&json!({})), Ok(()));
    assert!(compiled(&json!({})).check(&json!([])).is_err());
}

#[test]
fn each_draft_is_read_as_it_says() {
    let draft =
        |draft: &str| json!({"$schema": draft, "properties": {"x": {"minimum": 3, "exclusiveMinimum": 3}}});
    for known in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] {
        assert_eq!(misfit(&draft(known), &json!({"x": 3})), "`x` must be more than 3");
    }
    let fourth = json!({"$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"x": {"minimum": 3, "exclusiveMinimum": true}}});
    assert!(misfit(&fourth, &json!({"x": 3})).contains("`x`"));
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_with_the_place() {
    let outside = "outside of the schema";
    for (schema, place, reason) in [
        (json!({"properties": {"x": {"$ref": "https://example.com/s"}}}), "#/properties/x/$ref", outside),
        (json!({"$defs": {"unused": {"$ref": "file:///etc/passwd"}}}), "#/$defs/unused/$ref", outside),
        (json!({"items": [{"$ref": "other.json#/a"}]}), "#/items/0/$ref", outside),
        (json!({"$ref": "http://json-schema.org/draft-07/schema#"}), "#/$ref", outside),
        (json!({"anyOf": [{"$ref": "#/$defs/none"}]}), "#/anyOf/0/$ref", "not there"),
        (json!({"not": {"$dynamicRef": "#a"}}), "#/not/$dynamicRef", "depends on its use"),
        (json!({"properties": {"a/b": {"$id": "x"}}}), "#/properties/a~1b/$id", "another schema begins"),
        (json!({"$schema": "https://example.com/draft"}), "#/$schema", "not known"),
        (json!({"$schema": 7}), "#/$schema", "must be of type string"),
        (json!({"properties": {"x": {"type": "strin"}}}), "#/properties/x/type", "alternatives"),
        (json!({"properties": 3}), "#/properties", "must be of type object"),
        (json!(3), "#", "must be of type boolean or object"),
        (json!({"properties": {"x": {"pattern": "("}}}), "#/properties/x/pattern", "no pattern"),
        (json!({"properties": {"x": {"pattern": "(?=a)b"}}}), "#/properties/x/pattern", "linear time"),
        (json!({"properties": {"x": {"pattern": "(a{999}){999}"}}}), "#/properties/x/pattern", "too large"),
        (json!({"$ref": "#"}), "#/$ref", "applies to itself"),
        (
            json!({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}),
            "#/$defs/a/not/$ref",
            "applies to itself",
        ),
        (json!({"description": "x".repeat(300_000)}), "#", "more than 262144"),
        (
            json!({"properties": {"x": {"enum": vec![0; 5_000]}}}),
            "#/properties/x/enum",
            "more than 4096 values",
        ),
        (json!({"allOf": vec![json!({"pattern": "a"}); 65]}), "#/allOf/64/pattern", "more than 64 patterns"),
        (json!({"items": {"pattern": "a".repeat(8_193)}}), "#/items/pattern", "more than 8192 bytes"),
        (
            json!({"patternProperties": many(65, |nth| (format!("^{nth}$"), json!({})))}),
            "#/patternProperties",
            "more than 64 patterns",
        ),
        (json!({"anyOf": vec![json!({"pattern": "a{9999}"}); 64]}), "#/anyOf/0/pattern", "too large"),
    ] {
        let fault = InputSchema::compile(&schema).unwrap_err();
        assert_eq!(fault.place, place, "{fault:?}");
        assert!(fault.reason.contains(reason), "{fault:?}");
    }
}

fn many(count: usize, one: impl Fn(usize) -> (String, Value)) -> Map<String, Value> {
    (0..count).map(one).collect()
}

#[test]
fn as_many_patterns_and_values_as_may_be_are_taken() {
    let most =
        json!({"properties": many(64, |nth| (format!("p{nth}"), json!({"pattern": "^[a-f0-9-]{36}$"})))});
    assert!(compiled(&most).check(&json!({"p63": "x"})).is_err());
    let values = json!({"properties": {"x": {"enum": (0..4_096).collect::<Vec<_>>()}}});
    assert_eq!(compiled(&values).check(&json!({"x": 4_095})), Ok(()));
}

#[test]
fn what_patterns_and_values_take_counts_as_steps() {
    let text = |bytes: usize| json!({"x": "a".repeat(bytes)});
    let pattern = compiled(&json!({"properties": {"x": {"pattern": "^a*$"}}}));
    assert_eq!(pattern.check(&text(150_000)), Ok(()));
    assert_eq!(pattern.check(&text(250_000)), Err(Misfit::TooMuch));
    assert_eq!(compiled(&json!({"properties": {"x": {"type": "string"}}})).check(&text(250_000)), Ok(()));

    let names =
        |length: usize| Value::Object(many(100, |nth| (format!("{nth}{}", "n".repeat(length)), json!(1))));
    for schema in
        [json!({"patternProperties": {"^x": {}, "^y": {}}}), json!({"propertyNames": {"pattern": "n$"}})]
    {
        let schema = compiled(&schema);
        assert_eq!(schema.check(&names(100)), Ok(()));
        assert_eq!(schema.check(&names(5_000)), Err(Misfit::TooMuch));
    }

    let options: Vec<_> = (0..4_000).collect();
    let list = compiled(&json!({"properties": {"x": {"items": {"enum": options}}}}));
    assert_eq!(list.check(&json!({"x": vec![7; 90]})), Ok(()));
    assert_eq!(list.check(&json!({"x": vec![7; 110]})), Err(Misfit::TooMuch));
}

#[test]
fn what_hashing_comparing_and_counting_take_counts_as_steps() {
    let all_of = |part: &Value, times: usize| json!({"properties": {"x": {"allOf": vec![part; times]}}});
    let unique = json!({"uniqueItems": true});
    let numbers = json!({"x": (0..50_000).collect::<Vec<_>>()});
    assert_eq!(compiled(&all_of(&unique, 1)).check(&numbers), Ok(()));
    assert_eq!(compiled(&all_of(&json!({"uniqueItems": false}), 11_000)).check(&numbers), Ok(()));
    assert_eq!(compiled(&all_of(&unique, 12_000)).check(&numbers), Err(Misfit::TooMuch));
    let rows: Vec<_> = (0..500).map(|nth| json!({"row": vec![nth; 100]})).collect();
    assert_eq!(compiled(&all_of(&unique, 10)).check(&json!({"x": rows})), Err(Misfit::TooMuch));
    let deep = json!({"x": [nested(1_000, "deeper", json!(1))]});
    assert_eq!(compiled(&all_of(&unique, 1)).check(&deep), Err(Misfit::TooMuch));

    let text = json!({"x": "a".repeat(1 << 20)});
    for counted in [json!({"minLength": 1}), json!({"maxLength": 9_999_999})] {
        assert_eq!(compiled(&all_of(&counted, 10)).check(&text), Ok(()));
        assert_eq!(compiled(&all_of(&counted, 1_000)).check(&text), Err(Misfit::TooMuch));
    }

    let zeros = vec![0; 50_000];
    let names: Vec<_> = (0..10_000).map(|nth| nth.to_string()).collect();
    for demanded in [json!({"const": zeros}), json!({"enum": [zeros]}), json!({"required": names})] {
        let again = vec![json!({"$ref": "#/$defs/a"}); 1_000];
        let schema = json!({"properties": {"x": {"allOf": again}}, "$defs": {"a": demanded}});
        assert_eq!(compiled(&schema).check(&json!({"x": zeros})), Err(Misfit::TooMuch));
    }
}

#[test]
fn what_only_looks_like_a_reference_is_none() {
    let schema = json!({
        "properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "https://example.com"}}},
        "examples": [{"$ref": "https://example.com"}],
        "enum": [{"$ref": "https://example.com"}],
    });
    assert_eq!(compiled(&schema).check(&json!({"$ref": "https://example.com"})), Ok(()));
}

#[test]
fn a_reference_is_found_with_its_escapes() {
    let schema =
        json!({"properties": {"x": {"$ref": "#/$defs/a%20b~1c"}}, "$defs": {"a b/c": {"type": "null"}}});
    assert_eq!(misfit(&schema, &json!({"x": 1})), "`x` must be of type null, not number");
    for broken in ["#/%", "#/%f", "#/%zz", "#/%ff"] {
        assert!(InputSchema::compile(&json!({"$ref": broken})).is_err(), "{broken}");
    }
}

/// A value in so many objects, each the member `key` of the one around it.
fn nested(times: usize, key: &str, value: Value) -> Value {
    // Not by `json!`, which copies what is in it.
    (0..times).fold(value, |inner, _| Value::Object(Map::from_iter([(key.to_owned(), inner)])))
}

#[test]
fn schemas_that_are_too_deep_are_refused() {
    let deep = nested(100_000, "not", json!({}));
    assert!(InputSchema::compile(&deep).unwrap_err().reason.contains("deeper than 200"));
    // Taken apart one by one, since dropping it is as deep as it is.
    let mut rest = deep;
    while let Some(inner) = rest.get_mut("not").map(Value::take) {
        rest = inner;
    }
    let chain = |length: usize| {
        let next = |nth| (format!("d{nth}"), json!({"$ref": format!("#/$defs/d{}", nth + 1)}));
        let mut defs: Map<_, _> = (0..length).map(next).collect();
        defs.insert(format!("d{length}"), json!({"type": "object"}));
        json!({"$ref": "#/$defs/d0", "$defs": defs})
    };
    assert!(InputSchema::compile(&chain(3000)).unwrap_err().reason.contains("deeper than 200"));
    assert_eq!(compiled(&chain(150)).check(&json!({})), Ok(()));
}

#[test]
fn a_schema_that_refers_to_itself_further_down_takes_what_is_not_too_deep() {
    let tree =
        json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": false});
    let tree = compiled(&tree);
    assert_eq!(tree.check(&nested(60, "left", json!({}))), Ok(()));
    assert!(tree.check(&nested(60, "left", json!({"up": 1}))).unwrap_err().to_string().contains("`up`"));
    assert_eq!(tree.check(&nested(120, "left", json!({}))), Err(Misfit::TooMuch));
}

#[test]
fn a_check_that_would_double_with_each_level_is_refused_and_not_begun() {
    // Each definition asks the next one twice.
    let next = |nth| {
        let next = json!({"$ref": format!("#/$defs/d{}", nth + 1)});
        (format!("d{nth}"), json!({"anyOf": [next, next]}))
    };
    let mut defs: Map<_, _> = (0..60).map(next).collect();
    defs.insert("d60".to_owned(), json!({"type": "string"}));
    let wide = compiled(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
    assert_eq!(wide.check(&json!({})), Err(Misfit::TooMuch));

    let again = json!({"properties": {"a": {"$ref": "#"}}});
    let doubling = compiled(&json!({"type": "object", "allOf": [again, again]}));
    assert_eq!(doubling.check(&nested(30, "a", json!(1))), Err(Misfit::TooMuch));
    assert!(doubling.check(&nested(3, "a", json!(1))).is_err());

    let mut unevaluated = json!({"properties": {"a": true}});
    for _ in 0..40 {
        unevaluated = json!({"allOf": [unevaluated], "unevaluatedProperties": {"type": "string"}});
    }
    assert_eq!(compiled(&unevaluated).check(&json!({"b": 1})), Err(Misfit::TooMuch));
}

#[test]
fn an_input_that_is_too_large_for_its_schema_is_refused() {
    let words = |count: usize| json!({"words": vec!["x"; count]});
    let list = compiled(&json!({"properties": {"words": {"items": {"type": "string"}}}}));
    assert_eq!(list.check(&words(50_000)), Ok(()));
    assert_eq!(list.check(&words(200_000)), Err(Misfit::TooMuch));
    assert_eq!(list.check(&nested(50, "deeper", json!("x".repeat(1 << 20)))), Ok(()));
}

#[test]
fn a_pattern_that_backtracks_elsewhere_is_matched_in_linear_time() {
    let schema = json!({"properties": {"x": {"pattern": "^(a+)+$"}}});
    let text = misfit(&schema, &json!({"x": format!("{}!", "a".repeat(100_000))}));
    assert_eq!(text, "`x` must match the pattern `^(a+)+$`");
}
