//! A [`Member`]: a handler that is subscribed, with its account.

use std::sync::Arc;

use super::handler::EventHandler;
use super::ledger::{LedgerRow, SubscriberKind};
use super::report;
use crate::event::DomainEvent;
use crate::filter::Filter;
use crate::sync::{AtomicUsize, Mutex, Ordering, lock};

/// The sync handlers at one moment, in the order in which they subscribed.
pub(super) type Members = Arc<[Arc<Member>]>;

pub(super) struct Member {
    pub(super) filter: Filter,
    pub(super) handler: Arc<dyn EventHandler>,
    /// The number of the last turn before it subscribed.
    pub(super) since: u64,
    /// Guards the account; held for single moves, never while the handler runs.
    account: Mutex<Account>,
}

#[derive(Default)]
struct Account {
    departed: bool,
    delivered: u64,
    failed: u64,
    filtered: u64,
    skipped: u64,
}

impl Member {
    pub(super) fn new(filter: Filter, handler: Arc<dyn EventHandler>, since: u64) -> Self {
        Self { filter, handler, since, account: Mutex::default() }
    }

    /// Whether it takes this event: then it is on its account as delivered. The dispatch's place moves behind it
    /// in the same step, so that an event is pending or accounted for, never both or neither.
    pub(super) fn takes(&self, event: &DomainEvent, reached: &AtomicUsize, place: usize) -> bool {
        let passes = self.filter.matches(event);
        let mut account = lock(&self.account);
        reached.store(place + 1, Ordering::Relaxed);
        if account.departed {
            return false;
        }
        if passes {
            account.delivered += 1;
        } else {
            account.filtered += 1;
        }
        passes
    }

    /// Whether it takes this event onto its desk; the desk keeps the account of what it takes.
    pub(super) fn takes_on_desk(&self, event: &DomainEvent) -> bool {
        let passes = self.filter.matches(event);
        if !passes {
            lock(&self.account).filtered += 1;
        }
        passes
    }

    pub(super) fn failed(&self) {
        lock(&self.account).failed += 1;
    }

    /// Passes over an event of a chain that is cut.
    pub(super) fn skip(&self, reached: &AtomicUsize, place: usize) {
        let mut account = lock(&self.account);
        reached.store(place + 1, Ordering::Relaxed);
        account.skipped += u64::from(!account.departed);
    }

    /// Its account, with `pending` counting the dispatches that have not reached it; `turn` is the last of the bus.
    pub(super) fn row(&self, turn: u64, pending: impl Fn() -> u64) -> LedgerRow {
        let account = lock(&self.account);
        self.row_of(&account, turn, pending)
    }

    /// Ends its account: it takes nothing from now on.
    pub(super) fn depart(&self, turn: u64, pending: impl Fn() -> u64) -> LedgerRow {
        let mut account = lock(&self.account);
        account.departed = true;
        self.row_of(&account, turn, pending)
    }

    fn row_of(&self, account: &Account, turn: u64, pending: impl Fn() -> u64) -> LedgerRow {
        let kind = SubscriberKind::Handler;
        let mut row = LedgerRow {
            kind,
            offered: turn - self.since,
            delivered: account.delivered,
            failed: account.failed,
            filtered: account.filtered,
            skipped: account.skipped,
            pending: pending(),
            ..LedgerRow::default()
        };
        if let Some(counts) = report::counts_of(&*self.handler) {
            row.kind = SubscriberKind::AsyncHandler;
            row.delivered = counts.delivered;
            row.failed += counts.failed;
            row.overrun += counts.overrun;
            row.skipped += counts.skipped;
            row.abandoned += counts.abandoned;
            row.pending += counts.pending;
        }
        row
    }

    pub(super) fn name(&self) -> String {
        report::name_of(&*self.handler)
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("filter", &self.filter).finish_non_exhaustive()
    }
}
