//! What the words of a text are.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation as _;

/// How much of a word counts, in bytes.
pub const MAX_WORD_BYTES: usize = 64;

/// How much of a text counts, in bytes: 1 MiB.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The words of a text, each with how often it stands there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::service::context) struct Words {
    pub(super) counts: Vec<(Box<str>, u32)>,
    /// How many words there are, each counted as often as it stands there.
    pub(super) length: u32,
}

impl Words {
    pub(in crate::service::context) fn of(text: &str) -> Self {
        let mut counts = HashMap::<Box<str>, u32>::new();
        let mut length = 0;
        each_word(text, &mut |word| {
            length += 1;
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.into(), 1)),
            }
        });
        Self { counts: counts.into_iter().collect(), length }
    }
}

/// The words of a text in its order, each once.
pub(in crate::service::context) fn unique_words(text: &str) -> Vec<Box<str>> {
    let mut words: Vec<Box<str>> = Vec::new();
    let mut seen = std::collections::HashSet::<Box<str>>::new();
    each_word(text, &mut |word| {
        if seen.insert(word.into()) {
            words.push(word.into());
        }
    });
    words
}

/// Finds the words: of a name that has several parts, first all of it and then its parts.
pub(super) fn each_word(text: &str, found: &mut dyn FnMut(&str)) {
    let text = text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default();
    let mut lower = String::new();
    for name in text.unicode_words().flat_map(|word| word.split(is_between)).filter(|name| !name.is_empty()) {
        let mut parts = Parts { rest: name };
        let (Some(first), second) = (parts.next(), parts.next()) else { continue };
        let Some(second) = second else {
            tell(first, &mut lower, found);
            continue;
        };
        let all = name.replace('_', "");
        for word in [all.as_str(), first, second].into_iter().chain(parts) {
            tell(word, &mut lower, found);
        }
    }
}

/// What stands between names within what Unicode takes for one word, as in `std.fmt` and `it's`.
fn is_between(c: char) -> bool {
    c != '_' && (c.is_ascii_punctuation() || c == '\u{2019}')
}

fn tell(word: &str, lower: &mut String, found: &mut dyn FnMut(&str)) {
    lower.clear();
    if word.is_ascii() {
        lower.push_str(word);
        lower.make_ascii_lowercase();
    } else {
        lower.push_str(&word.to_lowercase());
    }
    found(lower.get(..lower.floor_char_boundary(MAX_WORD_BYTES)).unwrap_or_default());
}

/// The parts of a name: between underscores, and from where lower case becomes upper case, or an upper-case run its last.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start_matches('_');
        let (part, rest) = self.rest.split_at(end_of_part(self.rest));
        self.rest = rest;
        (!part.is_empty()).then_some(part)
    }
}

fn end_of_part(name: &str) -> usize {
    let mut chars = name.char_indices().peekable();
    let mut before = None;
    while let Some((at, c)) = chars.next() {
        if c == '_' {
            return at;
        }
        let next_is_lower = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        let begins =
            c.is_uppercase() && before.is_some_and(|before: char| !before.is_uppercase() || next_is_lower);
        if begins {
            return at;
        }
        before = Some(c);
    }
    name.len()
}
