//! [`Writer`]: rows, and how far the journal is indexed, in one transaction.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};

use rusqlite::types::ToSql;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension as _, Result, Transaction, TransactionBehavior, params,
};

use self::links::Links;
use super::block::{Block, NoPlaces, Pairs, Place, Places};
use super::row::Row;
use super::schema::Field;
use crate::event::{Category, DomainEvent, Severity};
use crate::journal::Position;

mod links;

const ADD_EVENT: &str = "INSERT OR IGNORE INTO events (position, kind, timestamp, id, parent_plan_id, event) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const ADD_TEXTS: &str = "INSERT INTO texts (rowid, details) VALUES (?1, ?2)";

/// How many blocks of a transaction are kept until they are written.
const MAX_FILLED: usize = 4;

/// A transaction that adds rows.
pub(super) struct Writer<'c> {
    add_event: CachedStatement<'c>,
    add_texts: CachedStatement<'c>,
    kinds: HashMap<String, (Kind, i64)>,
    block: Option<OpenBlock>,
    /// Blocks that are not written yet. What is written beside words has SQLite write the words out too, which should
    /// be many at once.
    filled: Vec<OpenBlock>,
    links: Links<'c>,
    transaction: Transaction<'c>,
}

/// What follows from the kind of an event, now that it is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    category: Category,
    severity: Severity,
    is_critical: bool,
    is_security: bool,
}

impl Kind {
    fn of(event: &DomainEvent) -> Self {
        let kind = event.event_type();
        Self {
            category: kind.category(),
            severity: kind.severity(),
            is_critical: kind.is_critical(),
            is_security: kind.is_security(),
        }
    }
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

    /// Adds a row, unless its position is there already. Whether it did.
    pub(super) fn add(&mut self, row: &Row) -> Result<bool> {
        let (block, place) = (Block::of(row.position), Place::of(row.position));
        if self.block.as_ref().is_none_or(|open| open.block != block) {
            self.filled.extend(self.block.take());
            if self.filled.len() >= MAX_FILLED || self.filled.iter().any(|filled| filled.block == block) {
                self.flush()?;
            }
            self.block = Some(OpenBlock::open(&self.transaction, block)?);
        }
        let kind = self.kind(&row.event)?;
        let Some(open) = &mut self.block else { return Ok(false) };
        if open.present.contains(place) {
            return Ok(false);
        }
        open.add(&row.event, kind, place);
        self.insert(row, kind)?;
        Ok(true)
    }

