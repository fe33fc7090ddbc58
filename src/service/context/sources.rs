//! The sources that come with this crate, and what they have in common.

use crate::event::Hash;

use super::TextIndex;

mod decisions;
mod files;
mod history;
mod messages;

#[cfg(test)]
mod tests;

pub use decisions::DecisionSource;
pub use files::{DEFAULT_FILES, FileSource};
pub use history::{DEFAULT_EVENTS, HistorySource};
pub use messages::{DEFAULT_MESSAGES, MessageSource};

/// How long a line about a fragment is, in bytes.
const MAX_LINE_BYTES: usize = 160;

/// How much each text is about `query`, compared with the others: see [`TextIndex`].
fn relevances(query: &str, texts: &[String]) -> Vec<f64> {
    let mut index = TextIndex::new();
    let key = |at: usize| format!("{at:020}");
    for (at, text) in texts.iter().enumerate() {
        index.insert(&key(at), Hash::of(text), text);
    }
    let mut relevances = vec![0.0; texts.len()];
    for hit in index.search(query, texts.len()) {
        let place = hit.key.parse::<usize>().ok().and_then(|at| relevances.get_mut(at));
        if let Some(place) = place {
            *place = hit.relevance;
        }
    }
    relevances
}

/// The beginning of a text, of at most `max` bytes; what is left out is marked.
fn beginning(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(max)).unwrap_or_default();
    format!("{kept}\u{2026}")
}

/// The first line with anything in it, of at most [`MAX_LINE_BYTES`]; what is left out is marked.
fn first_line(text: &str) -> String {
    let text = text.trim();
    let line = text.lines().next().unwrap_or_default();
    let short = beginning(line, MAX_LINE_BYTES);
    if short.len() == line.len() && line.len() < text.len() { format!("{short}\u{2026}") } else { short }
}
