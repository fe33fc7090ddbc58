//! [`ContextServiceBuilder`]: which sources a service has, and what holds for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::Breaker;
use super::gather::Asked;
use super::{
    BreakerOptions, ConfigureError, ContextService, ContextSource, EstimatingCounter, Inner, TextSearch,
    TokenCounter, Weights,
};
use crate::bus::EventBus;
use crate::emitter::Emitter;
use crate::event::Text;
use crate::redact::Redactor;

/// How long a source may take, unless another time is chosen.
pub const DEFAULT_SOURCE_TIMEOUT: Duration = Duration::from_secs(10);

/// A source, and the same again if it can be searched.
type Source = (Arc<dyn ContextSource>, Option<Arc<dyn TextSearch>>);

/// Makes a [`ContextService`]. The order of its sources is that of the fragments in a context.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before `build`"]
pub struct ContextServiceBuilder {
    bus: Option<Arc<dyn EventBus>>,
    sources: Vec<Source>,
    counter: Arc<dyn TokenCounter>,
    redactor: Redactor,
    weights: Weights,
    timeout: Duration,
    timeouts: BTreeMap<Text, Duration>,
    breaker: BreakerOptions,
}

impl ContextServiceBuilder {
    pub(super) fn new(bus: Option<Arc<dyn EventBus>>) -> Self {
        Self {
            bus,
            sources: Vec::new(),
            counter: Arc::new(EstimatingCounter),
            redactor: Redactor::untagged(),
            weights: Weights::default(),
            timeout: DEFAULT_SOURCE_TIMEOUT,
            timeouts: BTreeMap::new(),
            breaker: BreakerOptions::default(),
        }
    }

    /// Adds a source behind those that are there.
    pub fn source(mut self, source: impl ContextSource + 'static) -> Self {
        self.sources.push((Arc::new(source), None));
        self
    }

    /// Adds a source that can also be searched.
    pub fn searchable(mut self, source: impl TextSearch + 'static) -> Self {
        let source: Arc<dyn TextSearch> = Arc::new(source);
        self.sources.push((Arc::clone(&source) as Arc<dyn ContextSource>, Some(source)));
        self
    }

    /// Counts tokens by `counter`; else by [`EstimatingCounter`].
    pub fn counter(mut self, counter: impl TokenCounter + 'static) -> Self {
        self.counter = Arc::new(counter);
        self
    }

    /// Masks secrets by `redactor`; else by [`Redactor::untagged`].
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Scores by `weights`; else by the default ones.
    pub fn weights(mut self, weights: Weights) -> Self {
        self.weights = weights;
        self
    }

    /// How long each source may take; else [`DEFAULT_SOURCE_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long the source of that name may take.
    pub fn timeout_of(mut self, source: impl Into<Text>, timeout: Duration) -> Self {
        self.timeouts.insert(source.into(), timeout);
        self
    }

    /// When a source that fails is left alone; else by the default options.
    pub fn breaker(mut self, breaker: BreakerOptions) -> Self {
        self.breaker = breaker;
        self
    }

    /// The service. Without a source it refuses whatever it is asked.
    ///
    /// # Errors
    /// [`ConfigureError`].
    pub fn build(self) -> Result<ContextService, ConfigureError> {
        let mut timeouts = self.timeouts;
        let mut sources = Vec::<Asked>::with_capacity(self.sources.len());
        for (source, search) in self.sources {
            let name: Text =
                source.name().parse().map_err(|source| ConfigureError::InvalidName { source })?;
            if sources.iter().any(|other| other.name == name) {
                return Err(ConfigureError::SourceTwice { name });
            }
            let timeout = timeouts.remove(&name).unwrap_or(self.timeout);
            sources.push(Asked { name, source, search, timeout, breaker: Breaker::new(self.breaker) });
        }
        if let Some((name, _)) = timeouts.pop_first() {
            return Err(ConfigureError::UnknownSource { name });
        }
        let (counter, redactor, weights) = (self.counter, self.redactor, self.weights);
        let events = Emitter::new(self.bus);
        Ok(ContextService { inner: Arc::new(Inner { sources, counter, redactor, weights, events }) })
    }
}
