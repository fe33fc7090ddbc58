use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::event::{EventType, Timestamp};
use crate::sync::{Mutex, lock};
use crate::testing::RecordingEventBus;

mod circuits;
mod gathering;
mod masking;
mod packing;
mod refusals;
mod scoring;
mod text;

/// What a source does when it is asked.
#[derive(Debug, Clone)]
enum Does {
    Gives(Vec<Fragment>),
    GivesAfter(Duration, Vec<Fragment>),
    Fails(&'static str),
    Refuses,
    Panics,
    Hangs,
}

/// A source that does as it is told, and counts.
#[derive(Debug, Clone)]
struct Told {
    name: &'static str,
    does: Arc<Mutex<Does>>,
    asked: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Told {
    fn new(name: &'static str, does: Does) -> Self {
        Self { name, does: Arc::new(Mutex::new(does)), asked: Arc::default(), running: Arc::default() }
    }

    fn gives(name: &'static str, fragments: impl IntoIterator<Item = Fragment>) -> Self {
        Self::new(name, Does::Gives(fragments.into_iter().collect()))
    }

    fn does(&self, does: Does) {
        *lock(&self.does) = does;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    async fn act(&self) -> Result<Vec<Fragment>, SourceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(Arc::clone(&self.running));
        let does = lock(&self.does).clone();
        match does {
            Does::Gives(fragments) => Ok(fragments),
            Does::GivesAfter(time, fragments) => {
                tokio::time::sleep(time).await;
                Ok(fragments)
            }
            Does::Fails(why) => Err(SourceError::failed(why)),
            Does::Refuses => Err(SourceError::refused("not for you")),
            Does::Panics => panic!("the shelf fell"),
            Does::Hangs => std::future::pending().await,
        }
    }
}

#[async_trait]
impl ContextSource for Told {
    fn name(&self) -> &str {
        self.name
    }

    async fn gather(&self, _request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        self.act().await
    }
}

#[async_trait]
impl TextSearch for Told {
    async fn search(&self, _query: &Query) -> Result<Vec<Fragment>, SourceError> {
        self.act().await
    }
}

/// One token for each byte.
#[derive(Debug)]
struct Bytes;

impl TokenCounter for Bytes {
    fn count(&self, text: &str) -> u64 {
        text.len() as u64
    }
}

fn bus() -> (Option<Arc<dyn EventBus>>, RecordingEventBus) {
    let bus = RecordingEventBus::new();
    (Some(Arc::new(bus.clone())), bus)
}

/// A service that counts bytes.
fn service(sources: &[&Told]) -> ContextService {
    let builder = ContextService::builder(None).counter(Bytes);
    sources.iter().fold(builder, |builder, source| builder.source((*source).clone())).build().unwrap()
}

fn request(budget: u64) -> ContextRequest {
    ContextRequest::new("greet", budget).with_now(Timestamp::from_unix_nanos(0))
}

/// A fragment of that relevance and nothing else in its favour but that it is at the top.
fn fragment(id: &str, text: &str, relevance: f64) -> Fragment {
    Fragment::new(id, text).with_relevance(relevance)
}

fn held(context: &AssembledContext) -> Vec<(&str, Detail)> {
    context.fragments.iter().map(|held| (&*held.id, held.detail)).collect()
}

fn dropped(context: &AssembledContext) -> Vec<(&str, DropReason)> {
    context.dropped.iter().map(|dropped| (&*dropped.id, dropped.reason)).collect()
}

fn failures(context: &AssembledContext) -> Vec<(&str, FailureReason)> {
    context.failed_sources.iter().map(|failed| (failed.source.as_str(), failed.reason.clone())).collect()
}
