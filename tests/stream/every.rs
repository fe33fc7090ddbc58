//! Every operator on one source, and what is recorded of them.

use std::pin::pin;
use std::time::Duration;

use agentbus::testing::marbles::{Marble, Marbles, cold};
use tokio::time::{Instant, timeout};
use tokio_stream::{Stream, StreamExt};

/// What `$check` returns for each operator on a source that `$source` makes.
macro_rules! every_operator {
    ($source:expr, $check:ident) => {{
        use agentbus::StreamRx as _;
        use agentbus::testing::marbles::FRAME;
        use tokio_stream::StreamExt as _;
        use $crate::every::{beside, fallible, inner};
        use $crate::letters::{capital, small};
        [
            $check("debounce", $source.rx().debounce(3 * FRAME)).await,
            $check("throttle_first", $source.rx().throttle_first(3 * FRAME)).await,
            $check("throttle_last", $source.rx().throttle_last(3 * FRAME)).await,
            $check("sample", $source.rx().sample(beside())).await,
            $check("distinct", $source.rx().distinct(3)).await,
            $check("distinct_by_key", $source.rx().distinct_by_key(3, |item| *item)).await,
            $check("distinct_until_changed", $source.rx().distinct_until_changed()).await,
            $check("distinct_until_changed_by_key", $source.rx().distinct_until_changed_by_key(|item| *item))
                .await,
            $check("window", $source.rx().window(2)).await,
            $check("window_time", $source.rx().window_time(3 * FRAME)).await,
            $check("window_count_or_time", $source.rx().window_count_or_time(2, 3 * FRAME)).await,
            $check("scan", $source.rx().scan(String::new(), |all, item| all + &item.to_string())).await,
            $check("pairwise", $source.rx().pairwise()).await,
            $check("group_by", $source.rx().group_by(char::to_ascii_lowercase)).await,
            $check("switch_map", $source.rx().switch_map(inner)).await,
            $check("merge_map", $source.rx().merge_map(2, inner)).await,
            $check("merge", $source.rx().merge(beside())).await,
            $check("with_latest_from", $source.rx().with_latest_from(beside())).await,
            $check("combine_latest", $source.rx().combine_latest(beside())).await,
            $check("take_until", $source.rx().take_until(tokio::time::sleep(1_000 * FRAME))).await,
            $check("take_until_item", $source.rx().take_until_item(cold("------------x"))).await,
            $check("start_with", $source.rx().start_with(['x', 'y'])).await,
            $check("timeout_each", $source.rx().timeout_each(3 * FRAME)).await,
            $check("on_error", $source.map(fallible).rx().on_error(|_| beside().map(fallible))).await,
            $check("retry", $source.map(fallible).rx().retry(2, |_| $source.map(fallible))).await,
            $check("share", $source.rx().share(2)).await,
            $check("correlate", $source.rx().correlate(small, capital, 3 * FRAME)).await,
        ]
    }};
}

/// Singles, groups, repetitions, silence, pairs, orphans, and an end inside a window.
pub(crate) const TEXT: &str = "(ab)-A---c--d(dCBe)--(ff)|";

/// What operators of two streams have beside their source.
pub(crate) fn beside() -> Marbles {
    cold("-x--(yx)---z-------x|")
}

/// What operators of streams of streams make of an item.
pub(crate) fn inner(item: char) -> Marbles {
    cold(if item < 'c' { "-x-y|" } else { "(zx)--|" })
}

/// For operators of errors, `d` is one.
pub(crate) fn fallible(item: char) -> Result<char, char> {
    if item == 'd' { Err(item) } else { Ok(item) }
}

/// What a stream yields and when, and the hints it gave, each with how many items came before it.
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) items: Vec<(Duration, String)>,
    pub(crate) hints: Vec<(usize, (usize, Option<usize>))>,
}

/// Records a stream; a `next()` that takes longer than `patience` is dropped and asked for again.
pub(crate) async fn record<S>(name: &'static str, stream: S, patience: Duration) -> Record
where
    S: Stream,
    S::Item: Marble,
{
    let begun = Instant::now();
    let mut stream = pin!(stream);
    let mut record = Record { name, items: Vec::new(), hints: Vec::new() };
    loop {
        record.hints.push((record.items.len(), stream.size_hint()));
        let Ok(item) = timeout(patience, stream.next()).await else {
            continue;
        };
        let mut text = String::new();
        let ended = item.is_none();
        item.inspect(|item| item.write_marble(&mut text));
        record.items.push((begun.elapsed(), text));
        if ended {
            return record;
        }
    }
}

impl Record {
    /// Panics if a hint was not kept.
    pub(crate) fn check_hints(&self, text: &str) {
        let total = self.items.len() - 1;
        for (before, (least, most)) in &self.hints {
            let left = total - before;
            assert!(*least <= left, "{} of {text}: at least {least}, but {left}", self.name);
            assert!(most.is_none_or(|most| left <= most), "{} of {text}: {most:?}, {left}", self.name);
        }
    }
}
