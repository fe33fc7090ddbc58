//! [`AuditRetention`]: how long events of which class are kept in the index.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Result as Done, Transaction, TransactionBehavior, params};

use self::unlink::Unlinking;
use super::block::{Block, Place, Places};
use super::database::Database;
use super::error::AuditError;
use super::row::kept;
use super::schema::Field;
use crate::event::{Severity, Timestamp};
use crate::journal::Position;

mod unlink;

/// How long events are kept in the index, by class. Without a time they are kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditRetention {
    chatter: Option<Duration>,
    default: Option<Duration>,
    security: Option<Duration>,
}

/// The classes of events, by what followed from their kind when they were indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AuditClass {
    /// Neither of the others.
    Chatter,
    /// Of a kind that is critical, or that warns or tells of an error.
    Default,
    /// Of a kind of the audit class, which is security.
    Security,
}

/// The times are no retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("security events must be kept at least as long as others, and chatter no longer than others")]
pub struct RetentionError;

/// How many events retention took, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retained {
    /// Of [`AuditClass::Chatter`].
    pub chatter: u64,
    /// Of [`AuditClass::Default`].
    pub default: u64,
    /// Of [`AuditClass::Security`].
    pub security: u64,
}

impl AuditRetention {
    /// So long each; `None` is for ever.
    ///
    /// # Errors
    /// [`RetentionError`] if security events are kept for less than those of the default class, or these for less than
    /// chatter.
    pub fn new(
        chatter: Option<Duration>,
        default: Option<Duration>,
        security: Option<Duration>,
    ) -> Result<Self, RetentionError> {
        let [least, between, most] = [chatter, default, security].map(|kept| kept.unwrap_or(Duration::MAX));
        if least <= between && between <= most {
            Ok(Self { chatter, default, security })
        } else {
            Err(RetentionError)
        }
    }

    /// How long events of that class are kept.
    pub fn of(&self, class: AuditClass) -> Option<Duration> {
        match class {
            AuditClass::Chatter => self.chatter,
            AuditClass::Default => self.default,
            AuditClass::Security => self.security,
        }
    }

    /// The nanosecond before which events of that class go.
    fn cut(&self, class: AuditClass, now: Timestamp) -> Option<i64> {
        let span = i64::try_from(self.of(class)?.as_nanos()).ok()?;
        now.unix_nanos().checked_sub(span)
    }
}

impl Retained {
    fn count(&mut self, class: AuditClass) {
        match class {
            AuditClass::Chatter => self.chatter += 1,
            AuditClass::Default => self.default += 1,
            AuditClass::Security => self.security += 1,
        }
    }

    /// All of them.
    pub fn events(&self) -> u64 {
        self.chatter + self.default + self.security
    }
}

impl std::ops::AddAssign for Retained {
    fn add_assign(&mut self, other: Self) {
        self.chatter += other.chatter;
        self.default += other.default;
        self.security += other.security;
    }
}

/// What goes with a block of which nothing is left, the plans before the postings that tell them.
const NOTHING_LEFT: [&str; 3] = [
    "DELETE FROM postings WHERE block = ?1",
    "DELETE FROM effects WHERE cause = ?1",
    "DELETE FROM blocks WHERE block = ?1",
];
const NO_PLANS: &str = "DELETE FROM plans WHERE block = ?1 AND plan IN \
     (SELECT value FROM postings WHERE block = ?1 AND field IN (?2, ?3))";

/// Takes what is too old, a block of at most 4,096 events in a transaction.
pub(super) fn retain(
    database: &Database,
    retention: &AuditRetention,
    now: Timestamp,
) -> Result<Retained, AuditError> {
    let classes = [AuditClass::Chatter, AuditClass::Default, AuditClass::Security];
    let Some(latest) = classes.iter().filter_map(|class| retention.cut(*class, now)).max() else {
        return Ok(Retained::default());
    };
    let take = || {
        let mut taken = Retained::default();
        for block in old_blocks(database, latest)? {
            let transaction =
                Transaction::new_unchecked(&database.connection, TransactionBehavior::Immediate)?;
            let of_block = Sweep { transaction: &transaction, retention, now, block }.run()?;
            transaction.commit()?;
            taken += of_block;
        }
        Ok(taken)
    };
    take().map_err(|error| database.failed(error))
}

