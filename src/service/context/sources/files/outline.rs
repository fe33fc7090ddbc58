//! What a file is made of, found by its lines alone: no grammar is read.

use std::fmt::Write as _;
use std::path::Path;

/// How many lines an outline has at most.
const MAX_LINES: usize = 100;

/// How much of a line it shows, in bytes.
const MAX_LINE_BYTES: usize = 160;

/// How many lines, and how many bytes of them, stand for a text of which nothing else is known.
const HEAD: (usize, usize) = (20, 1 << 10);

/// What is deeper indented, by white space, is taken for the inside of something.
const MAX_INDENT: usize = 8;

/// Words that may stand before what a line declares.
const MODIFIERS: [&str; 29] = [
    "abstract",
    "async",
    "const",
    "crate",
    "data",
    "declare",
    "default",
    "export",
    "extern",
    "final",
    "in",
    "inline",
    "internal",
    "local",
    "open",
    "override",
    "private",
    "protected",
    "pub",
    "public",
    "sealed",
    "self",
    "static",
    "super",
    "unsafe",
    "virtual",
    "partial",
    "readonly",
    "\"C\"",
];

/// Words by which a line declares something.
const DECLARATIONS: [&str; 24] = [
    "class",
    "def",
    "defmodule",
    "defp",
    "enum",
    "extension",
    "fn",
    "fun",
    "func",
    "function",
    "impl",
    "interface",
    "macro_rules",
    "mod",
    "module",
    "namespace",
    "object",
    "package",
    "protocol",
    "record",
    "struct",
    "trait",
    "type",
    "union",
];

/// Endings of files that are read as code.
const CODE: [&str; 32] = [
    "c", "cc", "cpp", "cs", "cxx", "dart", "ex", "exs", "go", "h", "hpp", "java", "jl", "js", "jsx", "kt",
    "kts", "lua", "mjs", "ml", "php", "pl", "py", "pyi", "rb", "rs", "scala", "sh", "swift", "ts", "tsx",
    "zig",
];

/// The headings or signatures of a text, each behind the number of its line; else how it begins. None if that would be
/// all of it.
pub(super) fn outline(path: &str, text: &str) -> Option<String> {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    let is_part: fn(&str) -> bool = match ending.as_str() {
        "md" | "markdown" => |line| line.starts_with('#'),
        ending if CODE.contains(&ending) => declares,
        _ => |_line| false,
    };
    let parts: Vec<String> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| is_part(line))
        .map(|(number, line): (u64, _)| format!("{number}: {}\n", signature(line)))
        .collect();
    if parts.is_empty() {
        return head(text);
    }
    let mut outline: String = parts.iter().take(MAX_LINES).map(String::as_str).collect();
    if parts.len() > MAX_LINES {
        writeln!(outline, "and {} more", parts.len() - MAX_LINES).expect("a String takes any text");
    }
    (outline.len() < text.len()).then_some(outline)
}

/// How a text begins, and that it goes on.
fn head(text: &str) -> Option<String> {
    let (lines, bytes) = HEAD;
    let end = text.match_indices('\n').nth(lines - 1).map_or(text.len(), |(at, _)| at + 1);
    let end = text.floor_char_boundary(end.min(bytes));
    (end < text.len()).then(|| format!("{}\u{2026}\n", text.get(..end).unwrap_or_default()))
}

/// The line without what it opens.
fn signature(line: &str) -> &str {
    let line = line.trim_end().trim_end_matches('{').trim_end();
    line.get(..line.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default()
}

fn declares(line: &str) -> bool {
    let declared = line.trim_start();
    if line.len() - declared.len() > MAX_INDENT {
        return false;
    }
    let between = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '{' | ':' | '!');
    let words = declared.split(between).filter(|word| !word.is_empty());
    words.into_iter().find(|word| !MODIFIERS.contains(word)).is_some_and(|word| DECLARATIONS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_outlined_by_its_signatures() {
        let rust = "//! The fn of it.\nuse std::fmt;\n\npub(crate) async fn greet(name: &str) -> String {\n    let x = fun();\n    \
                    x\n}\n\nimpl<T> fmt::Display for Greeter<T> {\n    unsafe fn fmt(&self) {\n            fn inner() {}\n    \
                    }\n}\nmacro_rules! hi { () => {} }\n";
        let expected = "4: pub(crate) async fn greet(name: &str) -> String\n9: impl<T> fmt::Display for Greeter<T>\n\
                        10:     unsafe fn fmt(&self)\n14: macro_rules! hi { () => {} }\n";
        assert_eq!(outline("src/lib.rs", rust).as_deref(), Some(expected));
        let python = "import os\n\nclass Greeter(Base):\n    \"\"\"Greets.\"\"\"\n    async def greet(self):\n        return os\n";
        assert_eq!(
            outline("a.PY", python).as_deref(),
            Some("3: class Greeter(Base):\n5:     async def greet(self):\n")
        );
        let script =
            "const x = 1;\nexport default function greet(name) {\n  return name + x + 'and so on';\n}\n";
        assert_eq!(outline("a.ts", script).as_deref(), Some("2: export default function greet(name)\n"));
    }

    #[test]
    fn prose_is_outlined_by_its_headings() {
        let text = "# One\ntext\n## Two\nmore text, which goes on for a while\n";
        assert_eq!(outline("README.md", text).as_deref(), Some("1: # One\n3: ## Two\n"));
    }

    #[test]
    fn anything_else_is_outlined_by_how_it_begins() {
        let text = "line\n".repeat(50);
        assert_eq!(outline("a.txt", &text), Some(format!("{}\u{2026}\n", "line\n".repeat(20))));
        assert_eq!(outline("a.rs", "let x = 1;\n"), None);
        let long = "\u{e9}".repeat(2_000);
        assert_eq!(outline("a", &long), Some(format!("{}\u{2026}\n", "\u{e9}".repeat(512))));
    }

    #[test]
    fn an_outline_has_its_bounds() {
        let many = format!("{}// and the rest of it\n", "fn f() {}\n".repeat(150));
        let outline = outline("a.rs", &many).unwrap_or_default();
        assert!(outline.ends_with("100: fn f() {}\nand 50 more\n"), "{outline}");
        assert!(
            super::outline("a.rs", &format!("fn {}\n", "x".repeat(500))).is_some_and(|line| line.len() < 200)
        );
        assert_eq!(super::outline("a.rs", "fn f() {}\n"), None);
    }
}
