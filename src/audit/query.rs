//! [`AuditQuery`]: a question to the index of a journal.

use std::num::NonZeroU64;

use crate::event::{Category, CorrelationId, EventId, Hash, PlanId, SessionId, Severity, Text, Timestamp};
use crate::filter::{Filter, FilterError};
use crate::journal::Recorded;

mod cause;
mod condition;
#[cfg(test)]
mod plans;
mod read;
mod run;
mod text;
mod token;
mod under;

pub(super) use read::event;
pub(super) use run::run;
pub use text::{MAX_BEGINNINGS, MAX_TEXT_BYTES, MAX_TEXT_WORDS, MIN_BEGINNING, TextError};
pub use token::{PageToken, ParsePageTokenError};
pub use under::MAX_UNDER;

/// How many events a page has unless the query says otherwise.
pub const DEFAULT_LIMIT: usize = 100;

/// How many events a page has at most.
pub const MAX_LIMIT: usize = 1_000;

/// How many steps of SQLite's machine a query takes at most unless it says otherwise: about half a second.
pub const DEFAULT_MAX_STEPS: NonZeroU64 = NonZeroU64::new(20_000_000).expect("it is not zero");

/// Which events, in what order, and how many at a time. Everything that is said must hold.
///
/// ```
/// use agentbus::audit::{AuditQuery, Order};
/// use agentbus::{Filter, Severity};
///
/// let query = AuditQuery::new()
///     .filter("tool.* plan=plan-7".parse::<Filter>()?)
///     .level_at_least(Severity::Warn)
///     .text("\"permission denied\" shadow*")?
///     .order(Order::NewestFirst)
///     .limit(20);
/// # drop(query);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuditQuery {
    filter: Filter,
    ids: Vec<EventId>,
    causes: Vec<EventId>,
    security: Option<bool>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    words: Vec<text::Words>,
    order: Order,
    limit: usize,
    after: Option<PageToken>,
    max_steps: Option<NonZeroU64>,
}

/// Which of the events come first: by position, which is the order in which they were recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest.
    NewestFirst,
}

/// Some of the events that were asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditPage {
    /// The events, in the order that was asked for.
    pub events: Vec<Recorded>,
    /// Where the next page begins; none if there is no more now.
    pub next: Option<PageToken>,
    /// Whether more than [`MAX_UNDER`] events are under an id that was asked for: of those beyond, none is given.
    pub is_cut: bool,
}

impl AuditQuery {
    /// Every event, the oldest first, 100 at a time.
    pub fn new() -> Self {
        Self {
            filter: Filter::all(),
            ids: Vec::new(),
            causes: Vec::new(),
            security: None,
            since: None,
            until: None,
            words: Vec::new(),
            order: Order::default(),
            limit: DEFAULT_LIMIT,
            after: None,
            max_steps: Some(DEFAULT_MAX_STEPS),
        }
    }

    /// That the filter lets through. Category, level and flags are those that a kind had when its event was indexed.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = self.filter.also(&filter.into());
        self
    }

    /// Of a kind whose name `glob` describes, where `*` is any text.
    ///
    /// # Errors
    /// As [`Filter::glob`].
    pub fn types(mut self, glob: &str) -> Result<Self, FilterError> {
        self.filter = self.filter.glob(glob)?;
        Ok(self)
    }

    /// Of the audit class, or not of it.
    #[must_use]
    pub fn security(mut self, is_security: bool) -> Self {
        self.security = Some(is_security);
        self
    }

    /// With that id.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.ids.push(id);
        self
    }

    /// That the event of that id caused, at one remove.
    #[must_use]
    pub fn caused_by(mut self, cause: EventId) -> Self {
        self.causes.push(cause);
        self
    }

    /// Of that time or later.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = self.since.max(Some(since));
        self
    }

    /// Before that time.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
        self
    }

    /// In whose details all these words stand: as they are, whatever their case and accents; with a `*` at its end a
    /// word stands for all that begin so; words in double quotes stand one behind the other. Nothing else has a meaning
    /// of its own.
    ///
    /// Words are what stands between spaces and punctuation; so `src/main.rs` is three, one behind the other.
    ///
    /// # Errors
    /// [`TextError`]: it is too long, has too many words, none, or beginnings that are too short or too many.
    pub fn text(mut self, text: &str) -> Result<Self, TextError> {
        self.words.push(text::Words::read(text)?);
        Ok(self)
    }

    /// Which come first.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many at a time: from 1 to [`MAX_LIMIT`]; what is outside of that counts as the nearer end.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, MAX_LIMIT);
        self
    }

    /// From where another page of the same query ended. The limit may differ.
    #[must_use]
    pub fn after(mut self, token: PageToken) -> Self {
        self.after = Some(token);
        self
    }

    /// How many steps of SQLite's machine a page may take, counted by the thousand; with `None` as many as it needs.
    #[must_use]
    pub fn max_steps(mut self, steps: Option<NonZeroU64>) -> Self {
        self.max_steps = steps;
        self
    }

    /// What makes it another query: all but how much it gives at a time, and from where.
    fn fingerprint(&self) -> Hash {
        let said = (&self.filter, &self.ids, &self.causes, self.security);
        Hash::of(format!("{said:?} {:?} {:?} {:?} {:?}", self.since, self.until, self.words, self.order))
    }
}

macro_rules! envelope {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)+) => {
        impl AuditQuery {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: impl Into<$type>) -> Self {
                self.filter = self.filter.$name(value);
                self
            }
        )+}
    };
}

envelope! {
    /// About that plan.
    plan: PlanId;
    /// Of the tree of that root plan. A plan of which no root is told is its own.
    root: PlanId;
    /// About that session.
    session: SessionId;
    /// Done by that actor.
    actor: Text;
    /// About that project.
    project: Text;
    /// On behalf of that user.
    user: Text;
    /// Of that correlation.
    correlation: CorrelationId;
    /// Caused by the event of that id, at however many removes, or of the plan of that id and its children, whatever
    /// was recorded first. See [`AuditPage::is_cut`].
    under: PlanId;
}

impl AuditQuery {
    /// Of that category.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.filter = self.filter.category(category);
        self
    }

    /// Of that severity or a higher one.
    #[must_use]
    pub fn level_at_least(mut self, level: Severity) -> Self {
        self.filter = self.filter.level_at_least(level);
        self
    }
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Filter> for AuditQuery {
    fn from(filter: Filter) -> Self {
        Self::new().filter(filter)
    }
}
