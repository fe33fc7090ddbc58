//! Which events: [`Filter`], one form for code, command line, page and configuration.
//!
//! A filter is terms, all of which must hold. In its text they are separated by spaces; commas within a term are
//! alternatives, a `-` before it turns it round, and values in quotes may hold spaces and commas:
//!
//! ```text
//! plan.*,tool.errored session=issue-42 actor="agents/the planner" -tool.invoked level>=warn
//! ```
//!
//! | term | holds for events |
//! |---|---|
//! | `plan.created`, `plan.*`, `*.errored` | of that kind; `*` is any text, dots included; `unknown`: undeclared kinds |
//! | `category=tool` | of a kind of that category |
//! | `level=warn`, `level>=warn`, also `<=`, `>`, `<` | of a kind of that severity: `info` < `warn` < `error` |
//! | `plan=`, `session=`, `actor=`, `project=`, `user=`, `correlation=` | with that value in their envelope |
//! | `root=` | of the tree of that root plan; a plan of which no root is told is its own |
//! | `under=` | that the event of that id caused, or of the plan of that id and its children |
//!
//! It promises that [`Display`](fmt::Display) gives a canonical text, from which the same filter can be read, and
//! that a filter of kinds alone decides about an event of the domain by a test of one bit. A text is refused with
//! the position of its fault. What the program says is not checked: an id that would be refused from outside
//! (empty, with control characters, too long) or more than [`MAX_FILTER_VALUES`] values make a filter that works,
//! and whose text is refused.
//!
//! `under` follows causes, which one event alone does not tell: such a filter
//! [needs history](Filter::needs_history). Beside `root` of the same id it says nothing more and is left out.
//!
//! ```
//! use agentbus::event::{PlanCreated, PlanPhase};
//! use agentbus::{DomainEvent, EventType, Filter, Severity};
//!
//! let filter: Filter = "plan.*,tool.errored plan=plan-7".parse()?;
//! let details = PlanCreated::new(1, "mend the greeter", PlanPhase::Action, ["greeter"], 3);
//! let event = DomainEvent::new(details).with_plan_id("plan-7");
//! assert!(filter.matches(&event));
//!
//! let louder = filter.level_at_least(Severity::Warn).except(EventType::ToolErrored);
//! assert_eq!(louder.to_string(), "plan.*,tool.errored -tool.errored level>=warn plan=plan-7");
//! assert!(!louder.matches(&event));
//! # Ok::<(), agentbus::FilterError>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::text::read_text;
use crate::event::{Category, CorrelationId, DomainEvent, EventType, PlanId, SessionId, Severity, Text};

mod error;
mod history;
mod parse;
mod term;
#[cfg(test)]
mod tests;
mod types;

pub use error::FilterError;
pub(crate) use history::History;
pub use parse::{MAX_FILTER_BYTES, MAX_FILTER_VALUES};
pub(crate) use term::{Term, Test};
pub(crate) use types::TypeSet;
use types::{Pattern, Reach};

/// Which events. Cheap to clone; equal to every filter of the same canonical text.
#[derive(Clone)]
pub struct Filter {
    /// What the kind of an event decides; follows from the terms.
    reach: Reach,
    /// Canonical, sorted, no two the same.
    terms: Arc<[Term]>,
}

impl Filter {
    /// Every event.
    pub fn all() -> Self {
        Self { reach: Reach::EVERYTHING, terms: Arc::default() }
    }

    fn of(terms: impl IntoIterator<Item = Term>) -> Self {
        let terms = term::canonical(terms);
        let reach = terms.iter().fold(Reach::EVERYTHING, |reach, term| reach.and(term.reach()));
        Self { reach, terms: terms.into() }
    }

    fn and(self, term: Term) -> Self {
        Self::of(self.terms.iter().cloned().chain([term]))
    }

    /// Whether it holds for `event`.
    ///
    /// Of `under` it knows what `event` tells by itself; see [`Filter::needs_history`].
    #[inline]
    pub fn matches(&self, event: &DomainEvent) -> bool {
        self.holds(event.event_type(), event, None)
    }

    /// The same for an event whose kind is known already.
    #[inline]
    pub(crate) fn matches_as(&self, kind: EventType, event: &DomainEvent) -> bool {
        self.holds(kind, event, None)
    }

    /// Whether it holds for `event`, which `history` has learned last.
    pub(crate) fn matches_in(&self, event: &DomainEvent, history: &History) -> bool {
        self.holds(event.event_type(), event, Some(history))
    }

    #[inline]
    fn holds(&self, kind: EventType, event: &DomainEvent, history: Option<&History>) -> bool {
        if !self.reach.may.contains(kind) {
            return false;
        }
        self.reach.sure.contains(kind) || self.terms.iter().all(|term| term.holds(event, history))
    }

