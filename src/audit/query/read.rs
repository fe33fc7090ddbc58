//! Rows, read back as events.

use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, Result};

use crate::journal::{Position, Recorded};

pub(super) const EVENT: &str = "SELECT event FROM events WHERE position = ?1";

/// The event at that position.
pub(in crate::audit) fn event(connection: &Connection, position: Position) -> Result<Recorded> {
    let mut statement = connection.prepare_cached(EVENT)?;
    statement.query_row([position.get().cast_signed()], |row| {
        let json = row.get_ref(0)?.as_str()?;
        // What stands there instead is not told: it may be anything.
        let event = serde_json::from_str(json)
            .map_err(|_fault| Error::InvalidColumnType(0, "event".to_owned(), Type::Text))?;
        Ok(Recorded { position, event: Arc::new(event) })
    })
}
