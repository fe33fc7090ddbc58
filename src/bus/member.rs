//! A [`Member`]: a handler that is subscribed, with its account.

use std::sync::Arc;

use super::handler::EventHandler;
use super::ledger::{LedgerRow, SubscriberKind};
use super::marks::Mark;
use super::report;
use crate::event::DomainEvent;
use crate::filter::Filter;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The sync handlers at one moment, in the order in which they subscribed.
pub(super) type Members = Arc<[Arc<Member>]>;

pub(super) struct Member {
    pub(super) filter: Filter,
    pub(super) handler: Arc<dyn EventHandler>,
    /// How many subscribed before it.
    pub(super) number: u64,
    /// The number of the last turn before it subscribed.
    pub(super) since: u64,
    account: Account,
}

/// What became of the events whose dispatch is over. Changed only with the order lock held; so plain stores do.
#[derive(Default)]
struct Account {
    departed: AtomicBool,
    delivered: AtomicU64,
    failed: AtomicU64,
    filtered: AtomicU64,
    skipped: AtomicU64,
}

fn count_one(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Member {
    pub(super) fn new(filter: Filter, handler: Arc<dyn EventHandler>, number: u64, since: u64) -> Self {
        Self { filter, handler, number, since, account: Account::default() }
    }

    /// Whether it takes this event onto its desk; the desk keeps the account of what it takes. Called in the order
    /// section.
    pub(super) fn takes_on_desk(&self, event: &DomainEvent) -> bool {
        let passes = self.filter.matches(event);
        if !passes {
            count_one(&self.account.filtered);
        }
        passes
    }

    /// Puts what became of an event on the account, unless that was closed before. Called with the order lock held.
    pub(super) fn settle(&self, mark: Mark) {
        let account = &self.account;
        if account.departed.load(Ordering::Relaxed) {
            return;
        }
        match mark {
            Mark::Delivered => count_one(&account.delivered),
            Mark::Failed => {
                count_one(&account.delivered);
                count_one(&account.failed);
            }
            Mark::Filtered => count_one(&account.filtered),
            Mark::Skipped => count_one(&account.skipped),
            Mark::Waiting | Mark::Departed => {}
        }
    }

    /// Its account, with the marks of the dispatches under way; `turn` is the last of the bus. Called with the order
    /// lock held.
    pub(super) fn row(&self, turn: u64, under_way: impl Iterator<Item = Mark>) -> LedgerRow {
        let account = &self.account;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut row = LedgerRow {
            kind: SubscriberKind::Handler,
            offered: turn - self.since,
            delivered: read(&account.delivered),
            failed: read(&account.failed),
            filtered: read(&account.filtered),
            skipped: read(&account.skipped),
            ..LedgerRow::default()
        };
        for mark in under_way {
            match mark {
                Mark::Waiting | Mark::Departed => row.pending += 1,
                Mark::Delivered => row.delivered += 1,
                Mark::Failed => {
                    row.delivered += 1;
                    row.failed += 1;
                }
                Mark::Filtered => row.filtered += 1,
                Mark::Skipped => row.skipped += 1,
            }
        }
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

    /// Closes its account. Called with the order lock held.
    pub(super) fn depart(&self) {
        self.account.departed.store(true, Ordering::Relaxed);
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
