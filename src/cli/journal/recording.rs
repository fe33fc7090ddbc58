//! [`Recording`]: the bus on which a verb tells what it did, and the journal that it is recorded in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentbus::checkpoint::CheckpointStore;
use agentbus::journal::Journal;
use agentbus::{EventBus, ReactiveEventBus};
use tokio::runtime::Runtime;

use super::{Ended, VerbError, open, runtime};
use crate::cli::report::{complain, with_causes};

/// How long bus and journal may take to come to their end.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// A bus that records in a journal.
#[derive(Debug)]
pub(super) struct Recording {
    runtime: Runtime,
    journal: Journal,
    bus: ReactiveEventBus,
}

impl Recording {
    pub(super) fn start(directory: &Path) -> Result<Self, VerbError> {
        let runtime = runtime(1)?;
        let journal = open(directory)?;
        let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
        Ok(Self { runtime, journal, bus })
    }

    /// As [`Recording::start`], if a journal was named. What cannot be recorded there is done all the same, since to save
    /// is worth more than to tell; that is said, and it did not end well.
    pub(super) fn start_if_named(directory: Option<&Path>) -> (Option<Self>, Ended) {
        match directory.map(Self::start).transpose() {
            Ok(recording) => (recording, Ended::Well),
            Err(error) => {
                complain(&format!("what is done now is not recorded: {}", with_causes(&error)));
                (None, Ended::Ill)
            }
        }
    }

    /// The store that tells there what it does.
    pub(super) fn of(&self, store: CheckpointStore) -> CheckpointStore {
        store.with_bus(Some(self.bus())).with_journal(self.journal.reader().clone())
    }

    /// Does what tells on its bus.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(super) fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.bus.clone())
    }

    /// Waits until all is recorded. What was done stays done if it is not; that is said.
    pub(super) fn close(self) -> Ended {
        let Self { runtime, journal, bus } = self;
        let not_recorded = runtime.block_on(async {
            let report = bus.close(CLOSE_DEADLINE).await;
            let closed = journal.close(CLOSE_DEADLINE).await.err().map(|error| with_causes(&error));
            report.not_recorded.or(closed)
        });
        if let Some(reason) = &not_recorded {
            complain(&format!("what was done is not recorded: {reason}"));
        }
        Ended::well_if(not_recorded.is_none())
    }
}
