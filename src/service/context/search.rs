//! [`TextIndex`]: which texts are about what is asked, ranked by BM25.
//!
//! A text counts as the words that stand in it. With `N` texts in the index, `n` of them with the word, the word `f`
//! times in a text of `l` words, and `m` words in a text on average, a word of the query adds to the score of a text
//!
//! ```text
//! idf = ln(1 + (N - n + 0.5) / (n + 0.5))
//! idf * f * (k1 + 1) / (f + k1 * (1 - b + b * l / m))
//! ```
//!
//! with `k1` = [`K1`] and `b` = [`B`]; a word that the query has twice adds once. The relevance of a text is its score
//! as a part of the score that no text could exceed, the sum of `idf * (k1 + 1)` over the words of the query: between 0
//! and 1, and low if the text lacks what is rare.
//!
//! Words are found by the rules of Unicode (UAX 29) and written in lower case. Names of code are words, and so are
//! their parts: `parseHttpRequest` and `parse_http_request` both are `parsehttprequest`, `parse`, `http`, `request`.
//! Of a word the first [`MAX_WORD_BYTES`] bytes count, of a text the first [`MAX_TEXT_BYTES`].
//!
//! It promises that the same texts are ranked the same, in whatever order they came and whatever was there before:
//! by score, and among equals by key. A text that changes costs what it itself is long, not what the index is.
//!
//! ```
//! use agentbus::event::Hash;
//! use agentbus::service::context::TextIndex;
//!
//! let mut index = TextIndex::new();
//! for (path, text) in [("a.rs", "fn greet() {}"), ("b.rs", "fn parse_greeting(text: &str) {}")] {
//!     index.insert(path, Hash::of(text), text);
//! }
//! let hits = index.search("parseGreeting", 10);
//! assert_eq!(hits.first().map(|hit| &*hit.key), Some("b.rs"));
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::event::Hash;

mod snippet;
mod words;

#[cfg(test)]
mod tests;

pub use snippet::Snippet;
pub(super) use snippet::{best_line, snippets};
pub use words::{MAX_TEXT_BYTES, MAX_WORD_BYTES};
pub(super) use words::{Words, unique_words};

/// How soon a word that stands in a text again and again adds no more.
pub const K1: f64 = 1.2;

/// How much longer texts count less: from 0, not at all, to 1.
pub const B: f64 = 0.75;

/// A text that was found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// Under which key it stands in the index.
    pub key: Arc<str>,
    /// Its score by BM25, above 0.
    pub score: f64,
    /// Its score as a part of the highest that any text could have: between 0 and 1.
    pub relevance: f64,
}

/// Texts by their words. It keeps the words, not the texts.
#[derive(Clone, Default)]
pub struct TextIndex {
    /// The texts by their key, each in its slot.
    keys: BTreeMap<Arc<str>, usize>,
    /// A slot whose text is gone stays empty until the index is packed.
    slots: Vec<Option<Entry>>,
    /// What is known of each word, by its number.
    postings: Vec<Posting>,
    numbers: HashMap<Box<str>, usize>,
    /// How many words all texts have together.
    length: u64,
}

#[derive(Clone)]
struct Entry {
    key: Arc<str>,
    hash: Hash,
    length: u32,
    /// The numbers of its words, each once.
    words: Box<[usize]>,
}

#[derive(Clone, Default)]
struct Posting {
    /// How many texts have the word.
    texts: usize,
    /// In which slot it stands how often; slots that are empty by now are passed over.
    places: Vec<(usize, u32)>,
}

