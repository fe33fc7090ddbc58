//! Characters that nobody sees, or that change how others look.
//!
//! A model reads them all the same: they can tell it what no person who looks at the text would find.

/// Whether `c` cannot be seen, or hides or turns around what stands beside it. What breaks or indents a line does not.
pub(super) fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The beginning of a text, of so many bytes at most, each hidden character as its escape: `\u{202e}`.
#[cfg(feature = "mcp")]
pub(super) fn visible(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for c in text.chars() {
        let before = shown.len();
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        if shown.len() > most {
            shown.truncate(before);
            break;
        }
    }
    shown
}

#[cfg(all(test, feature = "mcp"))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_and_other_text_stays() {
        for (text, expected) in [
            ("reads\r\n\tfiles, naïve 日本語 ✓", "reads\r\n\tfiles, naïve 日本語 ✓"),
            ("a\u{1b}[8mb\u{7}", r"a\u{1b}[8mb\u{7}"),
            ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}", r"a\u{202e}b\u{2066}c\u{200b}d\u{feff}"),
            ("a\u{e0041}\u{e007f}\u{e0100}", r"a\u{e0041}\u{e007f}\u{e0100}"),
            ("a\u{ad}b\u{fe0f}c\u{2028}d\u{3164}", r"a\u{ad}b\u{fe0f}c\u{2028}d\u{3164}"),
        ] {
            assert_eq!(visible(text, usize::MAX), expected);
        }
    }

    #[test]
    fn what_is_shown_is_cut_between_characters_and_escapes() {
        assert_eq!(visible(&"é".repeat(10), 5), "éé");
        assert_eq!(visible("ab\u{202e}cd", 9), "ab");
        assert_eq!(visible("ab\u{202e}cd", 10), r"ab\u{202e}");
    }
}
