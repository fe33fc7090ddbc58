//! Verifying a journal by its heads, with the public key alone.

use std::time::Duration;

use super::head::{Head, HeadFault, HeadName};
use super::heads::{self, HeadError};
use super::key::PublicKey;
use crate::event::Timestamp;
use crate::journal::layout::{HEADS, MANIFEST};
use crate::journal::manifest::Manifest;
use crate::journal::{JournalReader, Position, ReadError};

mod covering;
mod found;
mod kind;

use covering::{Covered, Covering};
pub use found::{Change, ChangeKind, Found, MAX_CHANGES, Retired};

/// What is expected of a journal besides that it is as it was.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    at_least: Option<AtLeast>,
    max_age: Option<Duration>,
    now: Option<Timestamp>,
}

/// A head that was kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtLeast {
    /// All of it.
    Head(Box<Head>),
    /// Its number and hash.
    Name(HeadName),
}

impl AtLeast {
    /// By what it is known.
    pub fn name(&self) -> HeadName {
        match self {
            Self::Head(head) => head.name(),
            Self::Name(name) => *name,
        }
    }
}

impl From<Head> for AtLeast {
    fn from(head: Head) -> Self {
        Self::Head(Box::new(head))
    }
}

impl From<HeadName> for AtLeast {
    fn from(name: HeadName) -> Self {
        Self::Name(name)
    }
}

impl Expected {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// That a head is there which was kept elsewhere: else the journal was cut behind an older one.
    #[must_use]
    pub fn at_least(mut self, head: impl Into<AtLeast>) -> Self {
        self.at_least = Some(head.into());
        self
    }

    /// That the newest head is no older.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The time by which the age of the newest head is told; else that of the system.
    #[must_use]
    pub fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

/// Verifies that a journal is as it was up to its newest head, with the public key of who signs its heads.
///
/// Each line is checked by the chain, the lines of each head by its Merkle root, the heads by their signatures and the
/// head before. Works over what retention left; a writer and a signer may go on meanwhile.
///
/// # Errors
/// What keeps a file from being read. A head that was kept elsewhere, signed with another key, is
/// [`HeadError::Fault`].
pub fn verify(
    journal: &impl AsRef<JournalReader>,
    key: &PublicKey,
    expected: &Expected,
) -> Result<Found, VerifyError> {
    let journal = journal.as_ref();
    if let Some(AtLeast::Head(head)) = &expected.at_least {
        head.check(key).map_err(VerifyError::Kept)?;
    }
    let mut heads = Heads::read(journal, key, expected.at_least.as_ref())?;
    let oldest = journal.segments()?.first().copied();
    let covering = Covering::new(std::mem::take(&mut heads.covered), oldest);
    let (verified, mut covering) = journal.verify_with(covering)?;
    covering.finish();
    let age =
        heads.newest.as_ref().map(|head| expected.now.unwrap_or_else(Timestamp::now).since(head.time()));
    let mut found = Found {
        journal: verified,
        heads: heads.believed,
        newest: heads.newest,
        age,
        is_late: age.zip(expected.max_age).is_some_and(|(age, most)| age > most),
        covered: covering.covered,
        uncovered: covering.uncovered,
        retired: covering.retired,
        changes: Vec::new(),
        more_changes: heads.more_changes,
    };
    let damage = found.journal.first_damage.as_ref().map(|damage| kind::of(journal, damage));
    let mut changes: Vec<_> = damage.into_iter().chain(covering.changes).chain(heads.changes).collect();
    if changes.is_empty() && found.newest.is_some() {
        changes.extend(kind::no_segment(journal)?);
    }
    changes.sort_by_key(|change| change.positions.as_ref().map(|positions| *positions.start()));
    for change in changes {
        found.push(change);
    }
    Ok(found)
}

/// Why a journal could not be verified by its heads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The heads could not be read.
    #[error(transparent)]
    Heads(#[from] HeadError),
    /// The head that was kept elsewhere is not to be believed.
    #[error("cannot believe the head that was kept elsewhere")]
    Kept(#[source] HeadFault),
}

/// The heads of a journal, read and checked.
struct Heads {
    covered: Vec<Covered>,
    believed: u64,
    newest: Option<Head>,
    changes: Vec<Change>,
    more_changes: u64,
    /// Changes of heads whose positions end with the next head that is believed.
    unbounded: Vec<usize>,
}

impl Heads {
    fn read(
        journal: &JournalReader,
        key: &PublicKey,
        at_least: Option<&AtLeast>,
    ) -> Result<Self, VerifyError> {
        let storage = &**journal.storage();
        let numbers = heads::list(storage)?;
        let mut heads = Self {
            covered: Vec::new(),
            believed: 0,
            newest: None,
            changes: Vec::new(),
            more_changes: 0,
            unbounded: Vec::new(),
        };
        let mut kept = at_least.map(AtLeast::name);
        let mut last = 0;
        for number in numbers {
            heads.missing(last, number);
            last = number;
            let head = match heads::read(storage, number) {
                Ok(Some(head)) => head.check(key).map(|()| head),
                Ok(None) => continue,
                Err(HeadError::Fault { source, .. }) => Err(source),
                Err(error) => return Err(error.into()),
            };
            match head {
                Ok(head) => {
                    if let Some(name) = kept.take_if(|name| name.number == number)
                        && name.hash != head.hash()
                    {
                        heads.tell(ChangeKind::HeadReplaced, number);
                    }
                    heads.believe(head);
                }
                Err(fault) => heads.tell(kind_of(fault), number),
            }
        }
        if let Some(name) = kept {
            heads.cut(name, at_least);
        }
        heads.compare_with_manifest(journal)?;
        Ok(heads)
    }

    /// The head that was kept elsewhere is not believed here, or not there.
    fn cut(&mut self, name: HeadName, at_least: Option<&AtLeast>) {
        let behind = self.newest.as_ref().map_or(0, |head| head.said().position);
        let mut change = Change::of(ChangeKind::Cut).by(name.number);
        if let Some(AtLeast::Head(head)) = at_least
            && let (Some(first), Some(last)) = (Position::new(behind + 1), head.position())
            && first <= last
        {
            change = change.at(first, last);
        }
        self.push(change);
    }

    fn compare_with_manifest(&mut self, journal: &JournalReader) -> Result<(), VerifyError> {
        let Some(newest) = &self.newest else {
            if self.changes.is_empty() {
                self.push(Change::of(ChangeKind::NoHead).in_file(HEADS, 0));
            }
            return Ok(());
        };
        let manifest = Manifest::read(&**journal.storage()).map_err(ReadError::from)?;
        if manifest.is_none_or(|manifest| manifest.id != newest.journal()) {
            self.push(Change::of(ChangeKind::ManifestChanged).in_file(MANIFEST, 0));
        }
        Ok(())
    }

    /// Heads between these numbers are missing.
    fn missing(&mut self, last: u64, number: u64) {
        if last + 1 < number {
            let mut change = Change::of(ChangeKind::HeadMissing);
            change.heads = Some(last + 1..=number - 1);
            self.push_unbounded(change);
        }
    }

    fn tell(&mut self, kind: ChangeKind, number: u64) {
        self.push_unbounded(Change::of(kind).by(number).in_file(heads::file(number), 0));
    }

    fn push_unbounded(&mut self, change: Change) {
        self.unbounded.push(self.changes.len());
        self.push(change);
    }

    fn push(&mut self, change: Change) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(change);
        } else {
            self.more_changes += 1;
        }
    }

