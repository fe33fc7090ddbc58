//! [`fold`]: a text without its case.

/// A text without its case, as Unicode has it: however its letters are written, it comes to the same. A final sigma is a
/// sigma, `\u{df}` is `ss`, and the four sorts of i that Turkish tells apart are one.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    let folded: String = folded.flat_map(char::to_lowercase).collect();
    // A capital i with a dot has that of its own in lower case.
    folded.replace("i\u{307}", "i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_letter_is_written_it_comes_to_the_same() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let folded = fold(&text);
            assert_eq!(fold(&text.to_lowercase()), folded, "{c:?} in lower case");
            assert_eq!(fold(&text.to_uppercase()), folded, "{c:?} in upper case");
            assert_eq!(fold(&folded), folded, "{c:?} twice");
        }
    }

    #[test]
    fn letters_of_several_forms_are_one() {
        for (one, other) in [
            ("\u{3a3}\u{39f}\u{3a6}\u{39f}\u{3a3}", "\u{3c3}\u{3bf}\u{3c6}\u{3bf}\u{3c2}"),
            ("STRASSE", "stra\u{df}e"),
            ("STRA\u{1e9e}E", "strasse"),
            ("\u{130}stanbul", "istanbul"),
            ("\u{17f}ession", "SESSION"),
            ("\u{212a}ey", "key"),
            ("\u{fb01}le", "FILE"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} and {other}");
        }
        assert_ne!(fold("resume"), fold("r\u{e9}sum\u{e9}"), "an accent is no case");
    }
}
