//! All that a redactor knows secrets by.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::counts::{Counters, Rule};
use super::found::{Found, render, settle};
use super::keys::Keys;
use super::path::Paths;
use super::pattern::Pattern;
use super::tag::Tags;
use super::text::{Hints, Looks};
use super::{adjacent, size};

static BUILT_IN: LazyLock<Arc<Looks>> = LazyLock::new(|| Arc::new(Looks::built_in()));

/// The rules of one redactor, with its counts.
pub(super) struct Rules {
    pub(super) looks: Arc<Looks>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) keys: Keys,
    pub(super) paths: Paths,
    /// The longest text that is not cut, in bytes.
    pub(super) max_text_bytes: usize,
    pub(super) tags: Tags,
    pub(super) counters: Counters,
}

impl Rules {
    pub(super) fn built_in() -> Self {
        Self {
            looks: Arc::clone(&BUILT_IN),
            patterns: Vec::new(),
            keys: Keys::default(),
            paths: Paths::default(),
            max_text_bytes: usize::MAX,
            tags: Tags::of_process(),
            counters: Counters::new([]),
        }
    }

    /// Whether by its looks a secret may stand in a text, or in the texts of a line of JSON; false is certain.
    pub(super) fn may_find(&self, text: &str) -> bool {
        !self.patterns.is_empty() || self.looks.hints(text) != Hints::NONE
    }

    /// The same of parts of a text in which all stands by which one is told.
    pub(super) fn may_find_in(&self, parts: &[u8], text: &str) -> bool {
        !self.patterns.is_empty() || self.looks.hints_in(parts, text) != Hints::NONE
    }

    /// Whether nothing was added.
    pub(super) fn are_built_in_only(&self) -> bool {
        self.patterns.is_empty()
            && self.keys.is_empty()
            && self.paths.at_root() == 0
            && self.max_text_bytes == usize::MAX
    }

    /// What looks like a secret, as it is to be masked.
    pub(super) fn find(&self, text: &str) -> Vec<Found> {
        let hints = self.looks.hints(text);
        let mut found = if hints == Hints::NONE { Vec::new() } else { self.looks.find(text, hints) };
        self.patterns.iter().for_each(|pattern| pattern.find(text, &mut found));
        settle(text, found)
    }

    /// The text without secrets, and not longer than it may be.
    pub(super) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.masked(text, &self.find(text))
    }

    /// The key without secrets; `None` if it has none. Keys are never cut.
    pub(super) fn mask_key(&self, key: &str) -> Option<String> {
        render(self, key, &self.find(key))
    }

    /// Each of the texts so, and without the secrets that stand in several of them.
    pub(super) fn mask_adjacent<'a>(&self, texts: &'a [Cow<'_, str>]) -> Vec<Cow<'a, str>> {
        let found = adjacent::find(self, texts);
        texts.iter().zip(&found).map(|(text, found)| self.masked(text, found)).collect()
    }

    fn masked<'a>(&self, text: &'a str, found: &[Found]) -> Cow<'a, str> {
        let masked = render(self, text, found).map_or(Cow::Borrowed(text), Cow::Owned);
        match size::cut(&masked, self.max_text_bytes) {
            Some(cut) => {
                self.counters.add(Rule::Size);
                Cow::Owned(cut)
            }
            None => masked,
        }
    }

    /// What stands for a secret, which is counted.
    pub(super) fn secret(&self, secret: &str, rule: Rule) -> String {
        self.counters.add(rule);
        self.tags.mask(secret)
    }
}
