//! Async handlers: each in a task of its own behind a bounded queue.

use std::any::type_name;
use std::borrow::Cow;
use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

use super::aftermath::Aftermath;
use super::desk::Desk;
use super::handler::{EventHandler, HandlerCounts};
use super::report;
use super::within;
use crate::event::{DomainEvent, Turn};
use crate::stream::Count;

/// How an async handler is run.
#[derive(Clone, Debug)]
#[must_use = "options do nothing by themselves"]
pub struct SpawnOptions {
    queue: NonZeroUsize,
    timeout: Option<Duration>,
    suspend_after: Option<NonZeroU32>,
    name: Option<String>,
}

impl Default for SpawnOptions {
    fn default() -> Self {
        let queue = NonZeroUsize::new(1_024).expect("not zero");
        Self { queue, timeout: None, suspend_after: None, name: None }
    }
}

impl SpawnOptions {
    /// A queue of 1,024 events, no timeout, never suspended.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events may wait; as many more that are critical. When there are more, the oldest are overrun.
    pub fn queue(mut self, events: impl Count) -> Self {
        self.queue = events.at_least_one();
        self
    }

    /// How long the handler may take for one event; then it is stopped and counts as failed.
    pub fn timeout(mut self, per_event: Duration) -> Self {
        self.timeout = Some(per_event);
        self
    }

    /// After how many failures in a row, panics or timeouts, the handler is suspended: later events are passed
    /// over and counted as skipped. 0 counts as 1.
    pub fn suspend_after(mut self, failures: u32) -> Self {
        self.suspend_after = Some(NonZeroU32::new(failures).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// What the log and the ledger call it; else the type of the closure.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// Why an async handler could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no tokio runtime to run it.
    #[error("cannot start an async handler outside a tokio runtime: enter one, or subscribe a sync handler")]
    NoRuntime,
}

/// The part of an async handler that the bus knows. Dropped, it lets the task finish what waits.
#[derive(Debug)]
pub(super) struct AsyncHandler {
    desk: Desk,
    name: String,
    /// For buses that call `handle`: their events are placed in the order of the calls.
    calls: AtomicU64,
}

impl AsyncHandler {
    /// Starts the task on the current runtime.
    pub(super) fn start<F, Fut>(options: SpawnOptions, handler: F) -> Result<Self, SpawnError>
    where
        F: Fn(Arc<DomainEvent>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_outside| SpawnError::NoRuntime)?;
        let desk = Desk::new(options.queue);
        let name = options.name.clone().unwrap_or_else(|| type_name::<F>().to_owned());
        let worker = Worker { desk: desk.clone(), name: name.clone(), options, handler, failures: 0 };
        let task = runtime.spawn(worker.work());
        desk.served_by(task.abort_handle());
        Ok(Self { desk, name, calls: AtomicU64::new(0) })
    }

    pub(super) fn desk(&self) -> Desk {
        self.desk.clone()
    }
}

impl Drop for AsyncHandler {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl EventHandler for AsyncHandler {
    fn handle(&self, event: &Arc<DomainEvent>) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let turn = Turn::new(call).expect("counted from 1");
        let mut aftermath = Aftermath::default();
        self.desk.put(turn, event, &mut aftermath);
        aftermath.settle();
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    fn counts(&self) -> Option<HandlerCounts> {
        Some(self.desk.counts())
    }

    fn idle(&self, through: Turn) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.desk.idle(through))
    }

    fn desk(&self) -> Option<&Desk> {
        Some(&self.desk)
    }
}

/// The task of an async handler.
struct Worker<F> {
    desk: Desk,
    name: String,
    options: SpawnOptions,
    handler: F,
    /// Failures in a row.
    failures: u32,
}

/// Tells the desk that the task is over, also when it is aborted.
struct Leaving(Desk);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.left();
    }
}

impl<F, Fut> Worker<F>
where
    F: Fn(Arc<DomainEvent>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    async fn work(mut self) {
        let _leaving = Leaving(self.desk.clone());
        while let Some(event) = self.desk.next().await {
            let outcome = self.handle(&event).await;
            self.judge(&event, outcome);
            report::drop_event(event);
            // A handler that never waits must not keep the runtime from others while there are always more events.
            tokio::task::consume_budget().await;
        }
    }

    async fn handle(&self, event: &Arc<DomainEvent>) -> Result<(), String> {
        let call = CatchUnwind { started: None, start: || (self.handler)(Arc::clone(event)) };
        let call = within::handling(self.desk.clone(), event.scope().run(call));
        let Some(limit) = self.options.timeout else {
            return call.await;
        };
        match tokio::time::timeout(limit, call).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(format!("took longer than {limit:?}")),
        }
    }

    fn judge(&mut self, event: &Arc<DomainEvent>, outcome: Result<(), String>) {
        let Err(error) = outcome else {
            self.failures = 0;
            return self.desk.done(false);
        };
        self.failures = self.failures.saturating_add(1);
        report::handler_failed(self.desk.redactor(), event.type_name(), &self.name, &error);
        if self.options.suspend_after.is_some_and(|limit| self.failures >= limit.get()) {
            report::handler_suspended(self.desk.redactor(), &self.name, self.failures);
            self.desk.suspend();
        }
        self.desk.done(true);
    }
}

/// A call whose panic, in the function or in its future, is its outcome.
struct CatchUnwind<S, Fut> {
    start: S,
    started: Option<Pin<Box<Fut>>>,
}

impl<S, Fut> Drop for CatchUnwind<S, Fut> {
    /// What the call leaves behind is foreign too: its drop may panic, and must not end the task.
    fn drop(&mut self) {
        report::drop_quietly(self.started.take());
    }
}

impl<S: Fn() -> Fut + Unpin, Fut: Future<Output = ()>> Future for CatchUnwind<S, Fut> {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let poll = catch_unwind(AssertUnwindSafe(|| {
            let start = &this.start;
            this.started.get_or_insert_with(|| Box::pin(start())).as_mut().poll(cx)
        }));
        match poll {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(report::panic_message(panic))),
        }
    }
}
