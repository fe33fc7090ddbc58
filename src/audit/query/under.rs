//! [`Tree`]: what is under an id.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, Result, params};

use crate::audit::block::{Block, Place, Places};
use crate::audit::schema::Field;
use crate::audit::write::places;
use crate::event::EventType;
use crate::journal::Position;

/// How many events under an id are looked at.
pub const MAX_UNDER: usize = 50_000;

pub(super) const CAUSED: &str =
    "SELECT position FROM events INDEXED BY events_by_cause WHERE causation_id = ?1";
pub(super) const CHILDREN: &str =
    "SELECT position FROM events INDEXED BY events_by_parent WHERE parent_plan_id = ?1";
pub(super) const OF_PLAN: &str = "SELECT b.block, p.places FROM blocks b CROSS JOIN postings p \
     ON p.block = b.block AND p.field = ?1 AND p.value = ?2";
pub(super) const EVENT: &str = "SELECT id, plan_id, event_type = ?2 FROM events JOIN kinds USING (kind) \
     WHERE position = ?1";

/// Events that an event caused, at however many removes, or that are of a plan and its children.
#[derive(Debug, Default)]
pub(super) struct Tree {
    blocks: BTreeMap<Block, Places>,
    events: usize,
    /// Whether there are more than are looked at.
    pub(super) is_cut: bool,
}

/// A tree that grows: what was found in it last, and is yet to be looked behind.
struct Growth<'c> {
    connection: &'c Connection,
    tree: Tree,
    positions: Vec<Position>,
    plans: Vec<String>,
    /// Plans that were found.
    known: HashSet<String>,
}

impl Tree {
    /// What is under one of those ids, as far as the index has it.
    pub(super) fn under(connection: &Connection, roots: &[impl ToString]) -> Result<Self> {
        let mut growth = Growth {
            connection,
            tree: Self::default(),
            positions: Vec::new(),
            plans: Vec::new(),
            known: HashSet::new(),
        };
        for root in roots {
            let root = root.to_string();
            growth.caused_by(&root)?;
            growth.plan(root);
        }
        growth.grow()?;
        Ok(growth.tree)
    }

    pub(super) fn places(&self, block: Block) -> Places {
        self.blocks.get(&block).cloned().unwrap_or(Places::NONE)
    }

    /// The blocks in which it has events.
    pub(super) fn blocks(&self) -> Option<(Block, Block)> {
        Some((*self.blocks.first_key_value()?.0, *self.blocks.last_key_value()?.0))
    }
}

impl Growth<'_> {
    /// Looks behind everything that is found, until nothing new is.
    fn grow(&mut self) -> Result<()> {
        loop {
            if let Some(plan) = self.plans.pop() {
                self.events_of(&plan)?;
            } else if let Some(position) = self.positions.pop() {
                self.behind(position)?;
            } else {
                return Ok(());
            }
            if self.tree.is_cut {
                return Ok(());
            }
        }
    }

    fn plan(&mut self, plan: String) {
        if self.known.insert(plan.clone()) {
            self.plans.push(plan);
        }
    }

    fn event(&mut self, position: Position) {
        let places = self.tree.blocks.entry(Block::of(position)).or_insert(Places::NONE);
        let place = Place::of(position);
        if places.contains(place) {
            return;
        }
        if self.tree.events == MAX_UNDER {
            self.tree.is_cut = true;
            return;
        }
        places.insert(place);
        self.tree.events += 1;
        self.positions.push(position);
    }

    /// The events of a plan and of its children.
    fn events_of(&mut self, plan: &str) -> Result<()> {
        for field in [Field::Plan, Field::Root] {
            let mut statement = self.connection.prepare_cached(OF_PLAN)?;
            let mut rows = statement.query(params![field.number(), plan])?;
            while let Some(row) = rows.next()? {
                let block = Block::numbered(row.get(0)?);
                let found = places(row.get_ref(1)?.as_blob()?)?;
                found
                    .iter()
                    .filter_map(|place| block.position(place))
                    .for_each(|position| self.event(position));
            }
        }
        self.all(CHILDREN, plan)
    }

    fn caused_by(&mut self, id: &str) -> Result<()> {
        self.all(CAUSED, id)
    }

    fn all(&mut self, sql: &str, id: &str) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()?
            && !self.tree.is_cut
        {
            let number: i64 = row.get(0)?;
            u64::try_from(number)
                .ok()
                .and_then(Position::new)
                .into_iter()
                .for_each(|found| self.event(found));
        }
        Ok(())
    }

    /// What that event caused; and if it created a plan, what is of that.
    fn behind(&mut self, position: Position) -> Result<()> {
        let mut statement = self.connection.prepare_cached(EVENT)?;
        let created = EventType::PlanCreated.as_str();
        let mut rows = statement.query(params![position.get().cast_signed(), created])?;
        // Postings may name one that retention took.
        let Some(row) = rows.next()? else { return Ok(()) };
        let (id, plan, is_created): (String, Option<String>, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        self.caused_by(&id)?;
        if let Some(plan) = plan.filter(|_| is_created) {
            self.plan(plan);
        }
        Ok(())
    }
}