    /// Whether one event does not tell enough: with `under`, what caused it and that in turn must be known.
    ///
    /// A journal has that history. Live subscriptions have not and refuse such a filter; for the tree of a root
    /// plan they take [`Filter::root`].
    pub fn needs_history(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Under(_)))
    }

    /// The kinds of which an event could match, as far as types, categories and levels tell.
    pub(crate) fn type_set(&self) -> TypeSet {
        self.reach.may
    }

    /// Whether [`Filter::type_set`] alone decides.
    pub(crate) fn is_types_only(&self) -> bool {
        self.reach.may == self.reach.sure
    }

    /// What must hold, all of it; canonical.
    #[cfg(feature = "audit")]
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What both let through.
    #[cfg(feature = "audit")]
    pub(crate) fn also(&self, other: &Self) -> Self {
        Self::of(self.terms.iter().chain(&*other.terms).cloned())
    }

    fn only<T>(&self, ids: impl Fn(&Test) -> Option<&[T]>) -> Option<&T> {
        let wanted = self.terms.iter().filter(|term| !term.excluded);
        wanted.filter_map(|term| ids(&term.test)).find_map(|ids| match ids {
            [id] => Some(id),
            _ => None,
        })
    }

    /// The plan that every matching event is about.
    pub(crate) fn only_plan(&self) -> Option<&PlanId> {
        self.only(|test| if let Test::Plan(ids) = test { Some(ids) } else { None })
    }

    /// The session that every matching event is about.
    pub(crate) fn only_session(&self) -> Option<&SessionId> {
        self.only(|test| if let Test::Session(ids) = test { Some(ids) } else { None })
    }

    /// The correlation that every matching event has.
    pub(crate) fn only_correlation(&self) -> Option<&CorrelationId> {
        self.only(|test| if let Test::Correlation(ids) = test { Some(ids) } else { None })
    }
}

/// What is added must hold too.
impl Filter {
    /// Of one of these kinds; of none without any.
    #[must_use]
    pub fn types(self, types: impl IntoIterator<Item = EventType>) -> Self {
        let patterns: Vec<_> = types.into_iter().map(Pattern::of).collect();
        self.and(if patterns.is_empty() { Term::never() } else { Term::wanted(Test::Types(patterns)) })
    }

    /// Of a kind whose name `glob` describes, where `*` is any text.
    ///
    /// # Errors
    /// [`FilterError`] if it has characters outside `[a-z0-9_.*]`, or no `*` and is no name of a kind.
    pub fn glob(self, glob: &str) -> Result<Self, FilterError> {
        Ok(self.and(Term::wanted(Test::Types(vec![Pattern::new(glob, 0)?]))))
    }

    /// Not of that kind.
    #[must_use]
    pub fn except(self, event_type: EventType) -> Self {
        self.and(Term::unwanted(Test::Types(vec![Pattern::of(event_type)])))
    }

    /// Of that category.
    #[must_use]
    pub fn category(self, category: Category) -> Self {
        self.and(Term::wanted(Test::Category(vec![category])))
    }

    /// Of that severity or a higher one.
    #[must_use]
    pub fn level_at_least(self, level: Severity) -> Self {
        let levels = Severity::ALL.iter().copied().filter(|other| *other >= level).collect();
        self.and(Term::wanted(Test::Level(levels)))
    }
}

macro_rules! envelope_terms {
    ($($(#[$doc:meta])* $name:ident, $test:ident: $type:ty;)+) => {
        /// What is added must hold too.
        impl Filter {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(self, value: impl Into<$type>) -> Self {
                self.and(Term::wanted(Test::$test(vec![value.into()])))
            }
        )+}
    };
}

envelope_terms! {
    /// About that plan.
    plan, Plan: PlanId;
    /// Of the tree of that root plan. A plan of which no root is told is its own.
    root, Root: PlanId;
    /// About that session.
    session, Session: SessionId;
    /// Done by that actor.
    actor, Actor: Text;
    /// About that project.
    project, Project: Text;
    /// On behalf of that user.
    user, User: Text;
    /// Of that correlation.
    correlation, Correlation: CorrelationId;
    /// Caused by the event of that id, at however many removes, or of the plan of that id and its children.
    /// This [needs history](Filter::needs_history).
    under, Under: PlanId;
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        // The rest follows from the terms.
        self.terms == other.terms
    }
}

impl Eq for Filter {}

impl From<EventType> for Filter {
    fn from(event_type: EventType) -> Self {
        Self::all().types([event_type])
    }
}

impl From<Category> for Filter {
    fn from(category: Category) -> Self {
        Self::all().category(category)
    }
}

/// Of one of these kinds; of none without any.
impl FromIterator<EventType> for Filter {
    fn from_iter<I: IntoIterator<Item = EventType>>(types: I) -> Self {
        Self::all().types(types)
    }
}

impl FromStr for Filter {
    type Err = FilterError;
    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self::of)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if number == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.to_string()).finish()
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "the text of a filter", str::parse)
    }
}