    /// Takes a head whose signature fits.
    fn believe(&mut self, head: Head) {
        self.believed += 1;
        let behind = self.newest.as_ref().map_or(0, |before| before.said().position);
        let positions = Position::new(behind + 1).zip(head.position());
        for place in self.unbounded.drain(..) {
            if let (Some(change), Some((first, last))) = (self.changes.get_mut(place), positions) {
                // Of what stands in the head's file no place is of interest.
                change.positions = (first <= last).then_some(first..=last);
            }
        }
        let before = self.newest.as_ref();
        let goes_on = before.is_none_or(|before| goes_on_from(before, &head));
        let is_of_it = before.is_none_or(|before| before.journal() == head.journal());
        self.covered.push(Covered::by(&head, before));
        let number = head.number();
        self.newest = Some(head);
        if !is_of_it {
            self.tell(ChangeKind::HeadOtherJournal, number);
        } else if !goes_on {
            self.tell(ChangeKind::HeadUnlinked, number);
        }
    }
}

/// Whether a head may stand behind another one, whether next to it or with some missing in between.
fn goes_on_from(before: &Head, head: &Head) -> bool {
    let (one, next) = (before.said(), head.said());
    if one.number + 1 < next.number {
        return next.position >= one.position;
    }
    let is_beside = next.from.get() == one.position + 1 && next.before == one.chain;
    next.previous == before.hash() && (is_beside || next.from.get() > one.position + 1)
}

fn kind_of(fault: HeadFault) -> ChangeKind {
    match fault {
        HeadFault::NotAHead | HeadFault::Format { .. } => ChangeKind::HeadChanged,
        HeadFault::OtherKey => ChangeKind::HeadOtherKey,
        HeadFault::Signature => ChangeKind::HeadForged,
    }
}
