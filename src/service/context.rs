//! [`ContextService`]: what a model gets to see, within a budget of tokens.
//!
//! What there is to see are [`Fragment`]s, and [`ContextSource`]s give them: [`FileSource`] the files of a project
//! that are about what is asked, [`DecisionSource`] what was decided in the plan, [`MessageSource`] what was said in the
//! session, [`HistorySource`] what happened to the plan; an embedder adds its own. [`ContextService::build`] makes one
//! text of them:
//!
//! 1. **gather**: all sources are asked at once, in tasks of their own, each with a timeout and a circuit, that leaves
//!    one alone which fails again and again;
//! 2. **mask**: secrets that the redactor knows are masked in every text, also one that begins in a fragment and ends
//!    in the next of its source;
//! 3. **score**: a weighted sum of relevance, hierarchy, quality and recency, see [`Weights`];
//! 4. **deduplicate**: of those whose text has the same BLAKE3 hash the one with the higher score stays, among equals
//!    that of the first source, and of that the first;
//! 5. **pack**: the highest score first, each gets the fullest [`Detail`] for which there is room in what those before
//!    it left: all of it, its outline, a line, or nothing;
//! 6. **order**: source after source as they were added to the builder, each in its own order, so that a conversation
//!    reads as it was held;
//! 7. **preamble**: how many fragments there are, and how many were left out, from where and why.
//!
//! [`ContextService::query`] searches a source that can be searched, such as the files, ranked by BM25; see
//! [`TextIndex`].
//!
//! It promises that the text never has more tokens than the budget, by the counter of the service and as a whole,
//! preamble, headings and fences included; that the same request makes the same context of the same fragments, whichever
//! source answers first; that nothing is left out in silence; and that what a source says cannot pass for the end of its
//! section or for another.
//!
//! What goes wrong: a source that fails, panics or takes too long is missing, which the context says; its task is
//! aborted, and what it answers later is dropped. What cannot be built at all is a [`ContextError`], and nothing is told
//! then. Of a query events tell the hash.
//!
//! ```
//! use agentbus::service::context::{
//!     ContextRequest, ContextService, ContextSource, Fragment, SourceError,
//! };
//!
//! #[derive(Debug)]
//! struct Notes;
//!
//! #[async_trait::async_trait]
//! impl ContextSource for Notes {
//!     fn name(&self) -> &str {
//!         "notes"
//!     }
//!
//!     async fn gather(&self, _: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
//!         Ok(vec![
//!             Fragment::new("style", "Greet politely. The key is sk-live-51H8xQ2eZvKYlo2C.").with_relevance(0.9),
//!             Fragment::new("history", "It was colder in those days. ".repeat(100)).with_line("on the weather"),
//!         ])
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let contexts = ContextService::builder(None).source(Notes).build()?;
//! let context = contexts.build(ContextRequest::new("how to greet", 150)).await?;
//! assert_eq!(
//!     context.to_string(),
//!     "# Context: 2 of 2 fragments\n\
//!      - notes style: Greet politely. The key is [redacted].\n\
//!      - notes history: on the weather\n"
//! );
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use tokio::time::Instant;

use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::{ContextBuilt, ContextQueryExecuted, Hash, Scope, Text};
use crate::redact::Redactor;
use crate::service::blocking::blocking;
use crate::service::time::millis;

mod assemble;
mod assembled;
mod breaker;
mod builder;
mod error;
mod fragment;
mod gather;
mod mask;
mod pack;
mod render;
mod request;
mod score;
mod search;
mod source;
mod sources;
mod tokens;

#[cfg(test)]
mod tests;

use assemble::Assembly;
pub use assemble::MAX_SOURCE_FRAGMENTS;
pub use assembled::{
    AssembledContext, DropReason, DroppedFragment, DuplicateFragment, FailedSource, HeldFragment,
};
pub use breaker::{BreakerOptions, CircuitState};
pub use builder::{ContextServiceBuilder, DEFAULT_SOURCE_TIMEOUT};
pub use error::{ConfigureError, ContextError, FailureReason};
pub use fragment::{Detail, Fragment};
use gather::{Asked, gather};
use mask::mask_each;
pub use render::MAX_SHOWN_BYTES;
pub use request::{ContextRequest, DEFAULT_QUERY_RESULTS, MAX_QUERY_BYTES, Query, SourceLimit};
pub use score::{HALF_RECENT_AFTER, Weights, WeightsError};
pub use search::{B, Hit, K1, MAX_TEXT_BYTES, MAX_WORD_BYTES, Snippet, TextIndex};
pub use source::{ContextSource, SourceError, TextSearch};
pub use sources::{
    DEFAULT_EVENTS, DEFAULT_FILES, DEFAULT_MESSAGES, DecisionSource, FileSource, HistorySource, MessageSource,
};
#[cfg(feature = "tiktoken")]
pub use tokens::{Encoding, TiktokenCounter};
pub use tokens::{EstimatingCounter, TokenCounter};

/// Builds contexts. Cheap to clone; clones share their sources and circuits.
#[derive(Clone, Debug)]
pub struct ContextService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sources: Vec<Asked>,
    counter: Arc<dyn TokenCounter>,
    redactor: Redactor,
    weights: Weights,
    events: Emitter,
}

