//! [`Unlinking`]: what an event caused waits for it again when it goes.

use std::collections::HashMap;

use rusqlite::{Connection, Result, params};

use crate::audit::block::{Block, Place};
use crate::audit::write::pairs;
use crate::event::EventId;
use crate::journal::Position;

const EFFECTS: &str = "SELECT block, pairs FROM effects WHERE cause = ?1";
const WAIT: &str = "INSERT OR IGNORE INTO unlinked (cause, position) VALUES (?1, ?2)";
const NO_TWIN: &str = "DELETE FROM twins WHERE id = ?1 AND position = ?2";

/// What the events of a block caused.
#[derive(Debug)]
pub(super) struct Unlinking<'c> {
    connection: &'c Connection,
    effects: HashMap<Place, Vec<Position>>,
}

impl<'c> Unlinking<'c> {
    pub(super) fn of(connection: &'c Connection, block: Block) -> Result<Self> {
        let mut effects: HashMap<Place, Vec<Position>> = HashMap::new();
        let mut statement = connection.prepare_cached(EFFECTS)?;
        let mut rows = statement.query([block.number()])?;
        while let Some(row) = rows.next()? {
            let of = Block::numbered(row.get(0)?);
            for pair in pairs(row.get_ref(1)?.as_blob()?)?.iter() {
                effects.entry(pair.cause).or_default().extend(of.position(pair.effect));
            }
        }
        Ok(Self { connection, effects })
    }

    /// Lets go of an event that goes: what it caused waits, also if another event has its id, to which it is linked too.
    /// The links that are written stay: they count only while their cause is there.
    pub(super) fn let_go(&self, id: EventId, position: Position) -> Result<()> {
        let at = position.get().cast_signed();
        self.connection.prepare_cached(NO_TWIN)?.execute(params![id.as_bytes(), at])?;
        let Some(effects) = self.effects.get(&Place::of(position)) else { return Ok(()) };
        let mut wait = self.connection.prepare_cached(WAIT)?;
        let mut waits = |effect: &Position| wait.execute(params![id.as_bytes(), effect.get().cast_signed()]);
        effects.iter().try_for_each(|effect| waits(effect).map(drop))
    }
}
