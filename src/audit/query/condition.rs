//! [`Condition`]: what must hold of an event, decided for a whole block at once.

use std::collections::HashSet;

use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::AuditQuery;
use super::cause::{self, Cause};
use super::under::Tree;
use crate::audit::block::{Block, Place, Places};
use crate::audit::schema::Field;
use crate::audit::write::places;
use crate::event::{EventType, Timestamp};
use crate::filter::{Term, Test};
use crate::journal::Position;

/// Up to so many kinds are looked up one by one; of more, all kinds of a block are looked through.
const FEW_KINDS: usize = 8;

pub(super) const BY_VALUE: &str =
    "SELECT places FROM postings WHERE block = ?1 AND field = ?2 AND value = ?3";
pub(super) const BY_FIELD: &str = "SELECT value, places FROM postings WHERE block = ?1 AND field = ?2";
pub(super) const BY_TIME: &str =
    "SELECT position FROM events WHERE position BETWEEN ?1 AND ?2 AND timestamp BETWEEN ?3 AND ?4";

/// What must hold, or must not.
#[derive(Debug)]
pub(super) struct Condition {
    asked: Asked,
    excluded: bool,
}

#[derive(Debug)]
enum Asked {
    /// One of these kinds, by number.
    Kinds(HashSet<i64>),
    /// One of these values.
    Values(Field, Vec<String>),
    /// That they stand at one of these positions.
    Positions(Vec<Position>),
    Cause(Cause),
    /// From the first to the last nanosecond, both included.
    Time(i64, i64),
    Under(Tree),
}

/// A block, and what is known of it.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) block: Block,
    /// Those that are still asked for.
    pub(super) places: Places,
    pub(super) oldest: i64,
    pub(super) newest: i64,
}

