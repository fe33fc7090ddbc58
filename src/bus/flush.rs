//! Waiting for what was emitted.

use std::sync::Arc;

use super::FlushError;
use super::core::Core;
use crate::event::Turn;

/// Waits until handlers are done with everything emitted before the call and the recorder has recorded it.
pub(super) async fn flush(core: &Arc<Core>) -> Result<(), FlushError> {
    if core.is_within_handler() {
        return Err(FlushError::WithinHandler);
    }
    let Some(through) = core.turn() else {
        return Ok(());
    };
    handled(core, through).await;
    recorded(core, through).await
}

/// Waits until every handler has returned for, or given up on, everything through that turn.
pub(super) async fn handled(core: &Core, through: Turn) {
    core.landed_through(through).await;
    for member in core.members() {
        member.handler.idle(through).await;
    }
}

pub(super) async fn recorded(core: &Core, through: Turn) -> Result<(), FlushError> {
    let Some(recorder) = &core.recorder else {
        return Ok(());
    };
    let outcome = recorder.recorded(through).await;
    outcome.map_err(|error| FlushError::NotRecorded { reason: error.to_string() })
}
