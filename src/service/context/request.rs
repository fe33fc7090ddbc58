//! What is asked for: [`ContextRequest`], [`Query`].

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::ContextError;
use crate::event::text::check_name;
use crate::event::{PlanId, Scope, SessionId, Text, Timestamp};

/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 16 << 10;

/// How many fragments a query gives, unless another number is chosen.
pub const DEFAULT_QUERY_RESULTS: NonZeroUsize = NonZeroUsize::new(20).expect("twenty is not zero");

/// What a context is built for.
///
/// It holds the time at which it is asked, so that the same request gives the same context whenever it is built.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextRequest {
    query: String,
    budget: u64,
    plan_id: Option<PlanId>,
    session_id: Option<SessionId>,
    now: Timestamp,
    limits: BTreeMap<Text, SourceLimit>,
}

impl ContextRequest {
    /// Asks for what is about `query`, in at most `budget` tokens; as of now.
    pub fn new(query: impl Into<String>, budget: u64) -> Self {
        Self {
            query: query.into(),
            budget,
            plan_id: None,
            session_id: None,
            now: Timestamp::now(),
            limits: BTreeMap::new(),
        }
    }

    /// The same request, for that plan.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<PlanId>) -> Self {
        self.plan_id = Some(plan.into());
        self
    }

    /// The same request, for that session.
    #[must_use]
    pub fn with_session(mut self, session: impl Into<SessionId>) -> Self {
        self.session_id = Some(session.into());
        self
    }

    /// The same request, as of that time: it decides how old fragments are.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// The same request, with so much of that source and no more.
    #[must_use]
    pub fn with_limit(mut self, source: impl Into<Text>, limit: SourceLimit) -> Self {
        self.limits.insert(source.into(), limit);
        self
    }

    /// What is asked for.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// How many tokens the context may have.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// For which plan.
    pub fn plan_id(&self) -> Option<&PlanId> {
        self.plan_id.as_ref()
    }

    /// For which session.
    pub fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
    }

    /// As of when.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How much of a source is wanted at most.
    pub fn limit_of(&self, source: &str) -> SourceLimit {
        self.limits.get(source).copied().unwrap_or_default()
    }

    /// The sources that have limits.
    pub(super) fn limited(&self) -> impl Iterator<Item = &Text> {
        self.limits.keys()
    }

    /// Refuses what nothing can be found for, and ids that no event could hold.
    pub(super) fn validate(&self) -> Result<(), ContextError> {
        check_query(&self.query)?;
        check_id("plan id", self.plan_id.as_ref())?;
        check_id("session id", self.session_id.as_ref())
    }

    /// The scope in which sources are asked and the context is told: that of what runs now, and its own ids.
    pub(super) fn scope(&self) -> Scope {
        let mut scope = Scope::current();
        if let Some(plan) = &self.plan_id {
            scope = scope.within_plan(plan);
        }
        if let Some(session) = &self.session_id {
            scope = scope.with_session_id(session);
        }
        scope
    }
}

/// How much of a source is wanted at most; everything, unless it says something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceLimit {
    fragments: Option<usize>,
    tokens: Option<u64>,
}

impl SourceLimit {
    /// All that the source has.
    pub fn none() -> Self {
        Self::default()
    }

    /// The same limit, and at most so many fragments: those that score highest.
    #[must_use]
    pub fn with_fragments(mut self, fragments: usize) -> Self {
        self.fragments = Some(fragments);
        self
    }

    /// The same limit, and at most so many tokens.
    #[must_use]
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// How many fragments at most.
    pub fn fragments(self) -> Option<usize> {
        self.fragments
    }

    /// How many tokens at most.
    pub fn tokens(self) -> Option<u64> {
        self.tokens
    }
}

/// A search for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    source: Option<Text>,
    at_most: NonZeroUsize,
}

impl Query {
    /// Searches the first source that can be searched, for [`DEFAULT_QUERY_RESULTS`] fragments about `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None, at_most: DEFAULT_QUERY_RESULTS }
    }

    /// The same query, of that source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Text>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same query, for at most so many fragments.
    #[must_use]
    pub fn with_at_most(mut self, at_most: NonZeroUsize) -> Self {
        self.at_most = at_most;
        self
    }

    /// What is searched for.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In which source; none for the first.
    pub fn source(&self) -> Option<&Text> {
        self.source.as_ref()
    }

    /// How many fragments at most.
    pub fn at_most(&self) -> NonZeroUsize {
        self.at_most
    }

    pub(super) fn validate(&self) -> Result<(), ContextError> {
        check_query(&self.text)
    }
}

fn check_query(query: &str) -> Result<(), ContextError> {
    if query.trim().is_empty() {
        return Err(ContextError::EmptyQuery);
    }
    if query.len() > MAX_QUERY_BYTES {
        return Err(ContextError::QueryTooLong { actual: query.len() });
    }
    Ok(())
}

fn check_id(what: &'static str, id: Option<&impl ToString>) -> Result<(), ContextError> {
    id.map_or(Ok(()), |id| {
        check_name(&id.to_string()).map_err(|source| ContextError::Invalid { what, source })
    })
}
