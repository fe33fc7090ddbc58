//! What an event caused, by the event's id.

use rusqlite::{Connection, OptionalExtension as _, Result, ToSql, params};

use crate::audit::block::{Block, Place, Places};
use crate::audit::write::pairs;
use crate::event::EventId;
use crate::journal::Position;

pub(super) const BY_ID: &str = "SELECT position FROM events WHERE id = ?1 \
     UNION ALL SELECT position FROM twins WHERE id = ?1";
pub(super) const UNLINKED: &str = "SELECT position FROM unlinked WHERE cause = ?1";
pub(super) const UNLINKED_OF_BLOCK: &str =
    "SELECT position FROM unlinked WHERE cause = ?1 AND position BETWEEN ?2 AND ?3";
pub(super) const PAIRS: &str = "SELECT pairs FROM effects WHERE cause = ?1 AND block = ?2";

/// An event whose effects are asked for.
#[derive(Debug)]
pub(super) struct Cause {
    id: EventId,
    /// Where it stands: more than once, if its id does.
    positions: Vec<Position>,
}

impl Cause {
    pub(super) fn new(connection: &Connection, id: EventId) -> Result<Self> {
        Ok(Self { id, positions: events(connection, id)? })
    }

    /// Its effects in a block.
    pub(super) fn effects(&self, connection: &Connection, block: Block) -> Result<Places> {
        let (first, last) = block.bounds();
        let mut statement = connection.prepare_cached(UNLINKED_OF_BLOCK)?;
        let rows = statement.query_map(params![self.id.as_bytes(), first, last], |row| row.get(0))?;
        let unlinked = rows.map(|number| number.map(position)).collect::<Result<Vec<_>>>()?;
        let mut found: Places = unlinked.into_iter().flatten().map(Place::of).collect();
        let mut statement = connection.prepare_cached(PAIRS)?;
        for cause in &self.positions {
            let blocks = [Block::of(*cause).number(), block.number()];
            let linked = statement.query_row(blocks, |row| pairs(row.get_ref(0)?.as_blob()?)).optional()?;
            let linked = linked.unwrap_or_default();
            let of_cause = linked.iter().filter(|pair| pair.cause == Place::of(*cause));
            of_cause.for_each(|pair| found.insert(pair.effect));
        }
        Ok(found)
    }
}

/// Where events of that id stand.
pub(super) fn events(connection: &Connection, id: EventId) -> Result<Vec<Position>> {
    positions(connection, BY_ID, id.as_bytes())
}

/// The events that name it as their cause while it is not in the index.
pub(super) fn unlinked(connection: &Connection, id: EventId) -> Result<Vec<Position>> {
    positions(connection, UNLINKED, id.as_bytes())
}

/// The positions that a statement gives for one value.
pub(super) fn positions(connection: &Connection, sql: &str, value: &dyn ToSql) -> Result<Vec<Position>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([value], |row| row.get(0))?;
    let positions: Result<Vec<_>> = rows.map(|number| number.map(position)).collect();
    Ok(positions?.into_iter().flatten().collect())
}

fn position(number: i64) -> Option<Position> {
    u64::try_from(number).ok().and_then(Position::new)
}
