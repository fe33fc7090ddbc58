//! How details are written and read: the macros that make payload structs and their enums, and the keys that
//! this build does not know, which are kept and written back.

use std::fmt;

use compact_str::CompactString;
use serde::de::{self, Deserialize, Deserializer, MapAccess};
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

/// Writes and reads the details of one kind, key by key.
pub(super) trait Wire: Sized {
    /// Writes each detail as an entry of `map`.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the details from `map`; keys it does not know go to `rest`.
    fn read<'de, A: MapAccess<'de>>(map: A, rest: &mut Rest) -> Result<Self, A::Error>;
}

/// So many keys are compared each with all before it.
const FEW_KEYS: usize = 16;

/// Keys that this build does not know, with their values as they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Vec<(CompactString, Box<RawValue>)>);

impl Rest {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn weight(&self) -> usize {
        self.0.iter().map(|(key, value)| size_of_val(key) + key.len() + value.get().len()).sum()
    }

    /// Keeps the value of `key` that `map` is about to give.
    pub(super) fn keep<'de, A: MapAccess<'de>>(&mut self, key: Key, map: &mut A) -> Result<(), A::Error> {
        if self.0.len() < FEW_KEYS && self.keys().any(|kept| kept == key.0) {
            return Err(de::Error::custom(format_args!("duplicate field `{}`", key.0)));
        }
        let value = read_raw(map)?;
        self.0.push((key.0, value));
        Ok(())
    }

    /// Refuses a key that was read twice. Of many this is asked once, at the end: for each it would cost the square.
    pub(super) fn check_unique<E: de::Error>(&self) -> Result<(), E> {
        if self.0.len() <= FEW_KEYS {
            return Ok(());
        }
        let mut keys: Vec<_> = self.keys().collect();
        keys.sort_unstable();
        match keys.iter().zip(keys.iter().skip(1)).find(|(key, next)| key == next) {
            Some((key, _)) => Err(E::custom(format_args!("duplicate field `{key}`"))),
            None => Ok(()),
        }
    }

    pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key.as_str(), value))
    }

    /// The keys, in the order in which they were read.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|((key, value), (other_key, other_value))| {
                key == other_key && value.get() == other_value.get()
            })
    }
}

/// What this build does not know of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Unknown {
    pub(super) envelope: Rest,
    pub(super) details: Rest,
}

impl Unknown {
    pub(super) fn is_empty(&self) -> bool {
        self.envelope.is_empty() && self.details.is_empty()
    }

    /// The memory it holds, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.envelope.weight() + self.details.weight()
    }
}

/// Reads a value as it is written, and refuses one that could not be read again: nested too deep, or a number
/// that no one can hold.
fn read_raw<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Box<RawValue>, A::Error> {
    keepable(map.next_value()?).map_err(|error| de::Error::custom(without_place(&error)))
}

/// What is wrong in a value that was read apart, without the place: that counts from the start of the value, and would
/// be taken for a place in what holds it.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or_else(|| text.clone(), str::to_owned)
}

/// The value as it may be kept: on one line, since an event is a line wherever it is written.
pub(super) fn keepable(raw: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_str::<serde_json::Value>(raw.get())?;
    if !raw.get().contains(['\n', '\r']) {
        return Ok(raw);
    }
    // In a text a line break stands escaped, so these lie between tokens.
    RawValue::from_string(raw.get().replace(['\n', '\r'], " "))
}

/// A key of an object; short ones cost no allocation.
pub(super) struct Key(pub(super) CompactString);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::read_text(deserializer, "a key", |text| {
            Ok::<_, fmt::Error>(Self(CompactString::new(text)))
        })
    }
}

/// Reads the value of `key` into `slot`, once.
pub(super) fn read_once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    key: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(de::Error::duplicate_field(key));
    }
    let value = map.next_value().map_err(|error| de::Error::custom(format_args!("`{key}`: {error}")))?;
    *slot = Some(value);
    Ok(())
}

/// The value of a key that may be missing or `null`, as it comes.
pub(super) struct Optional<T> {
    is_read: bool,
    value: Option<T>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { is_read: false, value: None }
    }
}

impl<T> Optional<T> {
    /// Reads the value of `key`, once.
    pub(super) fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error>
    where
        T: Deserialize<'de>,
    {
        let mut read = self.is_read.then_some(None);
        read_once(&mut read, key, map)?;
        *self = Self { is_read: true, value: read.flatten() };
        Ok(())
    }

    pub(super) fn into_option(self) -> Option<T> {
        self.value
    }
}

/// An enum of words: `as_str`, `Display`, `FromStr` and serde from one list.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that stands for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::event::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::event::UnknownWord { expected: &[$($word),+] }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::event::text::read_text(deserializer, "a word", str::parse)
            }
        }
    };
}
pub(crate) use wire_enum;

/// A word that is not one of those expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// The words that are.
    pub expected: &'static [&'static str],
}

/// The type of a parameter of `new`: numbers as they are, the rest as whatever can become it.
macro_rules! given {
    (u64) => { u64 };
    (u32) => { u32 };
    (bool) => { bool };
    ($type:ident $(<$of:ident>)?) => { impl Into<$type $(<$of>)?> };
}
pub(super) use given;

/// Payload structs: public fields, `new` with the required ones, and their way over the wire.
macro_rules! details {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $type:ident $(<$of:ident>)?,)*
        $(@optional $($(#[$odoc:meta])* $ofield:ident: $otype:ident,)+)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$doc])* pub $field: $type $(<$of>)?,)*
            $($($(#[$odoc])* pub $ofield: Option<$otype>,)+)?
        }

        impl $name {
            /// Makes the details from the required ones; the others are unset.
            #[allow(
                clippy::too_many_arguments,
                clippy::useless_conversion,
                clippy::new_without_default,
                reason = "the parameters are the required details of services.md, in its order"
            )]
            pub fn new($($field: $crate::event::wire::given!($type $(<$of>)?)),*) -> Self {
                Self {
                    $($field: $field.into(),)*
                    $($($ofield: None,)+)?
                }
            }
        }

        impl $crate::event::wire::Wire for $name {
            fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(map.serialize_entry(stringify!($field), &self.$field)?;)*
                $($(if let Some($ofield) = &self.$ofield {
                    map.serialize_entry(stringify!($ofield), $ofield)?;
                })+)?
                Ok(())
            }

            fn read<'de, A: serde::de::MapAccess<'de>>(
                mut map: A,
                rest: &mut $crate::event::wire::Rest,
            ) -> Result<Self, A::Error> {
                use $crate::event::wire;
                $(let mut $field: Option<$type $(<$of>)?> = None;)*
                $($(let mut $ofield = wire::Optional::<$otype>::default();)+)?
                while let Some(key) = map.next_key::<wire::Key>()? {
                    match key.0.as_str() {
                        $(stringify!($field) => wire::read_once(&mut $field, stringify!($field), &mut map)?,)*
                        $($(stringify!($ofield) => $ofield.read(stringify!($ofield), &mut map)?,)+)?
                        _ => rest.keep(key, &mut map)?,
                    }
                }
                Ok(Self {
                    $($field: $field.ok_or_else(|| serde::de::Error::missing_field(stringify!($field)))?,)*
                    $($($ofield: $ofield.into_option(),)+)?
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $crate::event::wire::Wire::write(self, &mut map)?;
                serde::ser::SerializeMap::end(map)
            }
        }
    )+};
}
pub(super) use details;
