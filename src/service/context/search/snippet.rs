//! [`Snippet`]: the lines of a text that have what was asked for.

use std::collections::HashSet;
use std::fmt;

use super::words::each_word;

/// How much of a line is shown, in bytes.
const MAX_LINE_BYTES: usize = 240;

/// A few lines of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snippet {
    /// The number of its first line, from 1.
    pub line: u64,
    /// The lines, without the last line break; long ones are cut.
    pub text: String,
}

impl Snippet {
    /// Lines of a text, the first of which has that number.
    pub fn new(line: u64, text: impl Into<String>) -> Self {
        Self { line, text: text.into() }
    }
}

/// Each line behind its number: `12: fn greet() {`.
impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in (self.line..).zip(self.text.lines()) {
            if number > self.line {
                f.write_str("\n")?;
            }
            write!(f, "{number}: {line}")?;
        }
        Ok(())
    }
}

/// The lines of `text` that have most of `words`, at most `at_most`, each with one line before and behind it. In the
/// order of the text; lines that touch are one snippet.
pub(in crate::service::context) fn snippets(text: &str, words: &[Box<str>], at_most: usize) -> Vec<Snippet> {
    if at_most == 0 {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut found = found_lines(&lines, words);
    found.truncate(at_most);
    let mut shown: Vec<usize> =
        found.iter().flat_map(|(at, _)| at.saturating_sub(1)..(at + 2).min(lines.len())).collect();
    shown.sort_unstable();
    shown.dedup();
    let runs = shown.chunk_by(|one, next| one + 1 == *next);
    runs.filter_map(|run| {
        let shown: Vec<&str> = run.iter().filter_map(|at| lines.get(*at)).map(|line| cut(line)).collect();
        Some(Snippet::new(*run.first()? as u64 + 1, shown.join("\n")))
    })
    .collect()
}

/// The line of `text` that has most of `words`, and its number from 1; none if no line has any.
pub(in crate::service::context) fn best_line<'a>(
    text: &'a str,
    words: &[Box<str>],
) -> Option<(u64, &'a str)> {
    let lines: Vec<&str> = text.lines().collect();
    let (at, _) = *found_lines(&lines, words).first()?;
    Some((at as u64 + 1, cut(lines.get(at)?)))
}

/// The lines that have any of `words` and how many, those with most first, among equals the first.
fn found_lines(lines: &[&str], words: &[Box<str>]) -> Vec<(usize, usize)> {
    let wanted: HashSet<&str> = words.iter().map(|word| &**word).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut here = HashSet::new();
        each_word(line, &mut |word| {
            if let Some(word) = wanted.get(word) {
                here.insert(*word);
            }
        });
        if !here.is_empty() {
            found.push((at, here.len()));
        }
    }
    found.sort_by_key(|(at, count)| (usize::MAX - count, *at));
    found
}

fn cut(line: &str) -> &str {
    line.get(..line.floor_char_boundary(MAX_LINE_BYTES)).unwrap_or_default()
}
