//! Kinds of the embedder's own, and kinds that this build does not know.
//!
//! A program declares its kinds, with [`custom_kinds!`](crate::custom_kinds) for typed details or with
//! [`EventType::declare`] at run time. A name read from outside that nobody declared is never added to the table:
//! its events are [`EventType::Unknown`], and the name stays in the payload.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use super::class::{Category, Severity, Traits};
use super::kind::EventType;

mod payload;

pub use payload::{CustomPayload, CustomPayloadError, into_payload};

/// How many kinds a program may declare.
pub const MAX_DECLARED: usize = 4_096;

/// The longest name of a kind, in bytes.
pub const MAX_KIND_BYTES: usize = 64;

/// Why a text is not the name of a kind. Names are `segment(.segment)+`, segments are `[a-z0-9_]+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KindNameError {
    /// It is longer than [`MAX_KIND_BYTES`].
    #[error("a name of a kind has at most {MAX_KIND_BYTES} bytes, this one {actual}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// A segment is empty, or a character is none of `[a-z0-9_.]`.
    #[error("a name of a kind is segments of a-z, 0-9 and _ joined by dots; the fault is at byte {at}")]
    Grammar {
        /// Where the fault is, in bytes from the start.
        at: usize,
    },
    /// It has no dot.
    #[error("a name of a kind has at least two segments joined by a dot")]
    OneSegment,
}

/// Why a kind could not be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// It is no name of a kind.
    #[error("cannot declare a kind of event")]
    Name(#[source] KindNameError),
    /// The name belongs to the domain.
    #[error("cannot declare \"{name}\": it is a kind of the domain")]
    BuiltIn {
        /// The name.
        name: String,
    },
    /// The table is full.
    #[error("cannot declare \"{name}\": {MAX_DECLARED} kinds are declared already")]
    Full {
        /// The name.
        name: String,
    },
}

/// Checks the name of a kind.
pub(super) const fn check_kind_name(name: &str) -> Result<(), KindNameError> {
    let bytes = name.as_bytes();
    if bytes.len() > MAX_KIND_BYTES {
        return Err(KindNameError::TooLong { actual: bytes.len() });
    }
    let (mut rest, mut at, mut dots, mut segment) = (bytes, 0, 0, 0);
    while let [byte, tail @ ..] = rest {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => segment += 1,
            b'.' if segment > 0 => {
                segment = 0;
                dots += 1;
            }
            _ => return Err(KindNameError::Grammar { at }),
        }
        rest = tail;
        at += 1;
    }
    if segment == 0 {
        return Err(KindNameError::Grammar { at });
    }
    if dots == 0 { Err(KindNameError::OneSegment) } else { Ok(()) }
}

/// Whether a kind of the domain has that name; [`EventType::built_in`] cannot be asked in a `const`.
const fn is_of_the_domain(name: &str) -> bool {
    let mut kinds: &[EventType] = &EventType::ALL;
    while let [kind, rest @ ..] = kinds {
        if is_same(kind.as_str().as_bytes(), name.as_bytes()) {
            return true;
        }
        kinds = rest;
    }
    false
}

const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            ([], []) => return true,
            ([a, one_rest @ ..], [b, other_rest @ ..]) if *a == *b => (one, other) = (one_rest, other_rest),
            _ => return false,
        }
    }
}

/// A kind of the embedder's own: its name and what follows from it.
#[derive(Debug)]
pub struct CustomKind {
    name: &'static str,
    traits: Traits,
}

impl CustomKind {
    /// A kind of category [`Category::Custom`], severity [`Severity::Info`], without flags.
    ///
    /// # Panics
    /// If the name is outside the grammar or belongs to the domain. In a `const` or `static`, where this belongs,
    /// that does not compile.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            check_kind_name(name).is_ok(),
            "the name of a kind is segments of a-z, 0-9 and _ joined by dots, at most 64 bytes"
        );
        assert!(!is_of_the_domain(name), "the name is that of a kind of the domain");
        Self { name, traits: Traits::CUSTOM }
    }

    /// The same kind in another category.
    #[must_use]
    pub const fn category(self, category: Category) -> Self {
        Self { traits: Traits { category, ..self.traits }, ..self }
    }

    /// The same kind with another severity.
    #[must_use]
    pub const fn severity(self, severity: Severity) -> Self {
        Self { traits: Traits { severity, ..self.traits }, ..self }
    }

    /// The same kind in the critical ring.
    #[must_use]
    pub const fn critical(self) -> Self {
        Self { traits: Traits { is_critical: true, ..self.traits }, ..self }
    }

    /// The same kind in the audit class.
    #[must_use]
    pub const fn security(self) -> Self {
        Self { traits: Traits { is_security: true, ..self.traits }, ..self }
    }

    /// Its dotted name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn traits(&self) -> Traits {
        self.traits
    }

    /// Declares it, so that its events are read as what they are. Emitting one does so too. What it says of the
    /// kind counts from then on, also if the name was declared at run time before.
    ///
    /// # Errors
    /// [`DeclareError`] if its name belongs to the domain or the table is full.
    pub fn declare(&'static self) -> Result<EventType, DeclareError> {
        if declared(self.name).is_some_and(|known| !std::ptr::eq(known, self)) {
            // Declared by name alone before: what is said here of the kind counts.
            DECLARED.write().unwrap_or_else(PoisonError::into_inner).insert(self.name, self);
        }
        insert(self.name, || self).map(EventType::Custom)
    }
}

