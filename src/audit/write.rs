//! [`Writer`]: rows, and how far the journal is indexed, in one transaction.

use std::collections::HashMap;

use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Result, Transaction, TransactionBehavior, params,
};

use self::links::Links;
use self::open_block::OpenBlock;
use super::batch::{Batch, Kind, Rank, Record};
use super::block::{Block, NoPlaces, Pairs, Places};
use crate::journal::Position;

mod links;
mod open_block;

const ADD_EVENT: &str = "INSERT OR IGNORE INTO events (position, kind, timestamp, id, parent_plan_id, event) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const ADD_TEXTS: &str = "INSERT INTO texts (rowid, details) VALUES (?1, ?2)";

/// How many blocks of a transaction are kept until they are written.
const MAX_FILLED: usize = 4;

/// A transaction that adds rows.
pub(super) struct Writer<'c> {
    add_event: CachedStatement<'c>,
    add_texts: CachedStatement<'c>,
    kinds: HashMap<Kind, i64>,
    block: Option<OpenBlock>,
    /// Blocks that are not written yet. What is written beside words has SQLite write the words out too, which should
    /// be many at once.
    filled: Vec<OpenBlock>,
    links: Links<'c>,
    transaction: Transaction<'c>,
}

/// How far the journal is indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reached {
    /// The last position that was indexed, or passed.
    pub(super) position: Option<Position>,
    /// The chain behind the last line that was indexed, as its digits, if it stands at that position.
    pub(super) chain: Option<String>,
    /// The id of the journal.
    pub(super) journal: Option<String>,
}

impl Reached {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare_cached("SELECT position, chain, journal FROM state")?;
        statement.query_row([], |row| {
            let number: i64 = row.get(0)?;
            let position = u64::try_from(number).ok().and_then(Position::new);
            Ok(Self { position, chain: row.get(1)?, journal: row.get(2)? })
        })
    }
}

/// Ends a transaction of which nobody has hold: what begins or ends one may be interrupted when it has.
fn take_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Where this fails too, so does what is tried next, which says so.
        connection.execute_batch("ROLLBACK").unwrap_or_default();
    }
}

impl<'c> Writer<'c> {
    /// Begins; nobody else writes until it ends. Dropping it takes everything back.
    pub(super) fn begin(connection: &'c Connection) -> Result<Self> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .inspect_err(|_| take_back(connection))?;
        Ok(Self {
            add_event: connection.prepare_cached(ADD_EVENT)?,
            add_texts: connection.prepare_cached(ADD_TEXTS)?,
            kinds: HashMap::new(),
            block: None,
            filled: Vec::new(),
            links: Links::new(connection)?,
            transaction,
        })
    }

    pub(super) fn reached(&self) -> Result<Reached> {
        Reached::read(&self.transaction)
    }

    /// Which positions of a block are there, but for those that were added and are not written yet.
    pub(super) fn present(&self, block: Block) -> Result<Places> {
        OpenBlock::open(&self.transaction, block).map(|open| open.present)
    }

    /// Adds events, but for those whose position is there already. How many it added.
    pub(super) fn add(&mut self, batch: Batch) -> Result<u64> {
        let mut open = self.open(batch.block)?;
        let kinds: Vec<_> = batch.kinds.iter().map(|(kind, _)| self.kind(kind)).collect::<Result<_>>()?;
        let mut added = 0;
        for record in &batch.records {
            if let Some(kind) = kinds.get(record.kind)
                && open.add(record)
            {
                self.insert(&batch, record, *kind)?;
                added += 1;
            }
        }
        for (kind, (_, places)) in kinds.iter().zip(&batch.kinds) {
            open.add_kind(*kind, places);
        }
        open.add_values(batch.values);
        self.block = Some(open);
        Ok(added)
    }

    /// The block, as far as it is written and was added to.
    fn open(&mut self, block: Block) -> Result<OpenBlock> {
        match self.block.take() {
            Some(open) if open.block == block => return Ok(open),
            other => self.filled.extend(other),
        }
        if self.filled.len() >= MAX_FILLED || self.filled.iter().any(|filled| filled.block == block) {
            self.flush()?;
        }
        OpenBlock::open(&self.transaction, block)
    }

    fn insert(&mut self, batch: &Batch, record: &Record, kind: i64) -> Result<()> {
        let Record { id, cause, time, .. } = record;
        let (json, texts) = (batch.json(record), batch.texts(record));
        let position = record.position.get().cast_signed();
        let parent = record.parent.as_ref().map(ToString::to_string);
        let mut add =
            |id: Option<&[u8; 16]>| self.add_event.execute(params![position, kind, time, id, parent, json]);
        if add(Some(id.as_bytes()))? == 1 {
            self.links.add(*id, record.position, *cause)?;
        } else {
            add(None)?;
            self.links.add_twin(*id, record.position, *cause)?;
        }
        if !texts.is_empty() {
            self.add_texts.execute(params![position, texts])?;
        }
        Ok(())
    }

    /// Ends: what was added is there, and the journal indexed that far.
    pub(super) fn finish(mut self, reached: &Reached) -> Result<()> {
        self.flush()?;
        self.links.write()?;
        let number = reached.position.map_or(0, Position::get).cast_signed();
        self.transaction
            .prepare_cached("UPDATE state SET position = ?1, chain = ?2, journal = ?3")?
            .execute(params![number, reached.chain, reached.journal])?;
        self.transaction.commit()
    }

    fn flush(&mut self) -> Result<()> {
        let mut filled = self.filled.drain(..).chain(self.block.take());
        filled.try_for_each(|open| open.write(&self.transaction))
    }

    /// The number of a kind.
    fn kind(&mut self, kind: &Kind) -> Result<i64> {
        if let Some(number) = self.kinds.get(kind) {
            return Ok(*number);
        }
        let Rank { category, severity, is_critical, is_security } = kind.rank;
        let values = params![kind.name, category.as_str(), severity.as_str(), is_critical, is_security];
        let find = "SELECT kind FROM kinds WHERE event_type = ?1 AND category = ?2 AND severity = ?3 \
                    AND is_critical = ?4 AND is_security = ?5";
        let found = self.transaction.prepare_cached(find)?.query_row(values, |row| row.get(0)).optional()?;
        let number = if let Some(number) = found {
            number
        } else {
            let add = "INSERT INTO kinds (event_type, category, severity, is_critical, is_security) \
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            self.transaction.prepare_cached(add)?.insert(values)?
        };
        self.kinds.insert(kind.clone(), number);
        Ok(number)
    }
}

/// The set of places that was written.
pub(super) fn places(bytes: &[u8]) -> Result<Places> {
    Places::from_bytes(bytes).map_err(no_places)
}

/// The pairs that were written.
pub(super) fn pairs(bytes: &[u8]) -> Result<Pairs> {
    Pairs::from_bytes(bytes).map_err(no_places)
}

fn no_places(_: NoPlaces) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(0, "places".to_owned(), rusqlite::types::Type::Blob)
}
