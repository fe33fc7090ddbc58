//! [`Tree`]: what is under an id.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, Result, params};

use super::cause;
use crate::audit::block::{Block, Place, Places};
use crate::audit::schema::Field;
use crate::audit::write::{pairs, places};
use crate::event::{EventId, EventType};
use crate::journal::Position;

/// How many events under an id are looked at.
pub const MAX_UNDER: usize = 50_000;

pub(super) const CHILDREN: &str =
    "SELECT position FROM events INDEXED BY events_by_parent WHERE parent_plan_id = ?1";
pub(super) const OF_PLAN: &str = "SELECT b.block, p.places FROM plans b CROSS JOIN postings p \
     ON p.block = b.block AND p.field = ?2 AND p.value = ?1 WHERE b.plan = ?1";
pub(super) const EFFECTS: &str = "SELECT block, pairs FROM effects WHERE cause = ?1";
pub(super) const PRESENT: &str = "SELECT present FROM blocks WHERE block = ?1";
pub(super) const CREATED: &str = "SELECT places FROM postings WHERE block = ?1 AND field = ?2 AND value = ?3";
pub(super) const PLAN: &str = "SELECT event ->> '$.plan_id' FROM events WHERE position = ?1";
const CREATING: &str = "SELECT kind FROM kinds WHERE event_type = ?1";

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
    /// Events behind which nobody looked yet.
    events: BTreeMap<Block, Places>,
    /// Plans likewise.
    plans: Vec<String>,
    /// Plans that were found.
    known: HashSet<String>,
    /// The kinds of events that create a plan.
    creating: Vec<i64>,
}

impl Tree {
    /// What is under one of those ids, as far as the index has it.
    pub(super) fn under(connection: &Connection, roots: &[impl ToString]) -> Result<Self> {
        let mut creating = connection.prepare_cached(CREATING)?;
        let creating = creating.query_map([EventType::PlanCreated.as_str()], |row| row.get(0))?;
        let mut growth = Growth {
            connection,
            tree: Self::default(),
            events: BTreeMap::new(),
            plans: Vec::new(),
            known: HashSet::new(),
            creating: creating.collect::<Result<_>>()?,
        };
        for root in roots {
            let root = root.to_string();
            if let Ok(id) = root.parse() {
                growth.root(id)?;
            }
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
            } else if let Some((block, places)) = self.events.pop_first() {
                self.behind(block, places)?;
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
        self.events.entry(Block::of(position)).or_insert(Places::NONE).insert(Place::of(position));
    }

    /// What an event caused is under it; not the event, nor a plan that it created.
    fn root(&mut self, id: EventId) -> Result<()> {
        for position in cause::events(self.connection, id)? {
            self.effects_of(Block::of(position), &Places::from_iter([Place::of(position)]))?;
        }
        cause::unlinked(self.connection, id)?.into_iter().for_each(|position| self.event(position));
        Ok(())
    }

    /// The events of a plan and of its children.
    fn events_of(&mut self, plan: &str) -> Result<()> {
        for field in [Field::Plan, Field::Root] {
            let mut statement = self.connection.prepare_cached(OF_PLAN)?;
            let mut rows = statement.query(params![plan, field.number()])?;
            while let Some(row) = rows.next()? {
                let block = Block::numbered(row.get(0)?);
                let found = places(row.get_ref(1)?.as_blob()?)?;
                found
                    .iter()
                    .filter_map(|place| block.position(place))
                    .for_each(|position| self.event(position));
            }
        }
        cause::positions(self.connection, CHILDREN, &plan)?
            .into_iter()
            .for_each(|position| self.event(position));
        Ok(())
    }

    /// What events of a block caused; and what is of the plans that they created.
    fn behind(&mut self, block: Block, mut events: Places) -> Result<()> {
        let mut statement = self.connection.prepare_cached(PRESENT)?;
        let present = statement.query_row([block.number()], |row| places(row.get_ref(0)?.as_blob()?));
        // Links and postings may name one that retention took.
        events.keep(&present.optional()?.unwrap_or(Places::NONE));
        self.effects_of(block, &events)?;
        self.plans_created(block, &events)
    }

    fn effects_of(&mut self, block: Block, events: &Places) -> Result<()> {
        let mut statement = self.connection.prepare_cached(EFFECTS)?;
        let mut rows = statement.query([block.number()])?;
        while let Some(row) = rows.next()? {
            let of = Block::numbered(row.get(0)?);
            let pairs = pairs(row.get_ref(1)?.as_blob()?)?;
            let caused = pairs.iter().filter(|pair| events.contains(pair.cause));
            caused.filter_map(|pair| of.position(pair.effect)).for_each(|effect| self.event(effect));
        }
        Ok(())
    }

    fn plans_created(&mut self, block: Block, events: &Places) -> Result<()> {
        let mut of_kind = self.connection.prepare_cached(CREATED)?;
        let mut of_event = self.connection.prepare_cached(PLAN)?;
        for kind in self.creating.clone() {
            let values = params![block.number(), Field::Kind.number(), kind];
            let created = of_kind.query_row(values, |row| places(row.get_ref(0)?.as_blob()?)).optional()?;
            let mut created = created.unwrap_or(Places::NONE);
            created.keep(events);
            for position in created.iter().filter_map(|place| block.position(place)) {
                let plan = of_event.query_row([position.get().cast_signed()], |row| row.get(0));
                if let Some(plan) = plan.optional()?.flatten() {
                    self.plan(plan);
                }
            }
        }
        Ok(())
    }
}
