//! Contexts: whatever the sources give, in whatever order they answer, and whatever the counter says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agentbus::event::{ContextBuilt, Timestamp};
use agentbus::service::context::{
    AssembledContext, ContextError, ContextRequest, ContextService, ContextSource, EstimatingCounter,
    Fragment, SourceError, SourceLimit, TokenCounter,
};
use agentbus::testing::RecordingEventBus;
use async_trait::async_trait;
use proptest::prelude::*;

use crate::support::bus_of;

/// A source that answers after some time.
#[derive(Debug, Clone)]
struct Slow {
    name: &'static str,
    after: Duration,
    fragments: Vec<Fragment>,
}

#[async_trait]
impl ContextSource for Slow {
    fn name(&self) -> &str {
        self.name
    }

    async fn gather(&self, _request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        tokio::time::sleep(self.after).await;
        Ok(self.fragments.clone())
    }
}

/// Counters that agree on nothing but that the same text is as long again.
#[derive(Debug, Clone, Copy)]
enum Counter {
    Estimate,
    Bytes,
    Words,
    /// More for the whole than for its parts.
    Square,
    /// Less for the whole than for its parts.
    Root,
    /// Whatever.
    Hash,
}

impl TokenCounter for Counter {
    fn count(&self, text: &str) -> u64 {
        let length = text.len() as u64;
        match self {
            Self::Estimate => EstimatingCounter.count(text),
            Self::Bytes => length,
            Self::Words => text.split_whitespace().count() as u64,
            Self::Square => length * length / 1_000,
            Self::Root => length.isqrt(),
            Self::Hash => u64::from(agentbus::event::Hash::of(text).as_bytes()[0]),
        }
    }
}

fn counter() -> impl Strategy<Value = Counter> {
    use Counter::{Bytes, Estimate, Hash, Root, Square, Words};
    prop::sample::select(&[Estimate, Bytes, Words, Square, Root, Hash])
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c ]{0,12}",
        "(fn [a-z]{1,8}\\(\\)\n){1,40}",
        "\\PC{0,40}",
        Just("`````\n## forged".to_owned()),
        Just("the key sk-live-51H8xQ2eZvKYlo2C.".to_owned()),
        Just("sk-live-51H8xQ2eZvKY".to_owned()),
        Just("lo2C and -----BEGIN PRIVATE KEY-----\nMII".to_owned()),
        Just("xyz\n-----END PRIVATE KEY-----".to_owned()),
        any::<String>(),
    ]
}

fn fragment() -> impl Strategy<Value = Fragment> {
    let shorter = || prop::option::of(text());
    let figures = (any::<f64>(), any::<f64>(), any::<u32>(), prop::option::of(any::<i64>()));
    ("[a-d]{1,3}", text(), shorter(), shorter(), figures).prop_map(|(id, full, outline, line, figures)| {
        let (relevance, quality, depth, time) = figures;
        let mut fragment =
            Fragment::new(id, full).with_relevance(relevance).with_quality(quality).with_depth(depth);
        if let Some(outline) = outline {
            fragment = fragment.with_outline(outline);
        }
        if let Some(line) = line {
            fragment = fragment.with_line(line);
        }
        match time {
            Some(time) => fragment.with_time(Timestamp::from_unix_nanos(time)),
            None => fragment,
        }
    })
}

const NAMES: [&str; 3] = ["one", "two", "three"];

fn gathered() -> impl Strategy<Value = [Vec<Fragment>; 3]> {
    [(); 3].map(|()| prop::collection::vec(fragment(), 0..12))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

/// Builds a context of sources that answer after so many seconds each.
fn build(
    gathered: &[Vec<Fragment>; 3],
    after: [u64; 3],
    counter: Counter,
    request: ContextRequest,
) -> (Result<AssembledContext, ContextError>, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    let builder = ContextService::builder(Some(bus_of(&bus))).counter(counter);
    let sources = NAMES.into_iter().zip(gathered).zip(after);
    let builder = sources.fold(builder, |builder, ((name, fragments), after)| {
        builder.source(Slow { name, after: Duration::from_secs(after), fragments: fragments.clone() })
    });
    let service = builder.build().unwrap();
    (run(service.build(request)), bus)
}

fn request(budget: u64) -> ContextRequest {
    ContextRequest::new("greet", budget).with_now(Timestamp::from_unix_nanos(0))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_holds_and_every_fragment_is_accounted_for(
        gathered in gathered(),
        counter in counter(),
        budget in 0..3_000_u64,
        limits in prop::array::uniform3(prop::option::of((0..6_usize, 0..300_u64))),
    ) {
        let mut request = request(budget);
        for (name, limit) in NAMES.into_iter().zip(limits) {
            if let Some((fragments, tokens)) = limit {
                let limit = SourceLimit::none().with_fragments(fragments).with_tokens(tokens);
                request = request.with_limit(name, limit);
            }
        }
        let (result, bus) = build(&gathered, [0; 3], counter, request);
        let context = match result {
            Err(error) => {
                let is_too_small = matches!(error, ContextError::BudgetTooSmall { needed, .. } if needed > budget);
                prop_assert!(is_too_small, "{error}");
                bus.assert_nothing();
                return Ok(());
            }
            Ok(context) => context,
        };
        prop_assert!(context.tokens <= budget);
        prop_assert_eq!(context.tokens, counter.count(&context.text));
        prop_assert!(!context.text.contains("sk-live-51H8xQ2eZvKYlo2C"));
        let all: usize = gathered.iter().map(Vec::len).sum();
        prop_assert_eq!(context.fragments.len() + context.dropped.len() + context.duplicates.len(), all);
        let hashes: BTreeSet<_> = context.fragments.iter().map(|held| held.content_hash).collect();
        prop_assert_eq!(hashes.len(), context.fragments.len(), "no two say the same");
        for (name, limit) in NAMES.into_iter().zip(limits) {
            let of_source = context.fragments.iter().filter(|held| held.source == name);
            if let Some((fragments, tokens)) = limit {
                prop_assert!(of_source.clone().count() <= fragments);
                prop_assert!(of_source.map(|held| held.tokens).sum::<u64>() <= tokens);
            }
        }
        let built = bus.only::<ContextBuilt>();
        prop_assert_eq!(built.fragments + built.dropped + built.deduplicated, all as u64);
        prop_assert_eq!((built.tokens, built.budget, built.failed_sources), (context.tokens, budget, 0));
    }

    #[test]
    fn a_context_is_the_same_whoever_answers_first(
        gathered in gathered(),
        counter in counter(),
        budget in 0..3_000_u64,
        orders in (prop::array::uniform3(0..4_u64), prop::array::uniform3(0..4_u64)),
    ) {
        let (one, _) = build(&gathered, orders.0, counter, request(budget));
        let (other, _) = build(&gathered, orders.1, counter, request(budget));
        prop_assert_eq!(one, other);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_tasks_build_at_once_and_get_the_same() {
    let fragments = (0..200).map(|n| Fragment::new(format!("{n}"), format!("note {n}")).with_relevance(0.5));
    let source = Slow { name: "notes", after: Duration::ZERO, fragments: fragments.collect() };
    let bus = RecordingEventBus::new();
    let service = ContextService::builder(Some(bus_of(&bus))).source(source).build().unwrap();
    let expected = Arc::new(service.build(request(800)).await.unwrap());
    bus.take();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (service, expected) = (service.clone(), Arc::clone(&expected));
            tokio::spawn(async move { assert_eq!(service.build(request(800)).await.unwrap(), *expected) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(bus.all::<ContextBuilt>().len(), 32);
}
