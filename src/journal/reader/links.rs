//! [`Links`]: the lines behind a place, each checked by its chain.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::scan::{Scan, Step};
use crate::event::Hash;
use crate::journal::chain;
use crate::journal::layout;
use crate::journal::line::{self, Line};
use crate::journal::position::Position;
use crate::journal::record::ReadError;
use crate::journal::storage::{Open, Storage};

/// The lines behind a place whose chain is known. Each has to follow from the one before; nothing is given behind one
/// that does not.
#[derive(Debug)]
pub(crate) struct Links {
    storage: Arc<dyn Storage>,
    scan: Scan,
    chain: Hash,
    last: Option<Position>,
    /// Segments in which lines were given since the last sync.
    unsynced: BTreeSet<Position>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A line that follows.
    Line {
        position: Position,
        leaf: Hash,
        /// The chain behind it.
        chain: Hash,
    },
    /// Lines up to that position are gone.
    Removed { through: Position },
    /// What stands behind the lines given does not follow from them.
    Broken,
    /// There is no more, now.
    End,
}

impl Links {
    pub(super) fn new(storage: Arc<dyn Storage>, after: Option<Position>, chain: Hash) -> Self {
        let scan = Scan::new(Arc::clone(&storage), after);
        Self { storage, scan, chain, last: after, unsynced: BTreeSet::new() }
    }

    /// Goes on by one line. After [`Link::End`] more may come.
    pub(crate) fn step(&mut self) -> Result<Link, ReadError> {
        loop {
            match self.scan.step()? {
                Step::Passed => {}
                Step::End => return Ok(Link::End),
                Step::Removed(through) => return Ok(Link::Removed { through }),
                Step::Unreadable(_) => return Ok(Link::Broken),
                Step::Line { .. } => return Ok(self.judge()),
            }
        }
    }

    fn judge(&mut self) -> Link {
        let Ok(line) = Line::split(self.scan.line()) else { return Link::Broken };
        let leaf = Hash::of(line.leaf_of());
        if Some(line.position) <= self.last || chain::link_to(&self.chain, &leaf) != line.chain {
            // Whoever reads from the very start is not told by the scan that it is gone.
            let gone = self.scan.segment_first().and_then(Position::previous).filter(|_| self.last.is_none());
            return gone.map_or(Link::Broken, |through| Link::Removed { through });
        }
        let (position, chain) = (line.position, line.chain);
        (self.chain, self.last) = (chain, Some(position));
        self.unsynced.extend(self.scan.segment_first());
        Link::Line { position, leaf, chain }
    }

    /// What the leaf of the line given last covers.
    pub(crate) fn covered(&self) -> &[u8] {
        Line::split(self.scan.line()).map(|line| line.leaf_of()).unwrap_or_default()
    }

    /// Looks at the files again, behind the lines given.
    pub(crate) fn resume(&mut self) -> Result<(), ReadError> {
        self.scan.resume_behind(self.last)
    }

    /// Makes the lines that were given outlive a crash of the machine.
    pub(crate) fn sync(&mut self) -> Result<(), ReadError> {
        for first in std::mem::take(&mut self.unsynced) {
            let file = layout::segment(first);
            let synced = self.storage.open(&file, Open::Append).and_then(|file| file.sync());
            match synced {
                // Retention removed it: it was sealed, and so synced.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => {
                    self.unsynced.insert(first);
                    return Err(ReadError::Read { file, source });
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// The chain behind the line at that position, as it says; `None` if there is no such line.
pub(super) fn chain_at(storage: &Arc<dyn Storage>, position: Position) -> Result<Option<Hash>, ReadError> {
    let mut scan = Scan::new(Arc::clone(storage), position.previous());
    loop {
        match scan.step()? {
            Step::Line { position: found, .. } if found == position => {
                return Ok(line::chain_of(scan.line()));
            }
            Step::Line { .. } | Step::End => return Ok(None),
            Step::Passed | Step::Removed(_) | Step::Unreadable(_) => {}
        }
    }
}
