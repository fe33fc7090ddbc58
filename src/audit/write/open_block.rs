//! [`OpenBlock`]: the block to which events are being added, and how it is written.

use std::collections::HashMap;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::places;
use crate::audit::batch::{FIELDS, Record, Values};
use crate::audit::block::{Block, Place, Places};
use crate::audit::schema::Field;

/// What is new of a block.
#[derive(Debug)]
pub(super) struct OpenBlock {
    pub(super) block: Block,
    pub(super) present: Places,
    /// The oldest and the newest time, nanoseconds since 1970.
    times: Option<(i64, i64)>,
    /// Whether nothing of it was written before.
    is_new: bool,
    kinds: HashMap<i64, Places>,
    values: Values,
}

impl OpenBlock {
    pub(super) fn open(transaction: &Connection, block: Block) -> Result<Self> {
        let mut statement =
            transaction.prepare_cached("SELECT present, oldest, newest FROM blocks WHERE block = ?1")?;
        let found = statement.query_row([block.number()], |row| {
            Ok((places(row.get_ref(0)?.as_blob()?)?, (row.get(1)?, row.get(2)?)))
        });
        let found = found.optional()?;
        let is_new = found.is_none();
        let (present, times) = found.map_or((Places::NONE, None), |(present, times)| (present, Some(times)));
        Ok(Self { block, present, times, is_new, kinds: HashMap::new(), values: Values::default() })
    }

    /// Adds an event, unless its place is taken already. Whether it did.
    pub(super) fn add(&mut self, record: &Record) -> bool {
        let place = Place::of(record.position);
        if self.present.contains(place) {
            return false;
        }
        self.present.insert(place);
        let (oldest, newest) = self.times.unwrap_or((record.time, record.time));
        self.times = Some((oldest.min(record.time), newest.max(record.time)));
        true
    }

    /// Adds which places have that kind, by its number.
    pub(super) fn add_kind(&mut self, kind: i64, places: &Places) {
        self.kinds.entry(kind).or_insert(Places::NONE).add(places);
    }

    /// Adds which places have which values.
    pub(super) fn add_values(&mut self, added: Values) {
        for (known, added) in self.values.iter_mut().zip(added) {
            for (value, places) in added {
                known.entry(value).or_insert(Places::NONE).add(&places);
            }
        }
    }

    pub(super) fn write(self, transaction: &Connection) -> Result<()> {
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
    transaction: &'t Connection,
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
