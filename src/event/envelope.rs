//! [`DomainEvent`]: the envelope, and the payload in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::class::{Category, Severity};
use super::custom::{CustomPayload, CustomPayloadError};
use super::id::{CorrelationId, EventId, Origin, PlanId, Seq, SessionId, Turn};
use super::kind::{Details, EventType, Payload};
use super::text::Text;
use super::time::Timestamp;
use super::trace::TraceContext;
use super::{Scope, source, wire};

mod json;
mod weight;

/// What the embedder attached, by key.
type Attributes = BTreeMap<String, Value>;

/// Something that happened: who, when, in what, because of what, and the details of its kind.
///
/// Two are equal if they are told alike, to the letter of what this build does not know (`1.5` is not `1.50` there).
#[derive(Clone, Debug, PartialEq)]
pub struct DomainEvent {
    id: EventId,
    /// The bus that first emitted it and its place there, set together.
    place: Option<(Origin, Seq)>,
    timestamp: Timestamp,
    scope: EnvelopeScope,
    payload: Payload,
    /// Boxed, since most events have none.
    attributes: Option<Box<Attributes>>,
    unknown: Option<Box<wire::Unknown>>,
    replayed: bool,
}

/// The part of the envelope that comes from a [`Scope`].
#[derive(Clone, Debug, PartialEq)]
struct EnvelopeScope {
    correlation_id: CorrelationId,
    causation_id: Option<EventId>,
    plan_id: Option<PlanId>,
    root_plan_id: Option<PlanId>,
    session_id: Option<SessionId>,
    actor_name: Option<Text>,
    project_name: Option<Text>,
    user_identity: Option<Text>,
    trace: Option<TraceContext>,
}

impl DomainEvent {
    /// An event of now, in the current [`Scope`], with these details.
    ///
    /// Without a correlation in the scope it starts one of its own.
    pub fn new(details: impl Details) -> Self {
        Self::of_now(details.into_payload())
    }

    /// An event of now, in `scope`, with these details.
    pub fn new_in(scope: &Scope, details: impl Details) -> Self {
        Self::in_scope(scope, details.into_payload())
    }

    /// An event of a declared kind whose details are known only at run time.
    ///
    /// # Errors
    /// [`CustomPayloadError`] if the kind was not declared or the details have no JSON form.
    pub fn custom(
        event_type: EventType,
        details: &impl serde::Serialize,
    ) -> Result<Self, CustomPayloadError> {
        CustomPayload::new(event_type, details).map(|custom| Self::of_now(Payload::Custom(custom)))
    }

    fn of_now(payload: Payload) -> Self {
        Scope::with_current(|scope, handled| match (handled, scope) {
            (Some(cause), _) => {
                let (timestamp, id) = source::stamp();
                let envelope = EnvelopeScope { causation_id: Some(cause.id), ..cause.scope.clone() };
                Self::build(id, timestamp, envelope, payload)
            }
            (None, Some(scope)) => Self::in_scope(scope, payload),
            (None, None) => Self::in_scope(&Scope::default(), payload),
        })
    }

    fn in_scope(scope: &Scope, payload: Payload) -> Self {
        let (timestamp, id) = source::stamp();
        let envelope = EnvelopeScope {
            correlation_id: scope.correlation_id.clone().unwrap_or_else(|| CorrelationId::from(id)),
            causation_id: scope.causation_id,
            plan_id: scope.plan_id.clone(),
            root_plan_id: scope.root_plan_id.clone(),
            session_id: scope.session_id.clone(),
            actor_name: scope.actor_name.clone(),
            project_name: scope.project_name.clone(),
            user_identity: scope.user_identity.clone(),
            trace: scope.trace,
        };
        Self::build(id, timestamp, envelope, payload)
    }

    fn build(id: EventId, timestamp: Timestamp, scope: EnvelopeScope, payload: Payload) -> Self {
        let (place, attributes, unknown, replayed) = (None, None, None, false);
        Self { id, place, timestamp, scope, payload, attributes, unknown, replayed }
    }

    /// The scope of what this event causes: its own ids, and itself as the cause.
    pub fn scope(&self) -> Scope {
        Scope {
            plan_id: self.scope.plan_id.clone(),
            root_plan_id: self.scope.root_plan_id.clone(),
            session_id: self.scope.session_id.clone(),
            actor_name: self.scope.actor_name.clone(),
            project_name: self.scope.project_name.clone(),
            user_identity: self.scope.user_identity.clone(),
            correlation_id: Some(self.scope.correlation_id.clone()),
            causation_id: Some(self.id),
            trace: self.scope.trace,
        }
    }

    /// Its id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The bus that first emitted it; none before.
    pub fn origin(&self) -> Option<Origin> {
        self.place.map(|(origin, _)| origin)
    }

    /// Its place in the order of that bus; none before it was emitted.
    pub fn seq(&self) -> Option<Seq> {
        self.place.map(|(_, seq)| seq)
    }

    /// Its kind.
    pub fn event_type(&self) -> EventType {
        self.payload.event_type()
    }

