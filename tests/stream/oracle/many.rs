//! What operators yield, as marble text can show it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use agentbus::stream::rx::{Heard, TimedOut};
use agentbus::testing::marbles::{Marbles, cold};
use agentbus::{Rx, StreamRx};
use tokio_stream::{Stream, StreamExt};

use super::Case;

/// Two letters in brackets.
pub(super) fn pairs(stream: impl Stream<Item = (char, char)>) -> impl Stream<Item = String> {
    stream.map(|(one, two)| format!("{one}{two}"))
}

/// For each item of a group, the group's letter and how many it has had; a dot for its end.
pub(super) fn counted_groups(source: Rx<Marbles>) -> impl Stream<Item = String> {
    source.group_by(char::to_ascii_lowercase).merge_map(100, |group| {
        let key = *group.key();
        let counts = group.filter_map(Heard::into_item).rx().scan(0, |count, _| count + 1);
        counts.map(move |count| format!("{key}{count}")).chain(tokio_stream::once(format!("{key}.")))
    })
}

/// The inner stream of each letter.
pub(super) fn inner(case: &Case) -> impl FnMut(char) -> Marbles + use<> {
    let inner = case.1[1..].to_vec();
    move |letter| cold(&inner["abc".find(letter).unwrap()])
}

/// The letters of a marble text, without their times.
pub(super) fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

pub(super) fn told(item: Result<char, TimedOut>) -> String {
    item.map_or_else(|_| String::from("late"), String::from)
}

pub(super) fn either(item: Result<char, char>) -> char {
    item.unwrap_or_else(|error| error)
}

pub(super) fn items<T>(stream: impl Stream<Item = Heard<T>>) -> impl Stream<Item = T> {
    stream.map(|heard| heard.into_item().expect("nothing was missed"))
}
