//! Sets of kinds as one word of bits, and the patterns that name kinds in a filter.

use std::fmt;

use compact_str::CompactString;

use crate::event::{EventType, MAX_KIND_BYTES};

use super::error::FilterError;

/// The word by which a filter means kinds that nobody declared.
const UNKNOWN: &str = EventType::Unknown.as_str();

/// A set of kinds, by [`EventType::number`]: the domain's one by one, all custom ones as one, unknown ones as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeSet(u64);

const _: () = assert!(EventType::NUMBERS < 64, "a set of kinds is one word");

impl TypeSet {
    /// No kind.
    pub(crate) const NONE: Self = Self(0);
    /// Every kind.
    pub(crate) const ALL: Self = Self((1 << EventType::NUMBERS) - 1);
    /// The custom kinds: they come behind the domain's.
    pub(super) const CUSTOM: Self = Self(1 << EventType::ALL.len());

    /// The kinds with the number of `event_type`.
    pub(crate) const fn of(event_type: EventType) -> Self {
        Self(1 << event_type.number())
    }

    /// The domain's kinds and the unknown one, as far as `holds` for them.
    pub(super) fn where_known(holds: impl Fn(EventType) -> bool) -> Self {
        EventType::ALL.into_iter().chain([EventType::Unknown]).filter(|kind| holds(*kind)).collect()
    }

    /// Whether kinds with the number of `event_type` are in it.
    #[inline]
    pub(crate) const fn contains(self, event_type: EventType) -> bool {
        self.0 & Self::of(event_type).0 != 0
    }

    /// A bit for each number of a kind.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of it is in `other`.
    pub(crate) const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in either.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is not in it.
    pub(crate) const fn complement(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }
}

impl FromIterator<EventType> for TypeSet {
    fn from_iter<I: IntoIterator<Item = EventType>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, |set, kind| set.union(Self::of(kind)))
    }
}

impl fmt::Debug for TypeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        set.entries(EventType::ALL.into_iter().filter(|kind| self.contains(*kind)));
        if Self::CUSTOM.is_subset(*self) {
            set.entry(&"custom");
        }
        if self.contains(EventType::Unknown) {
            set.entry(&UNKNOWN);
        }
        set.finish()
    }
}

/// Which kinds a part of a filter may hold for, and for which it holds whatever else the event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) may: TypeSet,
    pub(super) sure: TypeSet,
}

impl Reach {
    pub(super) const NOTHING: Self = Self::exactly(TypeSet::NONE);
    pub(super) const EVERYTHING: Self = Self::exactly(TypeSet::ALL);
    /// Of what the kind does not decide: the envelope.
    pub(super) const OPEN: Self = Self { may: TypeSet::ALL, sure: TypeSet::NONE };

    pub(super) const fn exactly(types: TypeSet) -> Self {
        Self { may: types, sure: types }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self { may: self.may.union(other.may), sure: self.sure.union(other.sure) }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self { may: self.may.intersection(other.may), sure: self.sure.intersection(other.sure) }
    }

    pub(super) const fn not(self) -> Self {
        Self { may: self.sure.complement(), sure: self.may.complement() }
    }
}

/// Names kinds: a name, a name with `*` for any run of characters, or `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(CompactString);

impl Pattern {
    /// Every kind.
    pub(super) const EVERY: Self = Self(CompactString::const_new("*"));

    /// Checks `text`, which stands at byte `at` of a filter. Several `*` in a row mean one.
    pub(super) fn new(text: &str, at: usize) -> Result<Self, FilterError> {
        let fault = |offset| FilterError::BadGlob { at: at + offset };
        if let Some((offset, _)) = text.char_indices().find(|(_, c)| !is_glob(*c)) {
            return Err(fault(offset));
        }
        if !text.contains('*') {
            return match EventType::named(text) {
                Err(_) if text != UNKNOWN => Err(FilterError::BadName { at }),
                _ => Ok(Self(text.into())),
            };
        }
        let mut pattern = CompactString::default();
        for c in text.chars().filter(|c| is_glob(*c)) {
            if c != '*' || !pattern.ends_with('*') {
                pattern.push(c);
            }
        }
        // Nothing longer than the longest name could match.
        if pattern.bytes().filter(|byte| *byte != b'*').count() > MAX_KIND_BYTES {
            return Err(fault(0));
        }
        Ok(Self(pattern))
    }

    /// Names the kinds that `event_type` stands for.
    pub(super) fn of(event_type: EventType) -> Self {
        Self(CompactString::const_new(event_type.as_str()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names that kind, whose events bear `name`.
    pub(crate) fn names(&self, event_type: EventType, name: &str) -> bool {
        is_match(&self.0, name) || (event_type == EventType::Unknown && self.0 == UNKNOWN)
    }

    pub(super) fn reach(&self) -> Reach {
        if *self == Self::EVERY {
            return Reach::EVERYTHING;
        }
        if self.0 == UNKNOWN {
            return Reach::exactly(TypeSet::of(EventType::Unknown));
        }
        if let Some(kind) = EventType::built_in(&self.0) {
            return Reach::exactly(TypeSet::of(kind));
        }
        let sure = EventType::ALL.into_iter().filter(|kind| is_match(&self.0, kind.as_str())).collect();
        let others = TypeSet::CUSTOM.union(TypeSet::of(EventType::Unknown));
        Reach { may: others.union(sure), sure }
    }
}

fn is_glob(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '*')
}

/// Whether `name` is what `pattern` describes. Takes each piece between two `*` where it comes first, which loses
/// nothing since a `*` takes any text.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let (middle, last) = tail.rsplit_once('*').unwrap_or(("", tail));
    for piece in middle.split('*') {
        match name.split_once(piece) {
            // An empty piece leaves the name as it is.
            Some((_, rest)) => name = rest,
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_text() {
        for (pattern, name) in [
            ("*", "plan.created"),
            ("plan.*", "plan.created"),
            ("*.created", "plan.created"),
            ("*an*ea*", "plan.created"),
            ("p*d", "plan.created"),
            ("*plan.created*", "plan.created"),
            ("a*.b", "a.b.b"),
        ] {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("plan.*", "planx.created"),
            ("*.created", "plan.created.x"),
            ("plan.created", "plan.created.x"),
            ("ab*ba", "aba.x"),
            ("a.b*b", "a.b"),
            ("*x*", "plan.created"),
        ] {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: TypeSet = [EventType::PlanCreated, EventType::Unknown].into_iter().collect();
        assert!(set.contains(EventType::PlanCreated) && set.contains(EventType::Unknown));
        assert!(!set.contains(EventType::PlanApplied));
        assert!(set.is_subset(TypeSet::ALL) && !TypeSet::ALL.is_subset(set));
        assert_eq!(set.complement().complement(), set);
        assert_eq!(set.union(set.complement()), TypeSet::ALL);
        assert_eq!(set.intersection(set.complement()), TypeSet::NONE);
        assert_eq!(format!("{set:?}"), "{plan.created, \"unknown\"}");
    }

    #[test]
    fn the_custom_kinds_have_the_bit_of_their_number() {
        let custom = EventType::declare("filter_types.bit").unwrap();
        assert_eq!(TypeSet::of(custom), TypeSet::CUSTOM);
    }
}
