//! [`Plan`]: the segments of a journal, as its manifest lists them and as they are there.

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::event::Hash;
use crate::journal::chain;
use crate::journal::manifest::{Manifest, SegmentStart};
use crate::journal::position::Position;
use crate::journal::reader::segment::list;
use crate::journal::record::ReadError;
use crate::journal::storage::Storage;

/// The segments to verify.
#[derive(Debug)]
pub(super) struct Plan {
    manifest: Option<Manifest>,
    /// Listed, there, or both.
    firsts: BTreeSet<Position>,
    /// There.
    files: BTreeSet<Position>,
    /// Whether a line was ever written, as far as the manifest tells.
    pub(super) was_written_to: bool,
}

/// A segment to verify.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) first: Position,
    /// The first position of the next segment that is there.
    pub(super) next_first: Option<Position>,
    /// The chain before its first line, if the manifest tells.
    pub(super) chain: Option<Hash>,
    /// Whether the manifest lists it, if there is a manifest.
    pub(super) is_listed: bool,
    /// Whether it is not listed and stands between some that are.
    pub(super) is_stray: bool,
}

impl Plan {
    /// Reads the manifest and lists the files.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self, ReadError> {
        let mut manifest = Manifest::read(storage)?;
        loop {
            let files = list(storage)?;
            // A segment may have been begun or removed in between.
            let again = Manifest::read(storage)?;
            if again == manifest {
                let listed = manifest.iter().flat_map(|manifest| &manifest.segments).map(|start| start.first);
                let files: BTreeSet<_> = files.into_iter().collect();
                let firsts = listed.chain(files.iter().copied()).collect();
                let was_written_to = manifest.as_ref().is_some_and(|manifest| manifest.reserved > 0);
                return Ok(Self { manifest, firsts, files, was_written_to });
            }
            manifest = again;
        }
    }

    /// The newest segment that is there.
    pub(super) fn newest_file(&self) -> Option<Position> {
        self.files.last().copied()
    }

    /// The first segment behind the one that begins there, or of all.
    pub(super) fn behind(&self, first: Option<Position>) -> Option<Planned> {
        let behind =
            |first: Option<Position>| (first.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let first = *self.firsts.range(behind(first)).next()?;
        let next_first = self.files.range(behind(Some(first))).next().copied();
        let segments = self.manifest.as_ref().map(|manifest| manifest.segments.as_slice());
        let is_listed = |segments: &[_]| {
            segments.binary_search_by_key(&first, |start: &SegmentStart| start.first).is_ok()
        };
        let is_listed = segments.is_none_or(is_listed);
        let is_within = segments.is_some_and(|segments| {
            segments.first().is_some_and(|oldest| oldest.first < first)
                && segments.last().is_some_and(|newest| first < newest.first)
        });
        let told = |manifest: &Manifest| match manifest.chain_at(first) {
            // The id tells another one: no line follows from both.
            Some(chain) if first == Position::FIRST && chain != chain::genesis(manifest.id) => {
                Some(chain::link(&chain, &[]))
            }
            told => told,
        };
        let chain = self.manifest.as_ref().and_then(told);
        Some(Planned { first, next_first, chain, is_listed, is_stray: is_within && !is_listed })
    }
}
