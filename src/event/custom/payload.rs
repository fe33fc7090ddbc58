//! [`CustomPayload`]: details that are not of the domain's thirty-eight.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer, ser};
use serde_json::value::{RawValue, to_raw_value};

use crate::event::kind::{Details, EventType, Payload};

/// Details of a custom or unknown kind: typed as they were emitted, or the JSON that was read.
#[derive(Clone)]
pub struct CustomPayload {
    event_type: EventType,
    name: CompactString,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Typed(Arc<dyn AnyDetails>),
    /// As read, and what it was decoded to when somebody asked for it by type.
    Read {
        json: Box<RawValue>,
        typed: OnceLock<Arc<dyn AnyDetails>>,
    },
}

/// Details of any type, as a payload holds them.
trait AnyDetails: Any + fmt::Debug + Send + Sync {
    fn to_json(&self) -> Result<Box<RawValue>, serde_json::Error>;

    fn write_json(&self, into: &mut Vec<u8>) -> Result<(), serde_json::Error>;
}

impl<T: Serialize + fmt::Debug + Send + Sync + 'static> AnyDetails for T {
    fn to_json(&self) -> Result<Box<RawValue>, serde_json::Error> {
        to_raw_value(self)
    }

    fn write_json(&self, into: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(into, self)
    }
}

/// Why details could not be made into a custom payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustomPayloadError {
    /// The kind belongs to the domain or is unknown.
    #[error("cannot make a custom event of kind \"{event_type}\": it was not declared as one")]
    NotCustom {
        /// The kind.
        event_type: EventType,
    },
    /// The details have no JSON form.
    #[error("cannot write the details of \"{event_type}\" as JSON")]
    Details {
        /// The kind.
        event_type: EventType,
        /// What `serde_json` says.
        source: serde_json::Error,
    },
}

impl CustomPayload {
    /// A payload of a declared kind with the JSON form of `details`.
    ///
    /// # Errors
    /// [`CustomPayloadError`] if `event_type` is not [`EventType::Custom`] or `details` has no JSON form.
    pub fn new(event_type: EventType, details: &impl Serialize) -> Result<Self, CustomPayloadError> {
        let EventType::Custom(kind) = event_type else {
            return Err(CustomPayloadError::NotCustom { event_type });
        };
        let json =
            to_raw_value(details).map_err(|source| CustomPayloadError::Details { event_type, source })?;
        Ok(Self::read(event_type, CompactString::const_new(kind.name()), json))
    }

    pub(in crate::event) fn read(event_type: EventType, name: CompactString, json: Box<RawValue>) -> Self {
        Self { event_type, name, body: Body::Read { json, typed: OnceLock::new() } }
    }

    #[doc(hidden)]
    pub fn typed<T: Details + Serialize>(details: T) -> Self {
        let EventType::Custom(kind) = T::TYPE else {
            unreachable!("`custom_kinds!` gives details a custom kind");
        };
        // A full table only means that such events are read back as unknown, with their name.
        drop(kind.declare());
        let name = CompactString::const_new(kind.name());
        Self { event_type: T::TYPE, name, body: Body::Typed(Arc::new(details)) }
    }

    #[doc(hidden)]
    pub fn details<T: Details + Serialize + DeserializeOwned>(&self) -> Option<&T> {
        if self.name != T::TYPE.as_str() {
            return None;
        }
        let details: &dyn Any = match &self.body {
            Body::Typed(details) => &**details,
            Body::Read { json, typed } => {
                if typed.get().is_none() {
                    let decoded: T = serde_json::from_str(json.get()).ok()?;
                    typed.get_or_init(|| Arc::new(decoded));
                }
                &**typed.get()?
            }
        };
        details.downcast_ref()
    }

    /// The kind: custom, or unknown.
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// The name of the kind, also where the kind is unknown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The details as JSON text.
    ///
    /// # Errors
    /// `serde_json`'s, if typed details have no JSON form.
    pub fn to_json(&self) -> Result<Box<RawValue>, serde_json::Error> {
        match &self.body {
            Body::Typed(details) => details.to_json(),
            Body::Read { json, .. } => Ok(json.clone()),
        }
    }

    /// Appends the details as JSON text. After an error part of it may stand there.
    pub(in crate::event) fn write_json(&self, into: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        match &self.body {
            Body::Typed(details) => details.write_json(into),
            Body::Read { json, .. } => {
                into.extend_from_slice(json.get().as_bytes());
                Ok(())
            }
        }
    }

    /// An estimate of the memory it holds, in bytes; of typed details the part that is not behind pointers.
    pub(in crate::event) fn weight(&self) -> usize {
        match &self.body {
            Body::Typed(details) => size_of_val(&**details),
            Body::Read { json, .. } => json.get().len(),
        }
    }
}

/// The details alone.
impl Serialize for CustomPayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.body {
            Body::Typed(details) => details.to_json().map_err(ser::Error::custom)?.serialize(serializer),
            Body::Read { json, .. } => json.serialize(serializer),
        }
    }
}

impl fmt::Debug for CustomPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("CustomPayload");
        tuple.field(&self.name());
        match &self.body {
            Body::Typed(details) => tuple.field(details),
            Body::Read { json, .. } => tuple.field(&json.get()),
        };
        tuple.finish()
    }
}

impl PartialEq for CustomPayload {
    fn eq(&self, other: &Self) -> bool {
        let json = |payload: &Self| payload.to_json().ok().map(|json| json.get().to_owned());
        self.name == other.name && json(self) == json(other)
    }
}

#[doc(hidden)]
pub fn into_payload<T: Details + Serialize>(details: T) -> Payload {
    Payload::Custom(CustomPayload::typed(details))
}
