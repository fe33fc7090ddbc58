//! The texts in the details of an event: values, not keys.

/// What stands between two texts, so that no phrase reaches from one into the next.
const BETWEEN: &str = "\n";

/// All texts that stand as values in a JSON text, one after the other; what stands behind an escape that is none, half
/// of a surrogate pair for example, is passed over.
pub(super) fn texts_of(json: &str) -> String {
    let mut texts = String::new();
    let mut rest = json;
    while let Some((_, behind)) = rest.split_once('"') {
        let Some(end) = end_of_text(behind) else { break };
        let (raw, after) = behind.split_at(end);
        rest = after.strip_prefix('"').unwrap_or(after);
        let is_key = rest.trim_start_matches([' ', '\t', '\r', '\n']).starts_with(':');
        if !is_key && !raw.is_empty() {
            unescape(raw, &mut texts);
            texts.push_str(BETWEEN);
        }
    }
    texts.truncate(texts.trim_end_matches(BETWEEN).len());
    texts
}

/// Where the quote is that ends a text.
fn end_of_text(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at),
            _ => at += 2,
        }
    }
}

/// Adds what an escaped text means.
fn unescape(raw: &str, into: &mut String) {
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        into.push_str(before);
        let mut chars = escape.chars();
        match chars.next() {
            Some('u') => {
                let (meant, behind) = unicode(chars.as_str());
                // A NUL would end the text for SQLite.
                into.extend(meant.map(|meant| if meant == '\0' { ' ' } else { meant }));
                rest = behind;
                continue;
            }
            Some('n' | 'r' | 't' | 'b' | 'f') => into.push(' '),
            Some(other) => into.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

/// What the digits behind `\u` mean, and what stands behind them, a second half included.
fn unicode(behind: &str) -> (Option<char>, &str) {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(behind) else { return (None, behind) };
    let rest = behind.get(4..).unwrap_or_default();
    let second = rest.strip_prefix("\\u").and_then(unit);
    let mut pair = char::decode_utf16([first].into_iter().chain(second));
    match pair.next() {
        Some(Ok(meant)) if meant.len_utf16() == 2 => (Some(meant), rest.get(6..).unwrap_or_default()),
        Some(Ok(meant)) => (Some(meant), rest),
        _ => (None, rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn values_are_taken_and_keys_are_not() {
        let details =
            json!({"tool": "cat", "n": 1, "deep": {"a \"key\"": ["x y", "", true, null, "z"]}, "k": "é日"});
        assert_eq!(texts_of(&details.to_string()), "x y\nz\né日\ncat");
        assert_eq!(texts_of("{ \"key\" : \"value\" , \"other\"\n:\n\"more\" }"), "value\nmore");
    }

    #[test]
    fn escapes_mean_what_they_mean_and_halves_of_pairs_nothing() {
        assert_eq!(texts_of(r#"["a\"b\\c\/d\u0041\ud83d\ude00"]"#), "a\"b\\c/dA😀");
        assert_eq!(texts_of(r#"["a\ud800b","\udc00\ud800","c\ud800\u0041\u0000d\n"]"#), "ab\n\ncA d ");
        for torn in [r#"["a"#, r#"["a\"#, r#"["a\u00"]"#, r#"["\u"]"#, r#"["é\u12é"]"#] {
            texts_of(torn);
        }
    }

    fn collect(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) if !text.is_empty() => into.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|value| collect(value, into)),
            Value::Object(map) => map.values().for_each(|value| collect(value, into)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn any_details_give_their_texts(keys in prop::collection::vec(any::<String>(), 1..5), values in prop::collection::vec("[^\\x00-\\x1f]*", 1..5)) {
            let inner: serde_json::Map<String, Value> =
                keys.iter().cloned().zip(values.iter().map(|text| json!([text, 1, {"x": text}]))).collect();
            let details = Value::Object(inner);
            let mut expected = Vec::new();
            collect(&details, &mut expected);
            let expected = expected.join(BETWEEN);
            let expected = expected.trim_end_matches(BETWEEN);
            prop_assert_eq!(texts_of(&details.to_string()), expected);
        }
    }
}