impl ContextService {
    /// A service in the making, that tells by `bus`.
    pub fn builder(bus: Option<Arc<dyn EventBus>>) -> ContextServiceBuilder {
        ContextServiceBuilder::new(bus)
    }

    /// Its sources, in their order.
    pub fn sources(&self) -> impl Iterator<Item = &Text> {
        self.inner.sources.iter().map(|asked| &asked.name)
    }

    /// How the circuit of a source stands; none if there is no such source.
    pub fn circuit(&self, source: &str) -> Option<CircuitState> {
        self.inner.sources.iter().find(|asked| asked.name == *source).map(|asked| asked.breaker.state())
    }

    /// Builds a context. If all sources fail it holds nothing, and says so.
    ///
    /// # Errors
    /// [`ContextError::NoSources`]; [`ContextError::EmptyQuery`], [`ContextError::QueryTooLong`],
    /// [`ContextError::Invalid`], [`ContextError::UnknownSource`] because of the request;
    /// [`ContextError::BudgetTooSmall`] if the preamble could be longer.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time. And if the counter panics.
    ///
    /// # Cancel safety
    /// Dropped, it ends the tasks of the sources; nothing was told then, and no circuit counts it.
    pub async fn build(&self, request: ContextRequest) -> Result<AssembledContext, ContextError> {
        let started = Instant::now();
        self.check(&request)?;
        let (scope, request) = (request.scope(), Arc::new(request));
        let gathered = gather(&self.inner.sources, &request, &scope, &self.inner.redactor).await;
        let inner = Arc::clone(&self.inner);
        let context = blocking(move |stop| {
            let Inner { counter, redactor, weights, .. } = &*inner;
            let request = Arc::unwrap_or_clone(request);
            let (redactor, counter, weights) = (redactor.clone(), Arc::clone(counter), *weights);
            Assembly { request, redactor, counter, weights }.run(gathered, stop)
        })
        .await?;
        self.inner.events.emit_in(&scope, || {
            ContextBuilt::new(
                context.fragments.len() as u64,
                context.dropped.len() as u64,
                context.deduplicated(),
                context.tokens,
                context.budget,
                context.sources,
                context.failed_sources.len() as u64,
                millis(started.elapsed()),
            )
        });
        Ok(context)
    }

    /// Searches a source: what has words of the query, the best first, secrets masked.
    ///
    /// # Errors
    /// [`ContextError::EmptyQuery`], [`ContextError::QueryTooLong`]; [`ContextError::UnknownSource`],
    /// [`ContextError::NotSearchable`]; [`ContextError::Source`] if the source failed.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time.
    ///
    /// # Cancel safety
    /// Dropped, it ends the task of the source; nothing was told then, and no circuit counts it.
    pub async fn query(&self, query: Query) -> Result<Vec<Fragment>, ContextError> {
        let started = Instant::now();
        query.validate()?;
        let (asked, search) = self.searched(query.source())?;
        let (hash, at_most) = (Hash::of(query.text()), query.at_most().get());
        let (scope, redactor) = (Scope::current(), &self.inner.redactor);
        let answer = asked.answer(redactor, &scope, async move { search.search(&query).await });
        let mut found =
            answer.await.map_err(|reason| ContextError::Source { name: asked.name.clone(), reason })?;
        found.truncate(at_most);
        mask_each(redactor, &mut found);
        for fragment in &mut found {
            fragment.source = asked.name.clone();
        }
        self.inner.events.emit_in(&scope, || {
            let duration = millis(started.elapsed());
            ContextQueryExecuted::new(asked.name.clone(), hash, found.len() as u64, duration)
        });
        Ok(found)
    }

    /// Refuses what cannot be built, before anybody is asked.
    fn check(&self, request: &ContextRequest) -> Result<(), ContextError> {
        if self.inner.sources.is_empty() {
            return Err(ContextError::NoSources);
        }
        request.validate()?;
        request.limited().try_for_each(|name| self.asked(name).map(drop))?;
        let names: Vec<Text> = self.sources().cloned().collect();
        let needed = self.inner.counter.count(&render::Tally::longest(&names).preamble()).max(1);
        let budget = request.budget();
        if budget < needed { Err(ContextError::BudgetTooSmall { budget, needed }) } else { Ok(()) }
    }

    fn asked(&self, name: &Text) -> Result<&Asked, ContextError> {
        self.inner.sources.iter().find(|asked| asked.name == *name).ok_or_else(|| {
            ContextError::UnknownSource { name: name.clone(), known: self.sources().cloned().collect() }
        })
    }

    /// The source that is to be searched.
    fn searched(&self, name: Option<&Text>) -> Result<(&Asked, Arc<dyn TextSearch>), ContextError> {
        let asked = match name {
            Some(name) => Some(self.asked(name)?),
            None => self.inner.sources.iter().find(|asked| asked.search.is_some()),
        };
        let found = asked.and_then(|asked| Some((asked, Arc::clone(asked.search.as_ref()?))));
        found.ok_or_else(|| ContextError::NotSearchable { name: name.cloned() })
    }
}
