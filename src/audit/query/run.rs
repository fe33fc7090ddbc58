//! Answers a query: block by block, until a page is full.

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Result, Row, Transaction, params};

use super::condition::{Candidates, Condition, times};
use super::text::Words;
use super::token::PageToken;
use super::under::{MAX_UNDER, Tree};
use super::{AuditPage, AuditQuery, Order, read};
use crate::audit::block::{Block, Place, Places};
use crate::audit::database::Database;
use crate::audit::error::AuditQueryError;
use crate::audit::write::places;
use crate::filter::Test;
use crate::journal::Position;

/// After so many steps of SQLite's machine they are counted.
const STEPS_AT_ONCE: u16 = 1_000;

/// A row whose times are damaged is met too, so that it is told.
pub(super) const BLOCKS: &str = "SELECT block, present, oldest, newest FROM blocks \
     WHERE block BETWEEN ?1 AND ?2 AND (newest >= ?3 AND oldest <= ?4) IS NOT FALSE ORDER BY block";
pub(super) const BLOCK: &str = "SELECT block, present, oldest, newest FROM blocks WHERE block = ?1";
pub(super) const TEXTS: &str =
    "SELECT rowid FROM texts WHERE texts MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid";

/// Answers a query.
pub(in crate::audit) fn run(
    database: &mut Database,
    query: &AuditQuery,
) -> Result<AuditPage, AuditQueryError> {
    let fingerprint = query.fingerprint();
    let last = match &query.after {
        Some(token) => Some(token.last_of(&fingerprint).ok_or(AuditQueryError::OtherQuery)?),
        None => None,
    };
    let answered = bounded(database, query, |connection| {
        let transaction = Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Deferred)?;
        let mut search = Search::new(&transaction, query, last)?;
        let cut = search.tell_cut();
        if cut == Some(Cut::Excluded) {
            return Ok(Err(AuditQueryError::UnderTooMuch { limit: MAX_UNDER }));
        }
        search.run()?;
        let is_more = search.found.len() > query.limit;
        search.found.truncate(query.limit);
        let next = search.found.last().filter(|_| is_more).map(|last| PageToken::behind(*last, &fingerprint));
        let events: Result<Vec<_>> =
            search.found.iter().map(|position| read::event(&transaction, *position)).collect();
        Ok(Ok(AuditPage { events: events?, next, is_cut: cut.is_some() }))
    });
    match answered {
        Ok(page) => page,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Err(AuditQueryError::TooBroad)
        }
        Err(error) => Err(database.failed(error).into()),
    }
}

/// Does something that ends when it has taken as many steps as the query allows.
fn bounded<T>(
    database: &mut Database,
    query: &AuditQuery,
    act: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let mut left = query.max_steps.map(std::num::NonZeroU64::get);
    let count = move || match &mut left {
        None => false,
        Some(steps) => {
            *steps = steps.saturating_sub(u64::from(STEPS_AT_ONCE));
            *steps == 0
        }
    };
    let connection = &mut database.connection;
    connection.progress_handler(i32::from(STEPS_AT_ONCE), Some(count))?;
    let done = act(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    done
}

/// Whether not all that is under an id was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Wanted,
    Excluded,
}

/// What is asked for, and what was found of it.
struct Search<'q> {
    connection: &'q Connection,
    query: &'q AuditQuery,
    conditions: Vec<Condition>,
    cut: Option<Cut>,
    /// The least and the greatest position that is asked for.
    bounds: (i64, i64),
    found: Vec<Position>,
}

