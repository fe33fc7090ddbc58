//! What the bus itself has to say, to the log. Texts of others are redacted.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::handler::{EventHandler, HandlerCounts};
use crate::redact::Redactor;

const UNNAMED: &str = "(a handler whose name panics)";

/// A handler's name, whatever its `name` does.
pub(super) fn name_of(handler: &dyn EventHandler) -> String {
    let name = || handler.name().into_owned();
    catch_unwind(AssertUnwindSafe(name)).unwrap_or_else(|panic| {
        drop(panic_message(panic));
        UNNAMED.to_owned()
    })
}

/// A handler's own counts; none if asking for them panics.
pub(super) fn counts_of(handler: &dyn EventHandler) -> Option<HandlerCounts> {
    catch_unwind(AssertUnwindSafe(|| handler.counts())).unwrap_or_else(|panic| {
        drop(panic_message(panic));
        None
    })
}

/// What a panic says.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned());
    // Dropping what was thrown may itself panic; what is thrown then is let go of.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    message
}

/// Runs foreign code whose panic concerns nobody here, such as a log subscriber's: emitting never panics.
pub(crate) fn quietly(run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        drop(panic_message(panic));
    }
}

/// How deep drops of events may nest, each of which emits an event that is dropped again. Deeper, an event is let go
/// of without its drop, so that a chain of drops comes to an end before the stack does.
const MAX_NESTED_DROPS: u32 = 64;

crate::sync::thread_local! {
    static NESTED_DROPS: Cell<u32> = Cell::default();
}

/// Drops what holds an event, whose details may be the embedder's: their drop may panic, and may emit.
pub(super) fn drop_event<T>(holder: T) {
    // While a thread ends its count may be gone; nothing is known of the depth then, and nothing nests for long.
    let depth = NESTED_DROPS.try_with(Cell::get).unwrap_or_default();
    if depth >= MAX_NESTED_DROPS {
        std::mem::forget(holder);
        return quietly(|| tracing::error!(target: "agentbus::bus", depth, "event_drop_chain_cut"));
    }
    let set = |depth| NESTED_DROPS.try_with(|nested| nested.set(depth)).unwrap_or_default();
    set(depth + 1);
    drop_quietly(holder);
    set(depth);
}

/// Drops what is not ours: a drop that panics is let go of, and nobody hears of it.
pub(super) fn drop_quietly<T>(thing: T) {
    quietly(move || drop(thing));
}

pub(super) fn handler_failed(redactor: &Redactor, event_type: &str, handler: &str, error: &str) {
    let (handler, error) = (&*redactor.redact_text(handler), &*redactor.redact_text(error));
    quietly(|| {
        tracing::error!(target: "agentbus::bus", event_type, handler, error, "event_handler_failed");
    });
}

pub(super) fn handler_suspended(redactor: &Redactor, handler: &str, failures: u32) {
    let handler = &*redactor.redact_text(handler);
    quietly(|| {
        tracing::error!(target: "agentbus::bus", handler, failures, "event_handler_suspended");
    });
}

pub(super) fn handler_slow(redactor: &Redactor, event_type: &str, handler: &str, took: Duration) {
    let handler = &*redactor.redact_text(handler);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    quietly(|| {
        tracing::warn!(target: "agentbus::bus", event_type, handler, took_ms, "event_handler_slow");
    });
}

pub(super) fn chain_cut(event_type: &str, generations: u32) {
    quietly(|| {
        tracing::error!(target: "agentbus::bus", event_type, generations, "event_chain_cut");
    });
}

pub(super) fn recorder_panicked(event_type: &str) {
    quietly(|| tracing::error!(target: "agentbus::bus", event_type, "event_recorder_panicked"));
}

pub(super) fn needs_history(redactor: &Redactor, filter: &str) {
    let filter = &*redactor.redact_text(filter);
    quietly(|| {
        tracing::error!(
            target: "agentbus::bus",
            filter,
            "event_filter_needs_history: a live bus cannot tell what an event caused; its stream is at its end"
        );
    });
}
