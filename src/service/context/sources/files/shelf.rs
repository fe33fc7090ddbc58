//! [`Shelf`]: what is known of the texts of files, so that none is read or taken apart twice.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::event::Hash;
use crate::redact::Redactor;
use crate::service::context::search::Words;
use crate::service::context::{Hit, TextIndex};

/// How many bytes of texts are kept; files beyond are read again when they are found.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// A file as the resource's index has it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) path: Arc<str>,
    pub(super) hash: Hash,
    pub(super) bytes: u64,
}

/// What came of reading a file.
#[derive(Debug)]
pub(super) struct Taken {
    listed: Listed,
    /// Whether it still was what the index knew.
    is_exact: bool,
    /// None if it is no text.
    text: Option<(Arc<str>, Words)>,
}

impl Taken {
    /// Takes a file apart, secrets masked. Its path counts as a part of its text.
    pub(super) fn of(listed: Listed, content: Vec<u8>, redactor: &Redactor) -> Self {
        let is_exact = Hash::of(&content) == listed.hash;
        let text = text_of(content, redactor).map(|text| {
            let words = Words::of(&format!("{}\n{text}", listed.path));
            (text, words)
        });
        Self { listed, is_exact, text }
    }

    /// A file that is not read, because it is too large to be taken apart.
    pub(super) fn too_large(listed: Listed) -> Self {
        Self { listed, is_exact: true, text: None }
    }
}

/// A content as a text, its secrets masked; none if it is none.
pub(super) fn text_of(content: Vec<u8>, redactor: &Redactor) -> Option<Arc<str>> {
    let text = String::from_utf8(content).ok().filter(|text| !text.contains('\0'))?;
    Some(redactor.redact_text(&text).into())
}

/// What is known of a file.
#[derive(Debug)]
struct Known {
    /// Its hash in the index for which it was read.
    hash: Hash,
    /// Whether it had that hash then; if not, it is read again each time until another index knows better.
    is_exact: bool,
    is_text: bool,
}

/// The texts of files by their words, and as far as there is room the texts.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    words: TextIndex,
    known: HashMap<Arc<str>, Known>,
    texts: HashMap<Arc<str>, (Hash, Arc<str>)>,
    /// In which order the texts were put in; some may be gone.
    order: VecDeque<(Arc<str>, Hash)>,
    kept_bytes: usize,
}

impl Shelf {
    /// Which of the files must be read.
    pub(super) fn missing(&self, listed: &[Listed]) -> Vec<Listed> {
        let is_known = |file: &Listed| {
            self.known.get(&file.path).is_some_and(|known| known.is_exact && known.hash == file.hash)
        };
        listed.iter().filter(|file| !is_known(file)).cloned().collect()
    }

    /// Puts in what came of reading.
    pub(super) fn put(&mut self, taken: Taken) {
        let Taken { listed: Listed { path, hash, .. }, is_exact, text } = taken;
        self.drop_text(&path);
        let is_text = text.is_some();
        match text {
            Some((text, words)) => {
                self.words.insert_words(&path, hash, words);
                self.keep_text(Arc::clone(&path), hash, text);
            }
            None => drop(self.words.remove(&path)),
        }
        self.known.insert(path, Known { hash, is_exact, is_text });
    }

    /// Forgets whatever is not listed.
    pub(super) fn retain(&mut self, listed: &[Listed]) {
        let listed: HashSet<&str> = listed.iter().map(|file| &*file.path).collect();
        let gone: Vec<Arc<str>> =
            self.known.keys().filter(|path| !listed.contains(&***path)).cloned().collect();
        for path in gone {
            self.known.remove(&path);
            self.words.remove(&path);
            self.drop_text(&path);
        }
    }

    /// The files that have words of `query`, the best first, each with its text if that is kept.
    pub(super) fn search(&self, query: &str, at_most: usize) -> Vec<(Hit, Option<Arc<str>>)> {
        let hits = self.words.search(query, at_most).into_iter();
        hits.map(|hit| {
            let text = self.texts.get(&hit.key).map(|(_, text)| Arc::clone(text));
            (hit, text)
        })
        .collect()
    }

    /// How many files have texts that are searched.
    pub(super) fn texts(&self) -> usize {
        self.words.len()
    }

    /// How many files are no text, or too large.
    pub(super) fn left_out(&self) -> usize {
        self.known.values().filter(|known| !known.is_text).count()
    }

    fn keep_text(&mut self, path: Arc<str>, hash: Hash, text: Arc<str>) {
        self.kept_bytes += text.len();
        self.texts.insert(Arc::clone(&path), (hash, text));
        self.order.push_back((path, hash));
        while self.kept_bytes > MAX_KEPT_BYTES {
            let Some((oldest, hash)) = self.order.pop_front() else { break };
            if self.texts.get(&oldest).is_some_and(|(kept, _)| *kept == hash) {
                self.drop_text(&oldest);
            }
        }
        if self.order.len() > 2 * self.texts.len() + 64 {
            let texts = &self.texts;
            self.order.retain(|(path, hash)| texts.get(path).is_some_and(|(kept, _)| kept == hash));
        }
    }

    fn drop_text(&mut self, path: &str) {
        if let Some((_, text)) = self.texts.remove(path) {
            self.kept_bytes -= text.len();
        }
    }
}
