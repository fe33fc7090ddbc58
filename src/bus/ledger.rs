//! The [`Ledger`]: for every subscriber where each event that was offered to it went.

use std::fmt;

use crate::filter::Filter;

/// What each subscriber was offered and what became of it.
///
/// For each row `offered = delivered + filtered + missed + pending`. Each column is counted on its own, but for the
/// part of `pending` that a stream took off its route and has not handed over yet: that is what it took, less what
/// became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// The subscribers there are, in no particular order.
    pub rows: Vec<LedgerRow>,
    /// Those gone, folded into one; nothing is pending there.
    pub departed: LedgerRow,
}

/// What kind of subscriber a row is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriberKind {
    /// Several, folded into one row.
    #[default]
    Departed,
    /// A stream.
    Stream,
    /// A sync handler.
    Handler,
    /// An async handler, with a task of its own.
    AsyncHandler,
}

/// One subscriber's account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerRow {
    /// The name of the handler; the filter of the stream, `*` for everything; `departed` for those gone.
    pub name: String,
    /// What kind of subscriber it is.
    pub kind: SubscriberKind,
    /// Events put on its route since it subscribed.
    pub offered: u64,
    /// Events handed over to it.
    pub delivered: u64,
    /// Of those delivered: how many the handler panicked at or ran out of time for.
    pub failed: u64,
    /// Events that its filter kept from it.
    pub filtered: u64,
    /// Events overrun in its ring because it was too slow.
    pub overrun: u64,
    /// Events passed over because its handler was suspended, or because a chain of handlers was cut.
    pub skipped: u64,
    /// Events that waited when it was dropped, or past a deadline.
    pub abandoned: u64,
    /// Events that wait.
    pub pending: u64,
}

/// What a stream with that filter is called.
pub(super) fn name_of(filter: &Filter) -> String {
    if *filter == Filter::all() { "*".to_owned() } else { filter.to_string() }
}

impl LedgerRow {
    pub(super) fn departed() -> Self {
        Self { name: "departed".to_owned(), ..Self::default() }
    }

    pub(super) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Everything it will never see: `overrun + skipped + abandoned`.
    pub fn missed(&self) -> u64 {
        self.overrun + self.skipped + self.abandoned
    }

    /// Whether every event that was offered is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.offered == self.delivered + self.filtered + self.missed() + self.pending
    }

    /// Adds a subscriber that is gone: what waited for it is abandoned.
    pub(super) fn fold(&mut self, gone: &Self) {
        self.offered += gone.offered;
        self.delivered += gone.delivered;
        self.failed += gone.failed;
        self.filtered += gone.filtered;
        self.overrun += gone.overrun;
        self.skipped += gone.skipped;
        self.abandoned += gone.abandoned + gone.pending;
    }
}

impl Ledger {
    /// Whether every event that was offered to anybody is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.departed.is_balanced() && self.rows.iter().all(LedgerRow::is_balanced)
    }
}

impl fmt::Display for LedgerRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: offered {} = delivered {} (failed {}) + filtered {} + missed {} + pending {}",
            self.name,
            self.offered,
            self.delivered,
            self.failed,
            self.filtered,
            self.missed(),
            self.pending
        )
    }
}
