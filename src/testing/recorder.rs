//! [`MemoryRecorder`]: a recorder in memory, which can be held and made to fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::bus::{RecordError, Recorder};
use crate::event::{DomainEvent, Turn};

/// Records in memory. Cheap to clone; clones are the same recorder.
#[derive(Clone, Debug, Default)]
pub struct MemoryRecorder {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    change: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Arc<DomainEvent>>,
    /// Calls of `record`: the number of the last turn.
    turns: u64,
    held: bool,
    failure: Option<String>,
}

impl MemoryRecorder {
    /// A recorder that has recorded nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was recorded, in order; replayed events are not.
    pub fn events(&self) -> Vec<Arc<DomainEvent>> {
        self.state().events.clone()
    }

    /// Takes what was recorded out.
    pub fn take(&self) -> Vec<Arc<DomainEvent>> {
        std::mem::take(&mut self.state().events)
    }

    /// Holds: nothing counts as recorded until [`release`](Self::release).
    pub fn hold(&self) {
        self.state().held = true;
    }

    /// Ends a hold or a failure.
    pub fn release(&self) {
        let mut state = self.state();
        state.held = false;
        state.failure = None;
        drop(state);
        self.shared.change.notify_waiters();
    }

    /// Fails: whoever waits for something to be recorded gets this reason.
    pub fn fail(&self, reason: impl Into<String>) {
        self.state().failure = Some(reason.into());
        self.shared.change.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Recorder for MemoryRecorder {
    fn record(&self, event: &Arc<DomainEvent>) {
        let mut state = self.state();
        state.turns += 1;
        if !event.is_replayed() {
            state.events.push(Arc::clone(event));
        }
    }

    async fn recorded(&self, through: Turn) -> Result<(), RecordError> {
        loop {
            let mut change = std::pin::pin!(self.shared.change.notified());
            change.as_mut().enable();
            {
                let state = self.state();
                if let Some(reason) = &state.failure {
                    return Err(RecordError::new(reason.clone()));
                }
                if !state.held && state.turns >= through.get() {
                    return Ok(());
                }
            }
            change.await;
        }
    }
}