impl TextIndex {
    /// An index without texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.keys.keys()
    }

    /// The hash under which a text was put in.
    pub fn hash_of(&self, key: &str) -> Option<Hash> {
        self.entry(key).map(|entry| entry.hash)
    }

    /// Puts a text in, in place of the one that stands under that key; whether anything was done. If that one has the
    /// same hash, nothing is: the text is not even looked at.
    pub fn insert(&mut self, key: &str, hash: Hash, text: &str) -> bool {
        if self.hash_of(key) == Some(hash) {
            return false;
        }
        self.insert_words(key, hash, Words::of(text));
        true
    }

    /// Puts a text in of which the words were found before.
    pub(super) fn insert_words(&mut self, key: &str, hash: Hash, words: Words) {
        self.remove(key);
        let (key, slot) = (Arc::<str>::from(key), self.slots.len());
        let length = words.length;
        let numbers = words.counts.into_iter().map(|(word, count)| {
            let next = self.postings.len();
            let number = *self.numbers.entry(word).or_insert(next);
            if number == next {
                self.postings.push(Posting::default());
            }
            if let Some(posting) = self.postings.get_mut(number) {
                posting.texts += 1;
                posting.places.push((slot, count));
            }
            number
        });
        let words = numbers.collect();
        self.length += u64::from(length);
        self.keys.insert(Arc::clone(&key), slot);
        self.slots.push(Some(Entry { key, hash, length, words }));
    }

    /// Takes a text out; whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(slot) = self.keys.remove(key) else { return false };
        let Some(entry) = self.slots.get_mut(slot).and_then(Option::take) else { return false };
        self.length -= u64::from(entry.length);
        for number in &entry.words {
            if let Some(posting) = self.postings.get_mut(*number) {
                posting.texts -= 1;
            }
        }
        // As many are moved as were removed since the last time, so that a removal costs the same however many stay.
        if self.slots.len() > 2 * self.keys.len() + 64 {
            self.pack();
        }
        true
    }

    /// Gives the empty slots back, and the words that no text has any more.
    fn pack(&mut self) {
        let mut moved = vec![None; self.slots.len()];
        let mut slots = Vec::with_capacity(self.keys.len());
        for (old, entry) in std::mem::take(&mut self.slots).into_iter().enumerate() {
            let (Some(entry), Some(place)) = (entry, moved.get_mut(old)) else { continue };
            *place = Some(slots.len());
            slots.push(Some(entry));
        }
        let new_slot = |old: usize| moved.get(old).copied().flatten();
        let mut numbers = vec![0; self.postings.len()];
        let mut postings = Vec::new();
        for (old, mut posting) in std::mem::take(&mut self.postings).into_iter().enumerate() {
            if let (true, Some(number)) = (posting.texts > 0, numbers.get_mut(old)) {
                *number = postings.len();
                let places = posting.places.into_iter();
                posting.places = places.filter_map(|(slot, count)| Some((new_slot(slot)?, count))).collect();
                postings.push(posting);
            } else if let Some(number) = numbers.get_mut(old) {
                *number = usize::MAX;
            }
        }
        let new_number = |old: usize| numbers.get(old).copied().filter(|number| *number != usize::MAX);
        self.numbers.retain(|_word, number| match new_number(*number) {
            Some(new) => {
                *number = new;
                true
            }
            None => false,
        });
        for entry in slots.iter_mut().flatten() {
            entry.words = entry.words.iter().filter_map(|number| new_number(*number)).collect();
        }
        self.keys.values_mut().for_each(|slot| *slot = new_slot(*slot).unwrap_or_default());
        self.slots = slots;
        self.postings = postings;
    }

    /// The texts that have a word of `query`, the best first, `at_most` of them; among equals by key.
    pub fn search(&self, query: &str, at_most: usize) -> Vec<Hit> {
        let mut scores = BTreeMap::<usize, f64>::new();
        let mut highest = 0.0;
        for word in unique_words(query) {
            let posting = self.numbers.get(&*word).and_then(|number| self.postings.get(*number));
            let idf = self.idf(posting.map_or(0, |posting| posting.texts));
            highest += idf * (K1 + 1.0);
            for (slot, count) in posting.into_iter().flat_map(|posting| &posting.places) {
                if let Some(Some(entry)) = self.slots.get(*slot) {
                    *scores.entry(*slot).or_default() += idf * self.weight(*count, entry.length);
                }
            }
        }
        let mut hits: Vec<Hit> = scores
            .into_iter()
            .filter_map(|(slot, score)| {
                let entry = self.slots.get(slot)?.as_ref()?;
                Some(Hit { key: Arc::clone(&entry.key), score, relevance: score / highest })
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
        hits.truncate(at_most);
        hits
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.keys.get(key).and_then(|slot| self.slots.get(*slot)?.as_ref())
    }

    /// How much a word tells that stands in so many texts.
    #[expect(clippy::cast_precision_loss, reason = "no index has 2^52 texts")]
    fn idf(&self, texts: usize) -> f64 {
        let (all, texts) = (self.len() as f64, texts as f64);
        ((all - texts + 0.5) / (texts + 0.5)).ln_1p()
    }

    /// How much a word counts that stands so often in a text of that length.
    #[expect(clippy::cast_precision_loss, reason = "no index has 2^52 words")]
    fn weight(&self, count: u32, length: u32) -> f64 {
        let average = self.length as f64 / self.len() as f64;
        let count = f64::from(count);
        count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * f64::from(length) / average))
    }
}

impl fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (texts, words) = (self.keys.len(), self.numbers.len());
        f.debug_struct("TextIndex").field("texts", &texts).field("words", &words).finish_non_exhaustive()
    }
}
