//! Makes text from models, tools and files safe to print.
//!
//! Such text may hold escape sequences that move a terminal's cursor, retitle its window or paste into its input,
//! and characters that reverse or hide what stands beside them. What is printed from here holds none of them, and
//! stays on one line.

use std::fmt::{self, Write as _};

/// Displays a text on one line, with each character that a terminal would act on written as its escape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if acts_on_a_terminal(c) { write!(f, "{}", c.escape_default()) } else { f.write_char(c) }
        })
    }
}

/// Whether `c` is a control character, breaks a line, or changes the direction or the look of what follows.
fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// The beginning of `text` on one line: escaped, at most `max` characters of it, the cut marked.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let escaped = Escaped(text.trim()).to_string();
    if escaped.chars().nth(max).is_none() {
        return escaped;
    }
    let kept: String = escaped.chars().take(max.saturating_sub(1)).collect();
    kept + agentbus::event::CUT_MARK
}

/// `json`, with each character that a terminal would act on written as JSON escapes it. Outside of its texts JSON
/// holds none of them, so it means the same.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if acts_on_a_terminal(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a String takes any text");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        let hostile = "a\x1b[2Jb\r\nc\u{9b}31md\u{202e}e\u{200b}f\0";
        let shown = Escaped(hostile).to_string();
        assert_eq!(shown, r"a\u{1b}[2Jb\r\nc\u{9b}31md\u{202e}e\u{200b}f\u{0}");
    }

    #[test]
    fn ordinary_text_of_any_language_stays() {
        assert_eq!(Escaped("naïve 日本語 ✓").to_string(), "naïve 日本語 ✓");
    }

    #[test]
    fn json_means_the_same_when_it_is_escaped() {
        let value = serde_json::json!({"a\u{9b}": "b\u{202e}\x1b\n\u{e0041} é"});
        let line = escaped_json(&value.to_string());
        assert_eq!(line, r#"{"a\u009b":"b\u202e\u001b\n\udb40\udc41 é"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(one_line("  abcdef\n", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("\n\n\n", 6), "");
    }
}