/// A value of a posting.
#[derive(Clone, Copy)]
enum Value<'a> {
    Kind(i64),
    Text(&'a str),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        match self {
            Self::Kind(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

impl Condition {
    /// What a query asks for, but for words and what is under an id; the cheapest to decide first.
    pub(super) fn all_of(connection: &Connection, query: &AuditQuery) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        if let Some((first, last)) = times(query.since, query.until) {
            all.push(Self { asked: Asked::Time(first, last), excluded: false });
        }
        for id in &query.ids {
            let positions = cause::events(connection, *id)?;
            all.push(Self { asked: Asked::Positions(positions), excluded: false });
        }
        for id in &query.causes {
            all.push(Self { asked: Asked::Cause(Cause::new(connection, *id)?), excluded: false });
        }
        let terms = query.filter.terms();
        all.extend(terms.iter().filter_map(Self::of_envelope));
        all.extend(
            kinds(connection, terms, query.security)?
                .map(|kinds| Self { asked: Asked::Kinds(kinds), excluded: false }),
        );
        Ok(all)
    }

    pub(super) fn under(tree: Tree, excluded: bool) -> Self {
        Self { asked: Asked::Under(tree), excluded }
    }

    fn of_envelope(term: &Term) -> Option<Self> {
        fn texts(values: &[impl ToString]) -> Vec<String> {
            values.iter().map(ToString::to_string).collect()
        }
        let (field, values) = match &term.test {
            Test::Plan(ids) => (Field::Plan, texts(ids)),
            Test::Root(ids) => (Field::Root, texts(ids)),
            Test::Session(ids) => (Field::Session, texts(ids)),
            Test::Actor(names) => (Field::Actor, texts(names)),
            Test::Project(names) => (Field::Project, texts(names)),
            Test::User(names) => (Field::User, texts(names)),
            Test::Correlation(ids) => (Field::Correlation, texts(ids)),
            Test::Types(_) | Test::Category(_) | Test::Level(_) | Test::Under(_) => return None,
        };
        Some(Self { asked: Asked::Values(field, values), excluded: term.excluded })
    }

    /// Takes out those for which it does not hold.
    pub(super) fn narrow(&self, connection: &Connection, candidates: &mut Candidates) -> Result<()> {
        if candidates.places.is_empty() {
            return Ok(());
        }
        let places = self.asked.places(connection, candidates)?;
        if self.excluded {
            candidates.places.drop_all(&places);
        } else {
            candidates.places.keep(&places);
        }
        Ok(())
    }
}

impl Asked {
    /// Where it holds, among the candidates at least.
    fn places(&self, connection: &Connection, of: &Candidates) -> Result<Places> {
        let (block, (first, last)) = (of.block.number(), of.block.bounds());
        let mut found = Places::NONE;
        match self {
            Self::Kinds(kinds) if kinds.len() <= FEW_KINDS => {
                kinds.iter().try_for_each(|kind| {
                    add(connection, block, Field::Kind, Value::Kind(*kind), &mut found)
                })?;
            }
            Self::Kinds(kinds) => {
                let mut statement = connection.prepare_cached(BY_FIELD)?;
                let mut rows = statement.query([block, Field::Kind.number()])?;
                while let Some(row) = rows.next()? {
                    if kinds.contains(&row.get(0)?) {
                        found.add(&places(row.get_ref(1)?.as_blob()?)?);
                    }
                }
            }
            Self::Values(field, values) => {
                values
                    .iter()
                    .try_for_each(|value| add(connection, block, *field, Value::Text(value), &mut found))?;
            }
            Self::Positions(positions) => {
                let of_block = positions.iter().filter(|position| Block::of(**position) == of.block);
                found = of_block.map(|position| Place::of(*position)).collect();
            }
            Self::Cause(cause) => found = cause.effects(connection, of.block)?,
            Self::Time(since, until) if *since <= of.oldest && of.newest <= *until => {
                found = of.places.clone();
            }
            Self::Time(since, until) if *since > of.newest || of.oldest > *until => {}
            Self::Time(since, until) => {
                let rows = connection.prepare_cached(BY_TIME)?;
                found = positions(rows, params![first, last, since, until])?;
            }
            Self::Under(tree) => found = tree.places(of.block),
        }
        Ok(found)
    }
}

/// Adds the places that have that value.
fn add(
    connection: &Connection,
    block: i64,
    field: Field,
    value: Value<'_>,
    found: &mut Places,
) -> Result<()> {
    let mut statement = connection.prepare_cached(BY_VALUE)?;
    let there =
        statement.query_row(params![block, field.number(), value], |row| places(row.get_ref(0)?.as_blob()?));
    if let Some(there) = there.optional()? {
        found.add(&there);
    }
    Ok(())
}

fn positions(mut statement: rusqlite::CachedStatement<'_>, values: impl rusqlite::Params) -> Result<Places> {
    let rows = statement.query_map(values, |row| row.get::<_, i64>(0))?;
    let mut found = Places::NONE;
    for number in rows {
        if let Some(position) = u64::try_from(number?).ok().and_then(Position::new) {
            found.insert(Place::of(position));
        }
    }
    Ok(found)
}

/// The first and the last nanosecond that is asked for; `None` if all are. The first is behind the last if none is.
pub(super) fn times(since: Option<Timestamp>, until: Option<Timestamp>) -> Option<(i64, i64)> {
    if since.is_none() && until.is_none() {
        return None;
    }
    let first = since.map_or(i64::MIN, Timestamp::unix_nanos);
    match until.map(|until| until.unix_nanos().checked_sub(1)) {
        Some(Some(last)) => Some((first, last)),
        Some(None) => Some((i64::MAX, i64::MIN)),
        None => Some((first, i64::MAX)),
    }
}

/// The kinds that are asked for, by number; `None` if all are.
fn kinds(connection: &Connection, terms: &[Term], security: Option<bool>) -> Result<Option<HashSet<i64>>> {
    let mut statement =
        connection.prepare_cached("SELECT kind, event_type, category, severity, is_security FROM kinds")?;
    let mut rows = statement.query([])?;
    let (mut wanted, mut is_all) = (HashSet::new(), true);
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let (category, severity): (String, String) = (row.get(2)?, row.get(3)?);
        let holds = |term: &Term| {
            let holds = match &term.test {
                Test::Types(patterns) => {
                    let kind = EventType::named(&name).unwrap_or(EventType::Unknown);
                    patterns.iter().any(|pattern| pattern.names(kind, &name))
                }
                Test::Category(values) => values.iter().any(|value| value.as_str() == category),
                Test::Level(values) => values.iter().any(|value| value.as_str() == severity),
                _ => return true,
            };
            holds != term.excluded
        };
        let is_security: bool = row.get(4)?;
        if security.is_none_or(|security| security == is_security) && terms.iter().all(holds) {
            wanted.insert(row.get(0)?);
        } else {
            is_all = false;
        }
    }
    Ok((!is_all).then_some(wanted))
}
