//! One term of a filter: what it asks of an event, and its text.

use std::fmt;

use crate::event::{Category, CorrelationId, DomainEvent, PlanId, SessionId, Severity, Text};

use super::history::History;
use super::types::{Pattern, Reach, TypeSet};

/// A term: a test, or its opposite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) test: Test,
    pub(crate) excluded: bool,
}

/// What is asked; one of the values is enough. The order is that of the canonical text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Test {
    Types(Vec<Pattern>),
    Category(Vec<Category>),
    Level(Vec<Severity>),
    Plan(Vec<PlanId>),
    Root(Vec<PlanId>),
    Session(Vec<SessionId>),
    Actor(Vec<Text>),
    Project(Vec<Text>),
    User(Vec<Text>),
    Correlation(Vec<CorrelationId>),
    Under(Vec<PlanId>),
}

fn sorted<T: Ord>(values: &mut Vec<T>) {
    values.sort_unstable();
    values.dedup();
}

/// The terms in their canonical form and order, without those that say nothing.
pub(super) fn canonical(terms: impl IntoIterator<Item = Term>) -> Vec<Term> {
    let mut terms: Vec<_> = terms.into_iter().filter_map(Term::canonical).collect();
    leave_out_under_roots(&mut terms);
    sorted(&mut terms);
    terms
}

/// `root=X` implies `under=X`, which then says nothing more.
fn leave_out_under_roots(terms: &mut Vec<Term>) {
    let roots = terms.iter().filter_map(|term| match &term.test {
        Test::Root(ids) if !term.excluded => Some(ids.clone()),
        _ => None,
    });
    for roots in roots.collect::<Vec<_>>() {
        terms.retain(|term| match &term.test {
            Test::Under(ids) if !term.excluded => !roots.iter().all(|root| ids.contains(root)),
            _ => true,
        });
    }
}

impl Term {
    pub(super) fn wanted(test: Test) -> Self {
        Self { test, excluded: false }
    }

    pub(super) fn unwanted(test: Test) -> Self {
        Self { test, excluded: true }
    }

    /// The term that nothing meets.
    pub(super) fn never() -> Self {
        Self::unwanted(Test::Types(vec![Pattern::EVERY]))
    }

    /// The same term in its canonical form; `None` if every event meets it.
    fn canonical(mut self) -> Option<Self> {
        match &mut self.test {
            Test::Types(patterns) if patterns.contains(&Pattern::EVERY) => *patterns = vec![Pattern::EVERY],
            Test::Types(patterns) => sorted(patterns),
            Test::Category(values) => sorted(values),
            Test::Level(values) => sorted(values),
            Test::Plan(ids) | Test::Root(ids) | Test::Under(ids) => sorted(ids),
            Test::Session(ids) => sorted(ids),
            Test::Actor(names) | Test::Project(names) | Test::User(names) => sorted(names),
            Test::Correlation(ids) => sorted(ids),
        }
        (self.reach() != Reach::EVERYTHING).then_some(self)
    }

    /// The kinds it may and will hold for.
    pub(super) fn reach(&self) -> Reach {
        let reach = self.test.reach();
        if self.excluded { reach.not() } else { reach }
    }

    pub(super) fn holds(&self, event: &DomainEvent, history: Option<&History>) -> bool {
        self.test.holds(event, history) != self.excluded
    }
}

impl Test {
    fn reach(&self) -> Reach {
        match self {
            Self::Types(patterns) => {
                patterns.iter().fold(Reach::NOTHING, |reach, pattern| reach.or(pattern.reach()))
            }
            Self::Category(values) => {
                let known = TypeSet::where_known(|kind| values.contains(&kind.category()));
                reach_of_traits(known, values.len(), Category::ALL.len())
            }
            Self::Level(values) => {
                let known = TypeSet::where_known(|kind| values.contains(&kind.severity()));
                reach_of_traits(known, values.len(), Severity::ALL.len())
            }
            _ => Reach::OPEN,
        }
    }

    fn holds(&self, event: &DomainEvent, history: Option<&History>) -> bool {
        fn has<T: PartialEq>(values: &[T], actual: Option<&T>) -> bool {
            actual.is_some_and(|actual| values.contains(actual))
        }
        match self {
            Self::Types(patterns) => {
                let (kind, name) = (event.event_type(), event.type_name());
                patterns.iter().any(|pattern| pattern.names(kind, name))
            }
            Self::Category(values) => values.contains(&event.category()),
            Self::Level(values) => values.contains(&event.severity()),
            Self::Plan(ids) => has(ids, event.plan_id()),
            // A plan of which no root is told is its own.
            Self::Root(ids) => has(ids, event.root_plan_id().or(event.plan_id())),
            Self::Session(ids) => has(ids, event.session_id()),
            Self::Actor(names) => has(names, event.actor_name()),
            Self::Project(names) => has(names, event.project_name()),
            Self::User(names) => has(names, event.user_identity()),
            Self::Correlation(ids) => ids.contains(event.correlation_id()),
            Self::Under(ids) => ids.iter().any(|id| {
                history.map_or_else(|| is_plainly_under(id, event), |history| history.is_under(id, event))
            }),
        }
    }
}

/// The reach of a trait that a custom kind may have in any way: sure only if `asked` is all there `are`.
fn reach_of_traits(known: TypeSet, asked: usize, are: usize) -> Reach {
    let may = known.union(TypeSet::CUSTOM);
    Reach { may, sure: if asked == are { may } else { known } }
}

/// What one event tells by itself of lying under `id`: it is about that plan or its tree, or that event is its
/// cause.
pub(super) fn is_plainly_under(id: &PlanId, event: &DomainEvent) -> bool {
    event.root_plan_id() == Some(id)
        || event.plan_id() == Some(id)
        || event.causation_id().is_some_and(|cause| PlanId::from(cause) == *id)
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.excluded {
            f.write_str("-")?;
        }
        match &self.test {
            Test::Types(patterns) => write_list(f, "", patterns.iter().map(Pattern::as_str)),
            Test::Category(values) => write_list(f, "category=", values),
            Test::Level(values) => match values.as_slice() {
                [Severity::Info, Severity::Warn, Severity::Error] => f.write_str("level>=info"),
                [Severity::Warn, Severity::Error] => f.write_str("level>=warn"),
                [Severity::Info, Severity::Warn] => f.write_str("level<=warn"),
                some => write_list(f, "level=", some),
            },
            Test::Plan(ids) => write_list(f, "plan=", ids),
            Test::Root(ids) => write_list(f, "root=", ids),
            Test::Session(ids) => write_list(f, "session=", ids),
            Test::Actor(names) => write_list(f, "actor=", names),
            Test::Project(names) => write_list(f, "project=", names),
            Test::User(names) => write_list(f, "user=", names),
            Test::Correlation(ids) => write_list(f, "correlation=", ids),
            Test::Under(ids) => write_list(f, "under=", ids),
        }
    }
}

fn write_list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    mut before: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for value in values {
        f.write_str(before)?;
        write_value(f, &value.to_string())?;
        before = ",";
    }
    Ok(())
}

/// Writes a value, in quotes where it could be misread without.
fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let plain = |c: char| !c.is_whitespace() && c != ',' && c != '"';
    if !value.is_empty() && value.chars().all(plain) {
        return f.write_str(value);
    }
    write!(f, "\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
