//! [`Bench`]: what every case has at hand.

use std::cell::Cell;
use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};

use crate::args::Args;
use crate::report::Report;

/// The runtime, how much to measure, and where figures go.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) quick: bool,
    pub(crate) python: Option<PathBuf>,
    pub(crate) report: Report,
    unaccounted: Cell<u64>,
}

impl Bench {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            runtime: Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
            quick: args.quick,
            python: args.python.clone(),
            report: Report::new(args.sections),
            unaccounted: Cell::new(0),
        }
    }

    /// How often each side is measured.
    pub(crate) fn rounds(&self) -> usize {
        self.pick(7, 11)
    }

    /// One for a quick run, the other for a full one.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Takes note of events of ours that neither arrived nor were reported missed.
    pub(crate) fn unaccounted(&self, events: u64) {
        self.unaccounted.set(self.unaccounted.get() + events);
    }

    /// How many of them there were in all runs.
    pub(crate) fn loss_unaccounted(&self) -> u64 {
        self.unaccounted.get()
    }
}