fn old_blocks(database: &Database, latest: i64) -> Done<Vec<Block>> {
    let mut statement =
        database.connection.prepare("SELECT block FROM blocks WHERE oldest < ?1 ORDER BY block")?;
    let blocks = statement.query_map([latest], |row| row.get(0).map(Block::numbered))?;
    blocks.collect()
}

/// One block, from which is taken what is too old.
struct Sweep<'t> {
    transaction: &'t Transaction<'t>,
    retention: &'t AuditRetention,
    now: Timestamp,
    block: Block,
}

impl Sweep<'_> {
    fn run(&self) -> Done<Retained> {
        let (first, last) = self.block.bounds();
        let cuts = self.cuts()?;
        let (mut taken, mut gone) = (Retained::default(), Vec::new());
        let (mut left, mut times) = (Places::NONE, None);
        let sql = "SELECT position, kind, timestamp FROM events WHERE position BETWEEN ?1 AND ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let (number, kind, timestamp): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Some(position) = u64::try_from(number).ok().and_then(Position::new) else { continue };
            match cuts.get(&kind) {
                Some((class, Some(cut))) if timestamp < *cut => {
                    taken.count(*class);
                    gone.push(position);
                }
                _ => {
                    left.insert(Place::of(position));
                    let (oldest, newest) = times.unwrap_or((timestamp, timestamp));
                    times = Some((timestamp.min(oldest), timestamp.max(newest)));
                }
            }
        }
        drop(rows);
        if !gone.is_empty() {
            self.take(&gone)?;
            self.keep(&left, times)?;
        }
        Ok(taken)
    }

    /// The class of each kind, and the time before which its events go.
    fn cuts(&self) -> Done<HashMap<i64, (AuditClass, Option<i64>)>> {
        let mut statement =
            self.transaction.prepare_cached("SELECT kind, severity, is_critical, is_security FROM kinds")?;
        let kinds = statement.query_map([], |row| {
            let severity: String = row.get(1)?;
            let class = match (row.get(2)?, row.get(3)?) {
                (_, true) => AuditClass::Security,
                (true, false) => AuditClass::Default,
                (false, false) if severity != Severity::Info.as_str() => AuditClass::Default,
                (false, false) => AuditClass::Chatter,
            };
            Ok((row.get(0)?, (class, self.retention.cut(class, self.now))))
        })?;
        kinds.collect()
    }

    fn take(&self, gone: &[Position]) -> Done<()> {
        let mut read = self.transaction.prepare_cached("SELECT event FROM events WHERE position = ?1")?;
        let mut event = self.transaction.prepare_cached("DELETE FROM events WHERE position = ?1")?;
        let sql = "INSERT INTO texts (texts, rowid, details) VALUES ('delete', ?1, ?2)";
        let mut texts = self.transaction.prepare_cached(sql)?;
        let links = Unlinking::of(self.transaction, self.block)?;
        for position in gone {
            let number = position.get().cast_signed();
            let kept = read.query_row([number], |row| Ok(kept(row.get_ref(0)?.as_str()?)))?;
            // Of an event that cannot be read the words stay: they find nothing where no event is.
            if let Ok((id, of_event)) = kept {
                if !of_event.is_empty() {
                    texts.execute(params![number, of_event])?;
                }
                links.let_go(id, *position)?;
            }
            event.execute([number])?;
        }
        Ok(())
    }

    /// Says what is left of the block; postings may name more than that, and count only where it is there.
    fn keep(&self, left: &Places, times: Option<(i64, i64)>) -> Done<()> {
        let number = self.block.number();
        let Some((oldest, newest)) = times else {
            let fields = [Field::Plan, Field::Root].map(Field::number);
            self.transaction.execute(NO_PLANS, params![number, fields[0], fields[1]])?;
            return NOTHING_LEFT.iter().try_for_each(|sql| self.transaction.execute(sql, [number]).map(drop));
        };
        let sql = "UPDATE blocks SET present = ?2, oldest = ?3, newest = ?4 WHERE block = ?1";
        let values = params![number, left.to_bytes(), oldest, newest];
        self.transaction.prepare_cached(sql)?.execute(values).map(drop)
    }
}