    fn insert(&mut self, row: &Row, kind: i64) -> Result<()> {
        let (position, event) = (row.position.get().cast_signed(), &row.event);
        let (id, time) = (event.id(), event.timestamp().unix_nanos());
        let parent = row.parent_plan_id().map(ToString::to_string);
        let mut add = |id: Option<&[u8; 16]>| {
            self.add_event.execute(params![position, kind, time, id, parent, row.json])
        };
        if add(Some(id.as_bytes()))? == 1 {
            self.links.add(id, row.position, event.causation_id())?;
        } else {
            add(None)?;
            self.links.add_twin(id, row.position, event.causation_id())?;
        }
        if !row.texts.is_empty() {
            self.add_texts.execute(params![position, row.texts])?;
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

    /// The number of an event's kind.
    fn kind(&mut self, event: &DomainEvent) -> Result<i64> {
        let (name, kind) = (event.type_name(), Kind::of(event));
        match self.kinds.get(name) {
            Some((known, number)) if *known == kind => return Ok(*number),
            _ => {}
        }
        let values =
            params![name, kind.category.as_str(), kind.severity.as_str(), kind.is_critical, kind.is_security];
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
        self.kinds.insert(name.to_owned(), (kind, number));
        Ok(number)
    }
}

/// The block to which rows are being added: what is new of it.
#[derive(Debug)]
struct OpenBlock {
    block: Block,
    present: Places,
    /// The oldest and the newest time, nanoseconds since 1970.
    times: Option<(i64, i64)>,
    /// Whether nothing of it was written before.
    is_new: bool,
    kinds: HashMap<i64, Places>,
    values: [HashMap<String, Places>; FIELDS.len()],
    /// Memory in which the text of a value is written.
    text: String,
}

/// The fields whose values are texts.
const FIELDS: [Field; 7] =
    [Field::Correlation, Field::Plan, Field::Root, Field::Session, Field::Actor, Field::Project, Field::User];

impl OpenBlock {
    fn open(transaction: &Transaction<'_>, block: Block) -> Result<Self> {
        let mut statement =
            transaction.prepare_cached("SELECT present, oldest, newest FROM blocks WHERE block = ?1")?;
        let found = statement.query_row([block.number()], |row| {
            Ok((places(row.get_ref(0)?.as_blob()?)?, (row.get(1)?, row.get(2)?)))
        });
        let found = found.optional()?;
        let is_new = found.is_none();
        let (present, times) = found.map_or((Places::NONE, None), |(present, times)| (present, Some(times)));
        Ok(Self {
            block,
            present,
            times,
            is_new,
            kinds: HashMap::new(),
            values: Default::default(),
            text: String::new(),
        })
    }

    fn add(&mut self, event: &DomainEvent, kind: i64, place: Place) {
        self.present.insert(place);
        let time = event.timestamp().unix_nanos();
        let (oldest, newest) = self.times.unwrap_or((time, time));
        self.times = Some((oldest.min(time), newest.max(time)));
        self.kinds.entry(kind).or_insert(Places::NONE).insert(place);
        let (plan, root) = (event.plan_id(), event.root_plan_id().or(event.plan_id()));
        let values: [Option<&dyn Display>; FIELDS.len()] = [
            Some(event.correlation_id()),
            plan.map(|plan| plan as _),
            root.map(|root| root as _),
            event.session_id().map(|session| session as _),
            event.actor_name().map(|actor| actor as _),
            event.project_name().map(|project| project as _),
            event.user_identity().map(|user| user as _),
        ];
        for (known, value) in self.values.iter_mut().zip(values) {
            let Some(value) = value else { continue };
            self.text.clear();
            write!(self.text, "{value}").expect("a string takes all that is written");
            match known.get_mut(&self.text) {
                Some(places) => places.insert(place),
                None => drop(known.insert(self.text.clone(), Places::from_iter([place]))),
            }
        }
    }

    fn write(self, transaction: &Transaction<'_>) -> Result<()> {
        let Some((oldest, newest)) = self.times else { return Ok(()) };
        let number = self.block.number();
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO blocks (block, present, oldest, newest) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![number, self.present.to_bytes(), oldest, newest])?;
        let posting = Posting { transaction, block: number, is_new: self.is_new };
        posting.write_all(Field::Kind, self.kinds)?;
        for (field, values) in FIELDS.into_iter().zip(self.values) {
            if matches!(field, Field::Plan | Field::Root) {
                posting.write_plans(values.keys())?;
            }
            posting.write_all(field, values)?;
        }
        Ok(())
    }
}

/// Writes which places have which value.
struct Posting<'t> {
    transaction: &'t Transaction<'t>,
    block: i64,
    is_new: bool,
}

impl Posting<'_> {
    /// In the order of their keys, so that they are appended.
    fn write_all<V: ToSql + Ord>(&self, field: Field, values: HashMap<V, Places>) -> Result<()> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        values.into_iter().try_for_each(|(value, places)| self.write(field, &value, places))
    }

    /// Says that events of those plans are in the block.
    fn write_plans<'p>(&self, plans: impl Iterator<Item = &'p String>) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO plans (plan, block) VALUES (?1, ?2)";
        let mut add = self.transaction.prepare_cached(sql)?;
        plans.into_iter().try_for_each(|plan| add.execute(params![plan, self.block]).map(drop))
    }

    fn write(&self, field: Field, value: &dyn ToSql, mut added: Places) -> Result<()> {
        if !self.is_new {
            let sql = "SELECT places FROM postings WHERE block = ?1 AND field = ?2 AND value = ?3";
            let mut statement = self.transaction.prepare_cached(sql)?;
            let before = statement.query_row(params![self.block, field.number(), value], |row| {
                places(row.get_ref(0)?.as_blob()?)
            });
            if let Some(before) = before.optional()? {
                added.add(&before);
            }
        }
        let sql = "INSERT OR REPLACE INTO postings (block, field, value, places) VALUES (?1, ?2, ?3, ?4)";
        let values = params![self.block, field.number(), value, added.to_bytes()];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
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
