//! The same service in a serverless function: events become log lines, without a runtime.

use std::sync::Arc;

use agentbus::event::{Scope, ToolErrorKind, ToolErrored};
use agentbus::{Emitter, EventBus, LoggingEventBus};

/// Does not know, and need not know, which bus it has.
fn handle_request(bus: Option<Arc<dyn EventBus>>) {
    let events = Emitter::new(bus);
    Scope::new().with_actor_name("agents/planner").enter(|| {
        let error =
            "the service answered 401 to Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJl";
        events.emit(|| ToolErrored::new("fetch", "call-1", error, ToolErrorKind::Failed, 1, 12));
    });
}

fn main() {
    tracing_subscriber::fmt().init();
    handle_request(Some(Arc::new(LoggingEventBus::new())));
    // In a unit test there is no bus at all, and an emission costs one branch.
    handle_request(None);
}
