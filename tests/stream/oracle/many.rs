//! What operators yield, as marble text can show it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::cell::RefCell;
use std::pin::pin;

use agentbus::stream::rx::{Heard, TimedOut};
use agentbus::testing::marbles::{FRAME, Marbles, cold, record};
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};

use super::{Case, HORIZON};

/// Two letters in brackets.
pub(super) fn pairs(stream: impl Stream<Item = (char, char)>) -> impl Stream<Item = String> {
    stream.map(|(one, two)| format!("{one}{two}"))
}

/// The keys, and all that each group yields from the frame on in which it begins.
pub(super) async fn groups(case: &Case) -> String {
    let (begun, readers) = (Instant::now(), RefCell::new(Vec::new()));
    let mut keys = pin!(case.source(0).group_by(char::to_ascii_lowercase).map(|group| {
        let key = *group.key();
        let frame = u32::try_from(begun.elapsed().as_nanos() / FRAME.as_nanos()).unwrap();
        readers.borrow_mut().push(tokio::spawn(record(items(group), HORIZON - frame)));
        key
    }));
    let mut traces = vec![record(keys.as_mut(), HORIZON).await];
    for reader in readers.take() {
        traces.push(reader.await.unwrap());
    }
    traces.join(" ")
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