/// The declared kinds by name. Entries are never removed; only the program adds to it.
static DECLARED: LazyLock<RwLock<HashMap<&'static str, &'static CustomKind>>> =
    LazyLock::new(RwLock::default);

pub(super) fn declared(name: &str) -> Option<&'static CustomKind> {
    DECLARED.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
}

pub(super) fn declare(name: &str) -> Result<&'static CustomKind, DeclareError> {
    check_kind_name(name).map_err(DeclareError::Name)?;
    insert(name, || Box::leak(Box::new(CustomKind::new(Box::leak(name.to_owned().into_boxed_str())))))
}

fn insert(
    name: &str,
    kind: impl FnOnce() -> &'static CustomKind,
) -> Result<&'static CustomKind, DeclareError> {
    if let Some(known) = declared(name) {
        return Ok(known);
    }
    if EventType::built_in(name).is_some() {
        return Err(DeclareError::BuiltIn { name: name.to_owned() });
    }
    let mut table = DECLARED.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = table.get(name) {
        return Ok(known);
    }
    if table.len() >= MAX_DECLARED {
        return Err(DeclareError::Full { name: name.to_owned() });
    }
    let kind = kind();
    table.insert(kind.name, kind);
    Ok(kind)
}

/// Declares kinds of the embedder's own for its types of details, which are declared beside it.
///
/// Each line names a type (`Serialize + DeserializeOwned + Debug + Send + Sync + 'static`) and the wire name of
/// its kind: dotted lower-case segments, at most 64 bytes, never changed or reused. What is not plain about a kind
/// follows: its `category`, `severity`, whether it is `critical` or of the `security` class.
///
/// ```
/// use agentbus::{DomainEvent, EventType, Severity, custom_kinds};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct LaneEntered { lane: u32 }
///
/// #[derive(Debug, Serialize, Deserialize)]
/// struct LaneBlocked { lane: u32, by: String }
///
/// custom_kinds! {
///     LaneEntered = "lane.entered",
///     LaneBlocked = "lane.blocked".severity(Severity::Warn).critical(),
/// }
///
/// let event = DomainEvent::new(LaneEntered { lane: 3 });
/// assert_eq!(event.event_type().as_str(), "lane.entered");
/// assert_eq!(event.details::<LaneEntered>().unwrap().lane, 3);
/// ```
#[macro_export]
macro_rules! custom_kinds {
    ($($details:ty = $name:literal $(.$option:ident($($value:expr)?))*),+ $(,)?) => {$(
        impl $crate::event::Details for $details {
            const TYPE: $crate::event::EventType = {
                static KIND: $crate::event::CustomKind =
                    $crate::event::CustomKind::new($name)$(.$option($($value)?))*;
                $crate::event::EventType::Custom(&KIND)
            };

            fn into_payload(self) -> $crate::event::Payload {
                $crate::event::into_custom_payload(self)
            }

            fn of(payload: &$crate::event::Payload) -> ::core::option::Option<&Self> {
                match payload {
                    $crate::event::Payload::Custom(custom) => custom.details(),
                    _ => ::core::option::Option::None,
                }
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for name in ["lane.entered", "a.b", "a_1.b.c.d"] {
            assert_eq!(check_kind_name(name), Ok(()), "{name}");
        }
        assert_eq!(check_kind_name("lane"), Err(KindNameError::OneSegment));
        for (name, at) in [("", 0), (".a", 0), ("a.", 2), ("a..b", 2), ("a.B", 2), ("a b.c", 1), ("ü.a", 0)]
        {
            assert_eq!(check_kind_name(name), Err(KindNameError::Grammar { at }), "{name:?}");
        }
        let long = format!("a.{}", "b".repeat(63));
        assert_eq!(check_kind_name(&long), Err(KindNameError::TooLong { actual: 65 }));
    }

    #[test]
    fn a_kind_is_declared_once_and_not_over_the_domain() {
        let kind = EventType::declare("custom_tests.once").unwrap();
        assert_eq!(EventType::declare("custom_tests.once"), Ok(kind));
        assert_eq!(kind.category(), Category::Custom);
        assert!(matches!(EventType::declare("plan.created"), Err(DeclareError::BuiltIn { .. })));
        assert!(matches!(EventType::declare("Nope"), Err(DeclareError::Name(_))));
    }

    #[test]
    fn a_kind_declared_by_name_takes_over_what_its_declaration_says() {
        static KIND: CustomKind = CustomKind::new("custom_tests.twin").severity(Severity::Warn).critical();
        assert_eq!(EventType::declare("custom_tests.twin").unwrap().severity(), Severity::Info);
        KIND.declare().unwrap();
        let kind: EventType = "custom_tests.twin".parse().unwrap();
        assert_eq!((kind.severity(), kind.is_critical()), (Severity::Warn, true));
    }

    #[test]
    fn reading_a_name_declares_nothing() {
        assert_eq!(EventType::named("custom_tests.invented"), Ok(EventType::Unknown));
        assert!(declared("custom_tests.invented").is_none());
    }
}
