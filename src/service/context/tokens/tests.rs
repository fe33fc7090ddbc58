//! What is estimated, by its own table.

use super::*;

#[test]
fn the_estimate_follows_its_table() {
    for (text, tokens) in [
        ("", 0),
        ("a", 1),
        ("word", 1),
        ("words", 2),
        ("two words", 3),
        ("12345678", 3),
        ("a1b22", 4),
        ("fn f() {\n    1\n}\n", 10),
        ("\n\n\n\n", 1),
        (" ", 0),
        ("  ", 1),
        ("::<>", 4),
        ("\u{e9}", 1),
        ("\u{6771}\u{4eac}", 4),
        ("\u{1F389}", 3),
    ] {
        assert_eq!(EstimatingCounter.count(text), tokens, "{text:?}");
    }
}
