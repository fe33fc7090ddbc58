//! Rows, read back as events.

use std::sync::Arc;

use rusqlite::{Connection, Error, Result};
use serde_json::value::RawValue;

use crate::audit::row::{Envelope, event_of};
use crate::journal::{Position, Recorded};

pub(super) const EVENT: &str = "SELECT event_type, timestamp, id, origin, seq, correlation_id, causation_id, \
     plan_id, root_plan_id, session_id, actor_name, project_name, user_identity, traceparent, details, more \
     FROM events JOIN kinds USING (kind) WHERE position = ?1";

/// The event at that position.
pub(in crate::audit) fn event(connection: &Connection, position: Position) -> Result<Recorded> {
    let mut statement = connection.prepare_cached(EVENT)?;
    statement.query_row([position.get().cast_signed()], |row| {
        let details: String = row.get(14)?;
        let envelope = Envelope {
            event_type: row.get(0)?,
            timestamp: String::new(),
            id: row.get(2)?,
            origin: row.get(3)?,
            seq: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
            correlation_id: row.get(5)?,
            causation_id: row.get(6)?,
            plan_id: row.get(7)?,
            root_plan_id: row.get(8)?,
            session_id: row.get(9)?,
            actor_name: row.get(10)?,
            project_name: row.get(11)?,
            user_identity: row.get(12)?,
            traceparent: row.get(13)?,
            details: RawValue::from_string(details).map_err(no_event)?,
        };
        let more: Option<String> = row.get(15)?;
        let event = event_of(envelope, row.get(1)?, more.as_deref()).map_err(no_event)?;
        Ok(Recorded { position, event: Arc::new(event) })
    })
}

/// What stands there is no event: the database is damaged. What it is is not told: it may hold anything.
fn no_event(_fault: serde_json::Error) -> Error {
    Error::InvalidColumnType(14, "details".to_owned(), rusqlite::types::Type::Text)
}
