//! [`Pending`]: the lines that the next head is to cover.

use super::error::SignError;
use crate::audit::proof::head::Head;
use crate::audit::proof::merkle::Tree;
use crate::event::Hash;
use crate::journal::manifest::Manifest;
use crate::journal::{JournalReader, Link, Links, Position, chain};

/// The lines behind a head, read and checked.
#[derive(Debug)]
pub(super) struct Pending {
    links: Links,
    is_at_end: bool,
    pub(super) from: Position,
    /// The chain before its first line.
    pub(super) before: Hash,
    /// The last position; that before the first if there is no line.
    pub(super) position: u64,
    /// The chain behind that.
    pub(super) chain: Hash,
    pub(super) tree: Tree,
}

impl Pending {
    /// What stands behind the newest head; everything if there is none.
    pub(super) fn behind(journal: &JournalReader, newest: Option<&Head>) -> Result<Self, SignError> {
        if let Some(head) = newest {
            return Ok(Self::at(journal, head.said().position, head.said().chain));
        }
        let first = journal.segments()?.first().copied().unwrap_or(Position::FIRST);
        let before = chain_before(journal, first)?;
        Ok(Self::at(journal, first.get() - 1, before))
    }

    /// What stands behind that position.
    fn at(journal: &JournalReader, position: u64, chain: Hash) -> Self {
        let after = Position::new(position);
        let links = journal.links(after, chain);
        let from = after.map_or(Some(Position::FIRST), Position::next).unwrap_or(Position::MAX);
        Self { links, is_at_end: false, from, before: chain, position, chain, tree: Tree::default() }
    }

    /// Reads on, up to so many lines in all.
    pub(super) fn read(&mut self, journal: &JournalReader, at_most: u64) -> Result<(), SignError> {
        if std::mem::take(&mut self.is_at_end) {
            self.links.resume()?;
        }
        while self.tree.count() < at_most {
            match self.links.step()? {
                Link::Line { position, leaf, chain } => {
                    self.tree.push(&leaf);
                    (self.position, self.chain) = (position.get(), chain);
                }
                Link::Removed { through } => self.skip(journal, through)?,
                Link::Broken => return Err(SignError::Broken { behind: self.position }),
                Link::End => {
                    self.is_at_end = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Goes on behind positions that retention removed: maybe none of them was used, else lines were that no head will
    /// ever cover.
    fn skip(&mut self, journal: &JournalReader, through: Position) -> Result<(), SignError> {
        let first = through.next().unwrap_or(through);
        let before = chain_before(journal, first)?;
        if before == self.chain {
            self.links = journal.links(Some(through), before);
        } else {
            tracing::warn!(
                target: "agentbus::audit",
                behind = self.position,
                through = through.get(),
                "head_signer_gap: lines were removed before they were signed"
            );
            *self = Self::at(journal, through.get(), before);
        }
        Ok(())
    }

    /// Makes what is to be signed outlive a crash of the machine. Where there is no new line, the last one has to be
    /// there as it was.
    pub(super) fn settle(&mut self, journal: &JournalReader) -> Result<(), SignError> {
        self.links.sync()?;
        let Some(last) = Position::new(self.position).filter(|_| self.tree.count() == 0) else {
            return Ok(());
        };
        let oldest = journal.segments()?.first().copied();
        let chain = match oldest {
            Some(first) if first > last => Some(chain_before(journal, first)?),
            _ => journal.chain_at(last)?,
        };
        if chain == Some(self.chain) { Ok(()) } else { Err(SignError::Broken { behind: self.position }) }
    }

    /// It was signed: what comes next is covered by the next head.
    pub(super) fn signed(&mut self) {
        let last = Position::new(self.position);
        self.from = last.map_or(Some(Position::FIRST), Position::next).unwrap_or(Position::MAX);
        (self.before, self.tree) = (self.chain, Tree::default());
    }
}

/// The chain before the first line of the segment that begins there.
fn chain_before(journal: &JournalReader, first: Position) -> Result<Hash, SignError> {
    let manifest = Manifest::read(&**journal.storage())?.ok_or(SignError::Unanchored { first })?;
    let genesis = || (first == Position::FIRST).then(|| chain::genesis(manifest.id));
    manifest.chain_at(first).or_else(genesis).ok_or(SignError::Unanchored { first })
}
