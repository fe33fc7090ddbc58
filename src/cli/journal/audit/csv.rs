//! Events as CSV by RFC 4180, safe to open in a spreadsheet.

use std::collections::BTreeMap;
use std::io::{self, Write};

use agentbus::DomainEvent;
use agentbus::journal::Recorded;
use serde_json::value::RawValue;

use crate::cli::escape::Escaped;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULAS: [char; 8] = ['=', '+', '-', '@', '\t', '＝', '＋', '＠'];

/// The columns before them.
const BEFORE: [&str; 5] = ["position", "event_type", "category", "severity", "security"];

/// The columns that are taken from the event's JSON as they stand there.
fn keys() -> impl Iterator<Item = &'static str> {
    DomainEvent::KEYS.into_iter().filter(|key| !BEFORE.contains(key))
}

/// Writes the names of the columns.
pub(super) fn write_names(out: &mut impl Write) -> io::Result<()> {
    let names: Vec<_> = BEFORE.into_iter().chain(keys()).collect();
    write!(out, "{}\r\n", names.join(","))
}

/// Writes an event; `json` is its line.
pub(super) fn write(out: &mut impl Write, recorded: &Recorded, json: &str) -> io::Result<()> {
    let values: BTreeMap<&str, &RawValue> = serde_json::from_str(json)?;
    let event = &recorded.event;
    let security = if event.event_type().is_security() { "yes" } else { "no" };
    write!(out, "{},{},{},{}", recorded.position, event.type_name(), event.category(), event.severity())?;
    write!(out, ",{security}")?;
    for key in keys() {
        let value = values.get(key).map_or("", |value| value.get());
        // A text is written without its quotes and escapes, all else as JSON.
        match serde_json::from_str::<String>(value) {
            Ok(text) => write!(out, ",{}", field(&Escaped(&text).to_string()))?,
            Err(_) => write!(out, ",{}", field(value))?,
        }
    }
    out.write_all(b"\r\n")
}

/// A field: in quotes where RFC 4180 wants it, and nothing that a spreadsheet would work out.
fn field(text: &str) -> String {
    let safe = if text.starts_with(FORMULAS) { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("-1+1", "'-1+1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("＝1", "'＝1"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(field(text), expected, "{text:?}");
        }
    }
}
