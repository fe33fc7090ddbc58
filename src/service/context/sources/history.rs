//! [`HistorySource`]: what happened to the plan.

use std::num::NonZeroUsize;

use async_trait::async_trait;

use super::{beginning, relevances};
use crate::event::{Category, DomainEvent, EventType, Severity};
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, ReadError, Recorded};
use crate::redact::Redactor;
use crate::service::blocking::blocking;
use crate::service::context::{ContextRequest, ContextSource, Fragment, SourceError};

/// How many events are given, unless another number is chosen: the last fifty.
pub const DEFAULT_EVENTS: NonZeroUsize = NonZeroUsize::new(50).expect("fifty is not zero");

/// How long an event is told, in bytes.
const MAX_EVENT_BYTES: usize = 600;

/// What only tells of looking, and would come again and again by being looked at.
const LEFT_OUT: [EventType; 4] = [
    EventType::ContextBuilt,
    EventType::ContextQueryExecuted,
    EventType::ResourceAccessed,
    EventType::ResourceIndexed,
];

/// Gives the last events of the request's plan from a journal, in its order; without a plan those of its session,
/// without either nothing. It is called `history`.
///
/// Left out are `context.*`, `resource.accessed` and `resource.indexed`. All of an event is its time, its kind and its
/// details as JSON, in one line; its line is time and kind. What happens to plans and decisions is at the top,
/// everything else one below. Errors have quality 1, warnings 0.8, the others 0.5.
///
/// Lines of the journal that cannot be read are passed over; [`verify`](JournalReader::verify) finds those. A journal is
/// read from its end backward until there are enough events.
#[derive(Debug, Clone)]
pub struct HistorySource {
    journal: JournalReader,
    last: NonZeroUsize,
    redactor: Redactor,
}

impl HistorySource {
    /// Gives the last [`DEFAULT_EVENTS`] of what that journal has.
    pub fn new(journal: &impl AsRef<JournalReader>) -> Self {
        Self { journal: journal.as_ref().clone(), last: DEFAULT_EVENTS, redactor: Redactor::untagged() }
    }

    /// The same source, that gives the last so many.
    #[must_use]
    pub fn with_last(mut self, last: NonZeroUsize) -> Self {
        self.last = last;
        self
    }

    /// The same source, that masks secrets by another redactor before it cuts an event short.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }
}

#[async_trait]
impl ContextSource for HistorySource {
    fn name(&self) -> &'static str {
        "history"
    }

    async fn gather(&self, request: &ContextRequest) -> Result<Vec<Fragment>, SourceError> {
        let filter = match (request.plan_id(), request.session_id()) {
            (Some(plan), _) => Filter::all().plan(plan),
            (None, Some(session)) => Filter::all().session(session),
            (None, None) => return Ok(Vec::new()),
        };
        let filter = LEFT_OUT.into_iter().fold(filter, Filter::except);
        let (journal, last) = (self.journal.clone(), self.last.get());
        let tailed =
            blocking(move |_stop| journal.tail(last, filter)).await.map_err(|error| failed(&error))?;
        let recorded: Vec<Recorded> = tailed.entries.into_iter().filter_map(Entry::into_event).collect();
        let texts: Vec<String> =
            recorded.iter().map(|recorded| full(&recorded.event, &self.redactor)).collect();
        let relevances = relevances(request.query(), &texts);
        let fragments = recorded.iter().zip(texts).zip(relevances);
        Ok(fragments
            .map(|((recorded, text), relevance)| fragment(recorded, text).with_relevance(relevance))
            .collect())
    }
}

fn failed(error: &ReadError) -> SourceError {
    let mut message = format!("cannot read the journal: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        message = format!("{message}: {cause}");
    }
    SourceError::failed(message)
}

fn fragment(recorded: &Recorded, text: String) -> Fragment {
    let event = &recorded.event;
    let quality = match event.severity() {
        Severity::Error => 1.0,
        Severity::Warn => 0.8,
        Severity::Info => 0.5,
    };
    let is_top = matches!(event.event_type().category(), Category::Plan | Category::Decision);
    Fragment::new(recorded.position.to_string(), text)
        .with_line(format!("{} {}", event.timestamp(), event.type_name()))
        .with_quality(quality)
        .with_depth(u32::from(!is_top))
        .with_time(event.timestamp())
}

fn full(event: &DomainEvent, redactor: &Redactor) -> String {
    // Events from a journal were JSON before; one without such a form has no details to tell.
    let json = serde_json::to_value(event).unwrap_or_default();
    let details = json.get("details").map(ToString::to_string).unwrap_or_default();
    let text = format!("{} {} {details}", event.timestamp(), event.type_name());
    beginning(&redactor.redact_text(&text), MAX_EVENT_BYTES)
}
