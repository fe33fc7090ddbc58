//! [`Before`]: the chain that a line has to follow from.

use crate::event::Hash;
use crate::journal::chain;
use crate::journal::line::{self, ENDING_BYTES, Line};

/// The chain before a line: behind a damaged one there may be two, what it states and what its content makes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    stated: Option<Hash>,
    made: Option<Hash>,
}

impl Before {
    /// What a line or `journal.json` states.
    pub(super) fn stated(chain: Hash) -> Self {
        Self { stated: Some(chain), made: None }
    }

    /// Whether nothing is known: then any line is taken on trust.
    pub(super) fn is_unknown(&self) -> bool {
        self.stated.is_none()
    }

    /// Whether that chain may stand here.
    pub(super) fn may_be(&self, chain: &Hash) -> bool {
        self.is_unknown() || self.known().any(|known| known == chain)
    }

    /// Whether a line follows, or is taken on trust.
    pub(super) fn leads_to(&self, line: &Line<'_>) -> bool {
        self.is_unknown() || self.known().any(|known| line.follows(known))
    }

    /// Whether content that states that chain follows.
    pub(super) fn leads_to_content(&self, leaf_of: &[u8], stated: &Hash) -> bool {
        self.known().any(|known| chain::link(known, leaf_of) == *stated)
    }

    /// The chain behind a damaged line: if its ending is whole what that says, unless only that is damaged.
    pub(super) fn behind_damage(&self, bytes: &[u8]) -> Self {
        let leaf = bytes.len().checked_sub(ENDING_BYTES).and_then(|len| bytes.get(..len));
        let made = self.known().next().zip(leaf).map(|(known, leaf)| chain::link(known, leaf));
        Self { stated: line::chain_of(bytes), made }
    }

    fn known(&self) -> impl Iterator<Item = &Hash> {
        self.stated.iter().chain(&self.made)
    }
}
