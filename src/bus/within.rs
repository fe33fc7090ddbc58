//! Whether the code that asks runs inside a handler, and of which bus.

use std::cell::Cell;
use std::future::Future;

use super::desk::Desk;
use crate::event::Origin;

tokio::task_local! {
    /// The async handler that this task is running.
    static DESK: Desk;
}

crate::sync::thread_local! {
    /// The bus whose sync handlers run on this thread.
    static DISPATCHING: Cell<Option<Origin>> = Cell::default();
}

/// Runs `call` as one of the async handler at `desk`.
pub(super) async fn handling<F: Future>(desk: Desk, call: F) -> F::Output {
    DESK.scope(desk, call).await
}

/// The async handler that runs here.
pub(super) fn current_desk() -> Option<Desk> {
    DESK.try_with(Desk::clone).ok()
}

/// Whether sync handlers of that bus run on this thread.
pub(super) fn is_dispatching(origin: Origin) -> bool {
    DISPATCHING.try_with(Cell::get).ok().flatten() == Some(origin)
}

/// Whether sync handlers of any bus run on this thread: what they emit, to whatever bus, waits until they return.
pub(super) fn is_dispatching_any() -> bool {
    DISPATCHING.try_with(Cell::get).ok().flatten().is_some()
}

/// Marks this thread as running handlers of `origin` until dropped.
pub(super) struct Dispatching {
    before: Option<Origin>,
}

impl Dispatching {
    pub(super) fn mark(origin: Origin) -> Self {
        let before = DISPATCHING.try_with(|mark| mark.replace(Some(origin))).ok().flatten();
        Self { before }
    }
}

impl Drop for Dispatching {
    fn drop(&mut self) {
        // Gone with the thread, the mark needs no reset.
        DISPATCHING.try_with(|mark| mark.set(self.before)).unwrap_or_default();
    }
}
