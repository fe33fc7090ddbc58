//! The JSON form of an event: keys in a fixed order when written, in any order when read.

use std::collections::BTreeMap;
use std::fmt;

use compact_str::CompactString;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{DomainEvent, EnvelopeScope};
use crate::event::custom::CustomPayload;
use crate::event::id::{CorrelationId, EventId, Origin, PlanId, Seq, SessionId};
use crate::event::kind::{EventType, Payload};
use crate::event::text::Text;
use crate::event::text::read_text;
use crate::event::time::Timestamp;
use crate::event::trace::TraceContext;
use crate::event::wire::{Key, Optional, Rest, Unknown, keepable, read_once, without_place};

impl Serialize for DomainEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write_envelope(&mut map)?;
        map.serialize_entry("details", &DetailsOf(self))?;
        map.end()
    }
}

/// An event without its details.
struct EnvelopeOf<'a>(&'a DomainEvent);

impl Serialize for EnvelopeOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write_envelope(&mut map)?;
        map.end()
    }
}

impl EnvelopeScope {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        fn entry<T: Serialize, M: SerializeMap>(
            map: &mut M,
            key: &'static str,
            value: Option<&T>,
        ) -> Result<(), M::Error> {
            value.map_or(Ok(()), |value| map.serialize_entry(key, value))
        }
        map.serialize_entry("correlation_id", &self.correlation_id)?;
        entry(map, "causation_id", self.causation_id.as_ref())?;
        entry(map, "plan_id", self.plan_id.as_ref())?;
        entry(map, "root_plan_id", self.root_plan_id.as_ref())?;
        entry(map, "session_id", self.session_id.as_ref())?;
        entry(map, "actor_name", self.actor_name.as_ref())?;
        entry(map, "project_name", self.project_name.as_ref())?;
        entry(map, "user_identity", self.user_identity.as_ref())?;
        entry(map, "traceparent", self.trace.as_ref())
    }
}

/// The details of an event, with those that this build does not know.
struct DetailsOf<'a>(&'a DomainEvent);

impl Serialize for DetailsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Payload::Custom(custom) = &self.0.payload {
            return custom.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        self.0.payload.write(&mut map)?;
        if let Some(unknown) = &self.0.unknown {
            unknown.details.write(&mut map)?;
        }
        map.end()
    }
}

impl DomainEvent {
    /// The keys of an event's JSON that this build knows, in the order in which they are written.
    pub const KEYS: [&str; 16] = [
        "id",
        "event_type",
        "timestamp",
        "origin",
        "seq",
        "correlation_id",
        "causation_id",
        "plan_id",
        "root_plan_id",
        "session_id",
        "actor_name",
        "project_name",
        "user_identity",
        "traceparent",
        "attributes",
        "details",
    ];

    fn write_envelope<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("event_type", self.type_name())?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        if let Some((origin, seq)) = &self.place {
            map.serialize_entry("origin", origin)?;
            map.serialize_entry("seq", seq)?;
        }
        self.scope.write(map)?;
        if let Some(attributes) = self.attributes.as_ref().filter(|attributes| !attributes.is_empty()) {
            map.serialize_entry("attributes", attributes)?;
        }
        self.unknown.as_ref().map_or(Ok(()), |unknown| unknown.envelope.write(map))
    }

    /// Appends the JSON form, and gives where in `into` its details begin. After an error part of it may stand there.
    ///
    /// # Errors
    /// `serde_json`'s, if custom details have no JSON form.
    pub(crate) fn write_json(&self, into: &mut Vec<u8>) -> Result<usize, serde_json::Error> {
        serde_json::to_writer(&mut *into, &EnvelopeOf(self))?;
        // An envelope has keys: the details follow as one more.
        into.pop();
        into.extend_from_slice(b",\"details\":");
        let details = into.len();
        match &self.payload {
            Payload::Custom(custom) => custom.write_json(into)?,
            _ => serde_json::to_writer(&mut *into, &DetailsOf(self))?,
        }
        into.push(b'}');
        Ok(details)
    }

    /// The details alone, as JSON text.
    ///
    /// # Errors
    /// `serde_json`'s, if custom details have no JSON form.
    pub fn details_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&DetailsOf(self))
    }
}

impl<'de> Deserialize<'de> for DomainEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

/// A kind as it is read: known, declared, or only a name.
struct Kind {
    event_type: EventType,
    name: CompactString,
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, "the name of a kind of event", |name| {
            EventType::named(name).map(|event_type| {
                let name = match event_type {
                    EventType::Unknown => CompactString::new(name),
                    known => CompactString::const_new(known.as_str()),
                };
                Self { event_type, name }
            })
        })
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Kind::deserialize(deserializer).map(|kind| kind.event_type)
    }
}

/// The details: read where they stand if the kind is known by then, else kept until it is.
enum Read {
    Payload(Payload),
    Json(Box<RawValue>),
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = DomainEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: an object with id, event_type, timestamp, correlation_id and details")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DomainEvent, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Key>()? {
            fields.read(key, &mut map)?;
        }
        fields.into_event()
    }
}

