//! [`Links`]: which event caused which, of the rows of one transaction.
//!
//! An event in the index whose cause is there too is linked to it: by a pair of places, in the row of their two blocks.
//! One whose cause is not there waits among the unlinked, until its cause comes, or for whoever asks for it by the id.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::pairs;
use crate::audit::block::{Block, Pair, Pairs, Place};
use crate::event::EventId;
use crate::journal::Position;

const POSITION: &str = "SELECT position FROM events WHERE id = ?1";
const TWINS: &str = "SELECT position FROM twins WHERE id = ?1";
const ADD_TWIN: &str = "INSERT INTO twins (id, position) VALUES (?1, ?2)";
const WAITING: &str = "SELECT position FROM unlinked WHERE cause = ?1";
const WAIT: &str = "INSERT OR IGNORE INTO unlinked (cause, position) VALUES (?1, ?2)";
const WAIT_NO_MORE: &str = "DELETE FROM unlinked WHERE cause = ?1";
const EFFECTS: &str = "SELECT block, pairs FROM effects WHERE cause = ?1";
const PAIRS: &str = "SELECT pairs FROM effects WHERE cause = ?1 AND block = ?2";
const WRITE: &str = "INSERT OR REPLACE INTO effects (cause, block, pairs) VALUES (?1, ?2, ?3)";

/// Links that are not all written yet.
#[derive(Debug)]
pub(super) struct Links<'c> {
    connection: &'c Connection,
    /// The events of this transaction.
    recent: HashMap<EventId, Position>,
    /// By the blocks of cause and effect.
    pairs: BTreeMap<(Block, Block), Pairs>,
    /// Whether there may be events that wait for their cause.
    is_any_waiting: bool,
    is_any_twin: bool,
}

impl<'c> Links<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self> {
        let is_any = |table: &str| {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
            connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))
        };
        let (is_any_waiting, is_any_twin) = (is_any("unlinked")?, is_any("twins")?);
        Ok(Self { connection, recent: HashMap::new(), pairs: BTreeMap::new(), is_any_waiting, is_any_twin })
    }

    /// Links an event that was added: to its cause, and to what waited for it.
    pub(super) fn add(&mut self, id: EventId, position: Position, cause: Option<EventId>) -> Result<()> {
        if self.is_any_twin {
            self.take_over(id, position)?;
        }
        self.recent.insert(id, position);
        if self.is_any_waiting {
            let waiting = self.positions(WAITING, id)?;
            for effect in &waiting {
                self.link(position, *effect);
            }
            if !waiting.is_empty() {
                self.connection.prepare_cached(WAIT_NO_MORE)?.execute([id.as_bytes()])?;
            }
        }
        self.link_to(position, cause)
    }

    /// Links an event whose id stands at another position too.
    pub(super) fn add_twin(&mut self, id: EventId, position: Position, cause: Option<EventId>) -> Result<()> {
        self.is_any_twin = true;
        self.take_over(id, position)?;
        let values = params![id.as_bytes(), position.get().cast_signed()];
        self.connection.prepare_cached(ADD_TWIN)?.execute(values)?;
        self.link_to(position, cause)
    }

    /// Writes all that is not written.
    pub(super) fn write(self) -> Result<()> {
        for ((cause, block), mut added) in self.pairs {
            let mut statement = self.connection.prepare_cached(PAIRS)?;
            let before = statement
                .query_row([cause.number(), block.number()], |row| pairs(row.get_ref(0)?.as_blob()?));
            let mut all = before.optional()?.unwrap_or_default();
            all.append(&mut added);
            let values = params![cause.number(), block.number(), all.to_bytes()];
            self.connection.prepare_cached(WRITE)?.execute(values)?;
        }
        Ok(())
    }

    /// What another event of that id caused, this one did too.
    fn take_over(&mut self, id: EventId, position: Position) -> Result<()> {
        let Some(other) = self.all_of(id)?.first().copied() else { return Ok(()) };
        self.effects(other)?.into_iter().for_each(|effect| self.link(position, effect));
        Ok(())
    }

    fn link_to(&mut self, effect: Position, cause: Option<EventId>) -> Result<()> {
        let Some(cause) = cause else { return Ok(()) };
        let causes = self.all_of(cause)?;
        for cause in &causes {
            self.link(*cause, effect);
        }
        if causes.is_empty() {
            self.is_any_waiting = true;
            let values = params![cause.as_bytes(), effect.get().cast_signed()];
            self.connection.prepare_cached(WAIT)?.execute(values)?;
        }
        Ok(())
    }

    fn link(&mut self, cause: Position, effect: Position) {
        let pair = Pair { cause: Place::of(cause), effect: Place::of(effect) };
        self.pairs.entry((Block::of(cause), Block::of(effect))).or_default().push(pair);
    }

    /// Where events of that id stand.
    fn all_of(&self, id: EventId) -> Result<Vec<Position>> {
        let mut all = match self.recent.get(&id) {
            Some(position) => vec![*position],
            None => self.positions(POSITION, id)?,
        };
        if self.is_any_twin {
            all.extend(self.positions(TWINS, id)?);
        }
        Ok(all)
    }

    /// What an event caused, as far as it is known by now.
    fn effects(&self, cause: Position) -> Result<Vec<Position>> {
        let (block, place) = (Block::of(cause), Place::of(cause));
        let mut written = Vec::new();
        let mut statement = self.connection.prepare_cached(EFFECTS)?;
        let mut rows = statement.query([block.number()])?;
        while let Some(row) = rows.next()? {
            written.push((Block::numbered(row.get(0)?), pairs(row.get_ref(1)?.as_blob()?)?));
        }
        let open = self.pairs.range((block, Block::FIRST)..).take_while(|((cause, _), _)| *cause == block);
        let open = open.map(|((_, effect), pairs)| (*effect, pairs));
        let all = written.iter().map(|(block, pairs)| (*block, pairs)).chain(open);
        let of_cause = all.flat_map(|(block, pairs)| pairs.iter().map(move |pair| (block, pair)));
        let of_cause = of_cause.filter(|(_, pair)| pair.cause == place);
        Ok(of_cause.filter_map(|(block, pair)| block.position(pair.effect)).collect())
    }

    fn positions(&self, sql: &str, id: EventId) -> Result<Vec<Position>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([id.as_bytes()], |row| row.get::<_, i64>(0))?;
        let positions = rows.map(|number| Ok(u64::try_from(number?).ok().and_then(Position::new)));
        positions.filter_map(Result::transpose).collect()
    }
}
