//! [`Routes`]: which channels there are, and which of them an event travels on.
//!
//! A subscriber to one plan must not be woken for the other 999. A stream attaches to the most selective channel
//! that covers its filter, shared with everybody who wants the same, and filters the rest on its side. A channel goes
//! with its last reader.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::aftermath::Aftermath;
use super::channel::{Capacity, Channel};
use super::ledger::LedgerRow;
use super::slab::Slot;
use crate::event::{CorrelationId, DomainEvent, Origin, PlanId, SessionId, Turn};
use crate::filter::{Filter, TypeSet};

/// What all events of a route have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteKey {
    Plan(PlanId),
    Session(SessionId),
    Correlation(CorrelationId),
    /// Events of these kinds; all of them too.
    Types(TypeSet),
}

impl RouteKey {
    /// The most selective route that covers the filter.
    pub(super) fn of(filter: &Filter) -> Self {
        if let Some(plan) = filter.only_plan() {
            return Self::Plan(plan.clone());
        }
        if let Some(session) = filter.only_session() {
            return Self::Session(session.clone());
        }
        if let Some(correlation) = filter.only_correlation() {
            return Self::Correlation(correlation.clone());
        }
        Self::Types(filter.type_set())
    }

    /// Whether the filter keeps nothing that travels on this route away.
    fn is_exact_for(&self, filter: &Filter) -> bool {
        match self {
            Self::Types(_) => filter.is_types_only(),
            Self::Plan(id) => *filter == Filter::all().plan(id.clone()),
            Self::Session(id) => *filter == Filter::all().session(id.clone()),
            Self::Correlation(id) => *filter == Filter::all().correlation(id.clone()),
        }
    }
}

/// How much the channels of a bus hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacities {
    /// Of routes by kind.
    pub(super) broad: Capacity,
    /// Of routes by id.
    pub(super) narrow: Capacity,
}

/// What came of sending an event.
#[derive(Debug)]
pub(super) struct Sent {
    /// How many readers its routes have.
    pub(super) readers: usize,
    /// The event, unless a route has it whole.
    pub(super) left: Option<Arc<DomainEvent>>,
}

#[derive(Debug)]
pub(super) struct Routes {
    origin: Origin,
    capacities: Capacities,
    types: Vec<(TypeSet, Arc<Channel>)>,
    plans: HashMap<PlanId, Arc<Channel>>,
    sessions: HashMap<SessionId, Arc<Channel>>,
    correlations: HashMap<CorrelationId, Arc<Channel>>,
}

impl Routes {
    pub(super) fn new(origin: Origin, capacities: Capacities) -> Self {
        let (plans, sessions, correlations) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { origin, capacities, types: Vec::new(), plans, sessions, correlations }
    }

    /// Takes a seat on the route of that filter.
    pub(super) fn join(&mut self, key: &RouteKey, filter: Filter) -> (Arc<Channel>, Slot) {
        let (origin, Capacities { broad, narrow }) = (self.origin, self.capacities);
        let open = |capacity| Arc::new(Channel::new(origin, capacity));
        let channel = match key {
            RouteKey::Plan(id) => self.plans.entry(id.clone()).or_insert_with(|| open(narrow)),
            RouteKey::Session(id) => self.sessions.entry(id.clone()).or_insert_with(|| open(narrow)),
            RouteKey::Correlation(id) => self.correlations.entry(id.clone()).or_insert_with(|| open(narrow)),
            RouteKey::Types(types) => {
                let known = self.types.iter().position(|(known, _)| known == types);
                let place = known.unwrap_or_else(|| {
                    self.types.push((*types, open(broad)));
                    self.types.len() - 1
                });
                self.types.get_mut(place).map(|(_, channel)| channel).expect("found or just put there")
            }
        };
        let channel = Arc::clone(channel);
        let exact = key.is_exact_for(&filter);
        let slot = channel.join(filter, exact);
        (channel, slot)
    }

    /// Takes a channel that nobody reads any more out of the table.
    pub(super) fn remove(&mut self, key: &RouteKey) {
        fn give_back<K: Eq + Hash>(channels: &mut HashMap<K, Arc<Channel>>, key: &K) {
            channels.remove(key);
            if channels.capacity() > 64 && channels.len() < channels.capacity() / 4 {
                channels.shrink_to_fit();
            }
        }
        match key {
            RouteKey::Plan(id) => give_back(&mut self.plans, id),
            RouteKey::Session(id) => give_back(&mut self.sessions, id),
            RouteKey::Correlation(id) => give_back(&mut self.correlations, id),
            RouteKey::Types(types) => self.types.retain(|(known, _)| known != types),
        }
    }

    /// Puts an event on every route it belongs to. The last one gets it whole, unless it `is_needed` behind that.
    #[inline]
    pub(super) fn send(
        &self,
        turn: Turn,
        event: Arc<DomainEvent>,
        is_needed: bool,
        aftermath: &mut Aftermath,
    ) -> Sent {
        let (mut readers, mut last) = (0, None);
        self.each_of(&event, |channel| {
            if let Some(before) = last.replace(channel) {
                readers += before.send(turn, Arc::clone(&event), aftermath);
            }
        });
        let Some(last) = last else {
            return Sent { readers, left: Some(event) };
        };
        let left = is_needed.then(|| Arc::clone(&event));
        readers += last.send(turn, event, aftermath);
        Sent { readers, left }
    }

    /// Names the routes that an event belongs to.
    #[inline]
    fn each_of<'a>(&'a self, event: &DomainEvent, mut name: impl FnMut(&'a Channel)) {
        let event_type = event.event_type();
        for (types, channel) in &self.types {
            if types.contains(event_type) {
                name(channel);
            }
        }
        if let Some(channel) = by_id(&self.plans, event.plan_id()) {
            name(channel);
        }
        if let Some(channel) = by_id(&self.sessions, event.session_id()) {
            name(channel);
        }
        if let Some(channel) = by_id(&self.correlations, Some(event.correlation_id())) {
            name(channel);
        }
    }

    /// Ends every channel after what is on it.
    pub(super) fn close(&self, aftermath: &mut Aftermath) {
        self.channels().for_each(|channel| channel.close(aftermath));
    }

    /// How many streams there are.
    pub(super) fn readers(&self) -> usize {
        self.channels().map(|channel| channel.seats()).sum()
    }

    /// The accounts of all streams, and the filters to name them after.
    pub(super) fn rows(&self) -> Vec<(Arc<Filter>, LedgerRow)> {
        self.channels().flat_map(|channel| channel.rows()).collect()
    }

    fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        let types = self.types.iter().map(|(_, channel)| channel);
        types.chain(self.plans.values()).chain(self.sessions.values()).chain(self.correlations.values())
    }
}

/// The channel of an id; an empty table costs no hash.
#[inline]
fn by_id<'a, K: Eq + Hash>(
    channels: &'a HashMap<K, Arc<Channel>>,
    id: Option<&K>,
) -> Option<&'a Arc<Channel>> {
    if channels.is_empty() {
        return None;
    }
    channels.get(id?)
}