/// The keys of an envelope as they come.
#[derive(Default)]
struct Fields {
    id: Option<EventId>,
    origin: Optional<Origin>,
    seq: Optional<Seq>,
    kind: Option<Kind>,
    timestamp: Option<Timestamp>,
    correlation_id: Option<CorrelationId>,
    causation_id: Optional<EventId>,
    plan_id: Optional<PlanId>,
    root_plan_id: Optional<PlanId>,
    session_id: Optional<SessionId>,
    actor_name: Optional<Text>,
    project_name: Optional<Text>,
    user_identity: Optional<Text>,
    trace: Optional<TraceContext>,
    attributes: Optional<BTreeMap<String, Value>>,
    details: Option<Read>,
    unknown: Unknown,
}

impl Fields {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        match key.0.as_str() {
            "id" => read_once(&mut self.id, "id", map),
            "event_type" => read_once(&mut self.kind, "event_type", map),
            "timestamp" => read_once(&mut self.timestamp, "timestamp", map),
            "origin" => self.origin.read("origin", map),
            "seq" => self.seq.read("seq", map),
            "correlation_id" => read_once(&mut self.correlation_id, "correlation_id", map),
            "causation_id" => self.causation_id.read("causation_id", map),
            "plan_id" => self.plan_id.read("plan_id", map),
            "root_plan_id" => self.root_plan_id.read("root_plan_id", map),
            "session_id" => self.session_id.read("session_id", map),
            "actor_name" => self.actor_name.read("actor_name", map),
            "project_name" => self.project_name.read("project_name", map),
            "user_identity" => self.user_identity.read("user_identity", map),
            "traceparent" => self.trace.read("traceparent", map),
            "attributes" => self.attributes.read("attributes", map),
            "details" => self.read_details(map),
            _ => self.unknown.envelope.keep(key, map),
        }
    }

    fn read_details<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        if self.details.is_some() {
            return Err(de::Error::duplicate_field("details"));
        }
        let read = match &self.kind {
            Some(kind) if is_built_in(kind.event_type) => {
                let seed = DetailsSeed { event_type: kind.event_type, rest: &mut self.unknown.details };
                Read::Payload(map.next_value_seed(seed).map_err(in_details)?)
            }
            _ => Read::Json(map.next_value()?),
        };
        self.details = Some(read);
        Ok(())
    }

    fn into_event<E: de::Error>(mut self) -> Result<DomainEvent, E> {
        let kind = self.kind.ok_or_else(|| E::missing_field("event_type"))?;
        let place = match (self.origin.into_option(), self.seq.into_option()) {
            (Some(origin), Some(seq)) => Some((origin, seq)),
            (None, None) => None,
            _ => return Err(E::custom("`origin` and `seq` stand together or not at all")),
        };
        let payload = match self.details.ok_or_else(|| E::missing_field("details"))? {
            Read::Payload(payload) => payload,
            Read::Json(json) if is_built_in(kind.event_type) => {
                let seed = DetailsSeed { event_type: kind.event_type, rest: &mut self.unknown.details };
                let read = seed.deserialize(&mut serde_json::Deserializer::from_str(json.get()));
                read.map_err(|error| in_details(without_place(&error)))?
            }
            Read::Json(json) => {
                let json = keepable(json).map_err(|error| in_details(without_place(&error)))?;
                Payload::Custom(CustomPayload::read(kind.event_type, kind.name, json))
            }
        };
        self.unknown.envelope.check_unique()?;
        self.unknown.details.check_unique().map_err(in_details::<E, E>)?;
        Ok(DomainEvent {
            id: self.id.ok_or_else(|| E::missing_field("id"))?,
            place,
            timestamp: self.timestamp.ok_or_else(|| E::missing_field("timestamp"))?,
            scope: EnvelopeScope {
                correlation_id: self.correlation_id.ok_or_else(|| E::missing_field("correlation_id"))?,
                causation_id: self.causation_id.into_option(),
                plan_id: self.plan_id.into_option(),
                root_plan_id: self.root_plan_id.into_option(),
                session_id: self.session_id.into_option(),
                actor_name: self.actor_name.into_option(),
                project_name: self.project_name.into_option(),
                user_identity: self.user_identity.into_option(),
                trace: self.trace.into_option(),
            },
            payload,
            attributes: self.attributes.into_option().filter(|bag| !bag.is_empty()).map(Box::new),
            unknown: (!self.unknown.is_empty()).then(|| Box::new(self.unknown)),
            replayed: false,
        })
    }
}

fn is_built_in(event_type: EventType) -> bool {
    !matches!(event_type, EventType::Custom(_) | EventType::Unknown)
}

fn in_details<E: de::Error, C: fmt::Display>(cause: C) -> E {
    E::custom(format_args!("`details`: {cause}"))
}

struct DetailsSeed<'a> {
    event_type: EventType,
    rest: &'a mut Rest,
}

impl<'de> DeserializeSeed<'de> for DetailsSeed<'_> {
    type Value = Payload;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DetailsSeed<'_> {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the details of {}: an object", self.event_type)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Payload, A::Error> {
        Payload::read(self.event_type, map, self.rest)
    }
}

#[cfg(test)]
mod tests;
