//! Ids: of events ([`EventId`], [`Origin`]), of places in an order ([`Seq`], [`Turn`]), and of what events tell
//! about ([`PlanId`] and its like).
//!
//! [`EventId`] and [`Origin`] are ULIDs and nothing else. The others keep the canonical text of a ULID as 16
//! bytes, so that it costs no allocation, and any other text byte for byte. `From<&str>` takes what the program
//! says; `FromStr`, reading from outside and writing (what is written is to be read again) refuse what is empty, holds
//! control characters or is longer than [`MAX_NAME_BYTES`](super::text::MAX_NAME_BYTES).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use super::text::{EnvelopeValue, NameError, check_name, read_text, write_name};

/// The length of a ULID's text.
const ULID_LEN: usize = ulid::ULID_LEN;

/// Reads the canonical text of a ULID: 26 upper-case characters of Crockford's alphabet.
fn canonical_ulid(text: &str) -> Option<Ulid> {
    if text.len() != ULID_LEN {
        return None;
    }
    let ulid = Ulid::from_string(text).ok()?;
    let mut canonical = [0; ULID_LEN];
    (ulid.array_to_str(&mut canonical) == text).then_some(ulid)
}

/// Hands the canonical text of `bytes` to `use_text`, without allocating.
fn with_ulid_text<R>(bytes: [u8; 16], use_text: impl FnOnce(&str) -> R) -> R {
    let mut text = [0; ULID_LEN];
    use_text(Ulid::from_bytes(bytes).array_to_str(&mut text))
}

macro_rules! ulid_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id whose 16 bytes these are, most significant first.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its 16 bytes, most significant first: they order as the ids do.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The milliseconds since 1970 that stand in it.
            pub const fn unix_millis(&self) -> u64 {
                (u128::from_be_bytes(self.0) >> 80) as u64
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                with_ulid_text(self.0, |text| f.pad(text))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                canonical_ulid(text).map(|ulid| Self(ulid.to_bytes())).ok_or(NameError::NotUlid)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                with_ulid_text(self.0, |text| serializer.serialize_str(text))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer, "a ULID", str::parse)
            }
        }
        #[cfg(feature = "ulid")]
        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(ulid.to_bytes())
            }
        }
        #[cfg(feature = "ulid")]
        impl From<$name> for Ulid {
            fn from(id: $name) -> Self {
                Self::from_bytes(id.0)
            }
        }
    };
}

ulid_id! {
    /// The id of one event: a ULID, unique and ordered by time.
    EventId
}

impl EnvelopeValue for EventId {}

ulid_id! {
    /// One instance of a bus: a ULID made with it. `(origin, seq)` names an event for ever.
    Origin
}

macro_rules! place {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The place of that number; `None` for 0, since places start at 1.
            pub const fn new(number: u64) -> Option<Self> {
                match NonZeroU64::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// Its number, from 1.
            pub const fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

place! {
    /// The place of an event in the order of the bus that first emitted it; from 1, never used twice.
    Seq
}

place! {
    /// The place of an emission in the order of the bus that makes it; from 1, in memory only.
    ///
    /// It equals the [`Seq`] of the bus's own events. An event that came from elsewhere keeps its seq and gets
    /// a turn of this bus, so that there is one order for everything that the bus delivers.
    Turn
}

impl Seq {
    /// The seq of an event that a bus emits first at that turn.
    pub(crate) const fn of(turn: Turn) -> Self {
        Self(turn.0)
    }
}

/// An id's text: a ULID in its 16 bytes, anything else byte for byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Ulid([u8; 16]),
    Text(CompactString),
}

/// In one piece: each event is looked up by its plan.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Ulid(bytes) => state.write(bytes),
            Self::Text(text) => text.as_str().hash(state),
        }
    }
}

impl Name {
    fn new(text: &str) -> Self {
        match canonical_ulid(text) {
            Some(ulid) => Self::Ulid(ulid.to_bytes()),
            None => Self::Text(CompactString::new(text)),
        }
    }

    fn with_text<R>(&self, use_text: impl FnOnce(&str) -> R) -> R {
        match self {
            Self::Ulid(bytes) => with_ulid_text(*bytes, use_text),
            Self::Text(text) => use_text(text),
        }
    }
}

macro_rules! name_id {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Name);

        impl $name {
            /// A fresh id: a ULID.
            pub fn generate() -> Self {
                Self::from(super::source::stamp().1)
            }
        }

        impl From<EventId> for $name {
            fn from(id: EventId) -> Self {
                Self(Name::Ulid(id.0))
            }
        }
        #[cfg(feature = "ulid")]
        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(Name::Ulid(ulid.to_bytes()))
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Name::new(text))
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Name::new(&text))
            }
        }
        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(Name::new(text))
            }
        }
        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }
        impl From<&$name> for super::text::Text {
            fn from(id: &$name) -> Self {
                id.0.with_text(|text| Self::from(text))
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name(text)?;
                Ok(Self(Name::new(text)))
            }
        }
        impl EnvelopeValue for $name {
            fn check(&self) -> Result<(), NameError> {
                match &self.0 {
                    Name::Ulid(_) => Ok(()),
                    Name::Text(text) => check_name(text),
                }
            }
        }
        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0.with_text(|text| text == other)
            }
        }
        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0.with_text(|text| text == *other)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.with_text(|text| f.pad(text))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.with_text(|text| fmt::Debug::fmt(text, f))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.with_text(|text| write_name(serializer, text))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer, "an id", str::parse)
            }
        }
    )+};
}

name_id! {
    /// Names everything that one request set off.
    CorrelationId;
    /// A plan.
    PlanId;
    /// A session: a conversation.
    SessionId;
    /// A decision.
    DecisionId;
    /// An invariant.
    InvariantId;
    /// One call of a tool.
    CallId;
    /// A sandbox.
    SandboxId;
    /// A checkpoint of a sandbox.
    CheckpointId;
    /// One run of a set of validations.
    RunId;
    /// A message of a session.
    MessageId;
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    #[test]
    fn a_ulid_and_any_other_text_come_back_byte_for_byte() {
        for text in [ULID, &ULID.to_lowercase(), "issue-42", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "é"] {
            assert_eq!(PlanId::from(text), text);
            assert_eq!(PlanId::from(text).to_string(), text);
        }
        assert!(matches!(PlanId::from(ULID).0, Name::Ulid(_)));
    }

    #[test]
    fn an_event_id_is_a_ulid_only() {
        assert_eq!(ULID.parse::<EventId>().unwrap().to_string(), ULID);
        for text in ["issue-42", "", &ULID.to_lowercase(), "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(text.parse::<EventId>(), Err(NameError::NotUlid), "{text:?}");
        }
    }

    #[test]
    fn an_id_from_outside_is_checked() {
        assert_eq!("".parse::<PlanId>(), Err(NameError::Empty));
        assert!(serde_json::from_str::<PlanId>(r#""a\u0000""#).is_err());
        assert!(serde_json::from_str::<PlanId>(&format!("{:?}", "x".repeat(1 << 20))).is_err());
    }

    #[test]
    fn an_optional_id_is_as_small_as_a_string() {
        assert_eq!(size_of::<Option<PlanId>>(), 24);
        assert_eq!(size_of::<Option<Turn>>(), 8);
    }
}
