//! A run that is not gone on with is not left in the middle of a commit: a project is never half written for good.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentbus::bus::{EventBus as _, ReactiveEventBus};
use agentbus::{DomainEvent, Filter};

use super::resuming::Leading;
use super::services::tell;
use crate::cli::journal;
use crate::cli::report::{complain, with_causes};

/// How long recording what was told may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

impl Leading<'_> {
    /// Finishes or undoes the commit that the run was killed in, if it was in one, and records that in its journal. Where
    /// that is not the one that was given, nothing is done: it could not be told.
    pub(super) async fn leave_whole(&self) {
        if !self.knows_journal {
            return;
        }
        // Nothing is recorded, nor the journal opened, where nothing was to be done.
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let bus = ReactiveEventBus::builder().build();
        let subscription = bus.subscribe(
            Filter::all(),
            Arc::new(move |event: &Arc<DomainEvent>| {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(event));
            }),
        );
        let opened = self.led.folder.restore_sandboxes(Some(Arc::new(bus.clone()))).await;
        drop(subscription);
        match opened {
            Ok((_sandboxes, recovered)) => {
                tell(&recovered);
            }
            Err(error) => {
                complain(&format!("what the run was killed in stays as it is: {}", with_causes(&error)));
            }
        }
        let told = mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        if !told.is_empty()
            && let Err(error) = self.record(told).await
        {
            complain(&format!("what became of the commit is not recorded: {error}"));
        }
    }

    async fn record(&self, told: Vec<Arc<DomainEvent>>) -> Result<(), String> {
        let journal = journal::open(self.places.journal).map_err(|error| with_causes(&error))?;
        let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
        for event in told {
            bus.emit((*event).clone());
        }
        let flushed = bus.flush().await.map_err(|error| with_causes(&error));
        bus.close(CLOSE_DEADLINE).await;
        let closed = journal.close(CLOSE_DEADLINE).await.map_err(|error| with_causes(&error));
        flushed.and(closed)
    }
}