    /// The dotted name of its kind; unlike that of [`DomainEvent::event_type`] also the name of an unknown one.
    pub fn type_name(&self) -> &str {
        match &self.payload {
            Payload::Custom(custom) => custom.name(),
            known => known.event_type().as_str(),
        }
    }

    /// The part of the domain it belongs to.
    pub fn category(&self) -> Category {
        self.event_type().category()
    }

    /// How much it asks for attention.
    pub fn severity(&self) -> Severity {
        self.event_type().severity()
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// What names everything that one request set off.
    pub fn correlation_id(&self) -> &CorrelationId {
        &self.scope.correlation_id
    }

    /// The event that caused it.
    pub fn causation_id(&self) -> Option<EventId> {
        self.scope.causation_id
    }

    /// The plan it is about.
    pub fn plan_id(&self) -> Option<&PlanId> {
        self.scope.plan_id.as_ref()
    }

    /// The root of that plan's tree.
    pub fn root_plan_id(&self) -> Option<&PlanId> {
        self.scope.root_plan_id.as_ref()
    }

    /// The session it is about.
    pub fn session_id(&self) -> Option<&SessionId> {
        self.scope.session_id.as_ref()
    }

    /// Who acted.
    pub fn actor_name(&self) -> Option<&Text> {
        self.scope.actor_name.as_ref()
    }

    /// The project it is about.
    pub fn project_name(&self) -> Option<&Text> {
        self.scope.project_name.as_ref()
    }

    /// On whose behalf.
    pub fn user_identity(&self) -> Option<&Text> {
        self.scope.user_identity.as_ref()
    }

    /// Its place in a distributed trace.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.scope.trace.as_ref()
    }

    /// Its details, whatever kind it is of.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Its details, if it is of the kind of `T`.
    pub fn details<T: Details>(&self) -> Option<&T> {
        T::of(&self.payload)
    }

    /// What the embedder attached, by key.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.attributes.iter().flat_map(|bag| bag.iter()).map(|(key, value)| (key.as_str(), value))
    }

    /// What the embedder attached under `key`.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.as_ref()?.get(key)
    }

    /// Whether it is told again from a journal. Recorders ignore such events; handlers may ask.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// Keys of its envelope that this build does not know.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().flat_map(|unknown| unknown.envelope.keys())
    }

    /// The same event, attached with `value` under `key`.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// The same event, marked as told again from a journal.
    #[must_use]
    pub fn with_replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }

    /// Sets its place, unless it has one already: then it came from elsewhere and keeps it.
    pub(crate) fn place_at(&mut self, origin: Origin, turn: Turn) {
        if self.place.is_none() {
            self.place = Some((origin, Seq::of(turn)));
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $with:ident, $field:ident: $type:ty;)+) => {
        impl DomainEvent {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $with(mut self, value: impl Into<$type>) -> Self {
                    self.scope.$field = value.into().into();
                    self
                }
            )+
        }
    };
}

setters! {
    /// The same event with another correlation.
    with_correlation_id, correlation_id: CorrelationId;
    /// The same event with another cause.
    with_causation_id, causation_id: EventId;
    /// The same event about that plan.
    with_plan_id, plan_id: PlanId;
    /// The same event about the tree of that root plan.
    with_root_plan_id, root_plan_id: PlanId;
    /// The same event about that session.
    with_session_id, session_id: SessionId;
    /// The same event, done by that actor.
    with_actor_name, actor_name: Text;
    /// The same event about that project.
    with_project_name, project_name: Text;
    /// The same event on behalf of that user.
    with_user_identity, user_identity: Text;
    /// The same event at that place of a distributed trace.
    with_trace, trace: TraceContext;
}

impl DomainEvent {
    /// The same event with another id.
    #[must_use]
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = id;
        self
    }

    /// The same event at another time.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SessionCreated;

    #[test]
    fn an_event_is_small() {
        assert!(size_of::<DomainEvent>() <= 448, "{}", size_of::<DomainEvent>());
    }

    #[test]
    fn an_event_takes_its_envelope_from_the_scope_and_setters_override() {
        let scope = Scope::new().with_plan_id("p").with_session_id("s").with_correlation_id("c");
        let event = scope.enter(|| DomainEvent::new(SessionCreated::new(false)).with_plan_id("other"));
        assert_eq!(event.plan_id().unwrap(), &"other");
        assert_eq!(event.session_id().unwrap(), &"s");
        assert_eq!(event.correlation_id(), &"c");
    }

    #[test]
    fn without_a_correlation_an_event_starts_one() {
        let event = DomainEvent::new(SessionCreated::new(false));
        assert_eq!(event.correlation_id(), &event.id().to_string().as_str());
    }

    #[test]
    fn what_an_event_causes_points_back_to_it() {
        let cause = DomainEvent::new(SessionCreated::new(false)).with_session_id("s");
        let effect = DomainEvent::new_in(&cause.scope(), SessionCreated::new(false));
        assert_eq!(effect.causation_id(), Some(cause.id()));
        assert_eq!(effect.correlation_id(), cause.correlation_id());
        assert_eq!(effect.session_id(), cause.session_id());
    }
}