impl<'q> Search<'q> {
    fn new(connection: &'q Connection, query: &'q AuditQuery, last: Option<Position>) -> Result<Self> {
        let last = last.map(|last| last.get().cast_signed());
        let end = Position::MAX.get().cast_signed();
        let mut bounds = match (query.order, last) {
            (_, None) => (1, end),
            (Order::OldestFirst, Some(last)) => (last + 1, end),
            (Order::NewestFirst, Some(last)) => (1, last - 1),
        };
        let mut conditions = Condition::all_of(connection, query)?;
        let mut cut = None;
        for term in query.filter.terms() {
            let Test::Under(roots) = &term.test else { continue };
            let tree = Tree::under(connection, roots)?;
            if tree.is_cut {
                cut = Some(if term.excluded || cut == Some(Cut::Excluded) {
                    Cut::Excluded
                } else {
                    Cut::Wanted
                });
            }
            if !term.excluded {
                let (first, last) =
                    tree.blocks().map_or((1, 0), |(first, last)| (first.bounds().0, last.bounds().1));
                bounds = (bounds.0.max(first), bounds.1.min(last));
            }
            conditions.insert(0, Condition::under(tree, term.excluded));
        }
        Ok(Self { connection, query, conditions, cut, bounds, found: Vec::new() })
    }

    fn tell_cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Finds one more than a page has, if there are so many.
    fn run(&mut self) -> Result<()> {
        let direction = match self.query.order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        match Words::all(&self.query.words) {
            Some(words) => self.by_words(&words, direction),
            None => self.by_blocks(direction),
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() > self.query.limit
    }

    fn by_blocks(&mut self, direction: &str) -> Result<()> {
        let blocks =
            |position: i64| Position::new(position.unsigned_abs()).map_or(0, |at| Block::of(at).number());
        let (first, last) = times(self.query.since, self.query.until).unwrap_or((i64::MIN, i64::MAX));
        let mut statement = self.connection.prepare_cached(&format!("{BLOCKS} {direction}"))?;
        let mut rows = statement.query(params![blocks(self.bounds.0), blocks(self.bounds.1), first, last])?;
        while !self.is_full()
            && let Some(row) = rows.next()?
        {
            self.take(candidates(row)?)?;
        }
        Ok(())
    }

    /// FTS5 gives positions in order: those of one block are taken together.
    fn by_words(&mut self, words: &str, direction: &str) -> Result<()> {
        let mut statement = self.connection.prepare_cached(&format!("{TEXTS} {direction}"))?;
        let mut rows = statement.query(params![words, self.bounds.0, self.bounds.1])?;
        let mut open: Option<(Block, Places)> = None;
        while !self.is_full() {
            let next = match rows.next()? {
                Some(row) => u64::try_from(row.get::<_, i64>(0)?).ok().and_then(Position::new),
                None => None,
            };
            match (&mut open, next) {
                (Some((block, places)), Some(next)) if *block == Block::of(next) => {
                    places.insert(Place::of(next));
                }
                _ => {
                    let next = next.map(|next| (Block::of(next), Places::from_iter([Place::of(next)])));
                    let is_end = next.is_none();
                    if let Some((block, places)) = std::mem::replace(&mut open, next) {
                        self.take_found(block, &places)?;
                    }
                    if is_end {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn take_found(&mut self, block: Block, places: &Places) -> Result<()> {
        let mut statement = self.connection.prepare_cached(BLOCK)?;
        let found = statement.query_row([block.number()], candidates).optional()?;
        drop(statement);
        let Some(mut candidates) = found else { return Ok(()) };
        candidates.places.keep(places);
        self.take(candidates)
    }

    /// Takes what is asked for of a block.
    fn take(&mut self, mut candidates: Candidates) -> Result<()> {
        for condition in &self.conditions {
            condition.narrow(self.connection, &mut candidates)?;
        }
        let block = candidates.block;
        let wanted = (self.query.limit + 1).saturating_sub(self.found.len());
        let (first, last) = self.bounds;
        let positions = candidates.places.iter().filter_map(|place| block.position(place));
        let positions = positions.filter(|position| (first..=last).contains(&position.get().cast_signed()));
        match self.query.order {
            Order::OldestFirst => self.found.extend(positions.take(wanted)),
            Order::NewestFirst => self.found.extend(positions.rev().take(wanted)),
        }
        Ok(())
    }
}

fn candidates(row: &Row<'_>) -> Result<Candidates> {
    let present = places(row.get_ref(1)?.as_blob()?)?;
    let block = Block::numbered(row.get(0)?);
    Ok(Candidates { block, places: present, oldest: row.get(2)?, newest: row.get(3)? })
}
