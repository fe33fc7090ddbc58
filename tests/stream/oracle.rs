//! Our operators do what those of RxPY do, on random timelines.
//!
//! `tests/oracle/traces` has, for each operator, a thousand timelines and what RxPY made of them in virtual time; they
//! were recorded by `tests/oracle/record`. `tests/oracle/check` records them again, compares, and has this compare new
//! ones, in the folder that `ORACLE_TRACES` names. `tests/oracle/record.py` says what each operator was given.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what fails here fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use agentbus::testing::marbles::{FRAME, Marble, Marbles, cold, record};
use agentbus::{Rx, StreamRx};
use serde::Deserialize;
use tokio_stream::{Stream, StreamExt};

mod many;

/// The last frame of a trace.
const HORIZON: u32 = 24;

/// A timeline, and what RxPY made of it.
#[derive(Deserialize)]
struct Case(Vec<u32>, Vec<String>, String);

impl Case {
    fn count(&self, place: usize) -> usize {
        self.0[place] as usize
    }

    fn time(&self, place: usize) -> Duration {
        self.0[place] * FRAME
    }

    fn source(&self, place: usize) -> Rx<Marbles> {
        cold(&self.1[place]).rx()
    }

    /// The source of that place, in which an X is an error and the end.
    fn fallible(&self, place: usize) -> impl Stream<Item = Result<char, char>> + use<> {
        self.source(place).map(|item| if item == 'X' { Err(item) } else { Ok(item) })
    }
}

async fn trace<S: Stream<Item: Marble>>(stream: S) -> String {
    record(stream, HORIZON).await
}

fn folder() -> PathBuf {
    std::env::var_os("ORACLE_TRACES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/traces")),
        PathBuf::from,
    )
}

/// Does with every timeline of an operator what `ours` does, and compares.
async fn agrees(operator: &str, ours: impl AsyncFn(&Case) -> String) {
    let path = folder().join(operator).with_extension("jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let mut differences = Vec::new();
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let actual = ours(&case).await;
        if actual != case.2 {
            differences.push(format!("{line}\n   ours {actual:?}"));
        }
    }
    assert!(text.lines().count() >= 1_000, "{operator} has too few timelines");
    let (count, first) = (differences.len(), &differences[..differences.len().min(10)]);
    assert!(first.is_empty(), "{operator} differs in {count} timelines, as in\n{}", first.join("\n"));
}

/// A test for each operator: what is made of a case is what RxPY made.
macro_rules! agree {
    ($($operator:ident: $ours:expr,)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $operator() {
            let ours: fn(&Case) -> _ = $ours;
            agrees(stringify!($operator), async |case: &Case| trace(ours(case)).await).await;
        })+

        #[test]
        fn every_file_of_traces_is_compared() {
            let compared = [$(stringify!($operator),)+ "group_by", "share"].map(|name| format!("{name}.jsonl"));
            let compared: BTreeSet<_> = compared.into_iter().collect();
            let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name());
            assert_eq!(files.map(|file| file.into_string().unwrap()).collect::<BTreeSet<_>>(), compared);
        }
    };
}

agree! {
    debounce: |case| case.source(0).debounce(case.time(0)),
    throttle_first: |case| case.source(0).throttle_first(case.time(0)),
    throttle_last: |case| case.source(0).throttle_last(case.time(0)),
    sample: |case| case.source(0).sample(case.source(1)),
    buffer: |case| case.source(0).buffer(case.count(0)),
    buffer_time: |case| case.source(0).buffer_time(case.time(0)),
    buffer_count_or_time: |case| case.source(0).buffer_count_or_time(case.count(0), case.time(1)),
    distinct: |case| case.source(0).distinct(100),
    distinct_by_key: |case| case.source(0).distinct_by_key(100, char::to_ascii_lowercase),
    distinct_until_changed: |case| case.source(0).distinct_until_changed(),
    distinct_until_changed_by_key: |case| case.source(0).distinct_until_changed_by_key(char::to_ascii_lowercase),
    scan: |case| case.source(0).scan(0, |sum, digit| sum + digit.to_digit(10).unwrap()),
    pairwise: |case| many::pairs(case.source(0).pairwise()),
    switch_map: |case| case.source(0).switch_map(many::inner(case)),
    merge_map: |case| case.source(0).merge_map(case.count(0), many::inner(case)),
    merge: |case| case.source(0).merge(case.source(1)),
    with_latest_from: |case| many::pairs(case.source(0).with_latest_from(case.source(1))),
    combine_latest: |case| many::pairs(case.source(0).combine_latest(case.source(1))),
    take_until: |case| case.source(0).take_until_item(case.source(1)),
    start_with: |case| case.source(0).start_with(many::letters(&case.1[1])),
    timeout_each: |case| case.source(0).timeout_each(case.time(0)).map(many::told),
    on_error: |case| {
        let fallback = case.fallible(1);
        let healed = case.fallible(0).rx().on_error(move |_| fallback);
        healed.retry(0, |_| unreachable!("none is left")).map(many::either)
    },
    retry: |case| {
        let attempts: Vec<_> = (0..8).map(|place| case.fallible(place % 4)).collect();
        let mut attempts = attempts.into_iter();
        let first = attempts.next().unwrap();
        first.rx().retry(case.count(0), move |_| attempts.next().unwrap()).map(many::either)
    },
}

#[tokio::test(start_paused = true)]
async fn group_by() {
    agrees("group_by", many::groups).await;
}

#[tokio::test(start_paused = true)]
async fn share() {
    agrees("share", async |case| {
        let first = case.source(0).share(case.count(0));
        let late = async |place: usize| {
            tokio::time::sleep(case.time(place)).await;
            let stays = case.0[place + 1].min(HORIZON - case.0[place]);
            record(many::items(first.clone()), stays).await
        };
        let early = trace(many::items(first.clone()));
        let (early, one, other) = tokio::join!(biased; early, late(1), late(3));
        [early, one, other].join(" ")
    })
    .await;
}
