//! [`Batch`]: events of one block, made ready where they are read, so that whoever writes only writes.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::ops::Range;

use super::block::{Block, Place, Places};
use super::row::Row;
use super::schema::Field;
use crate::event::{Category, DomainEvent, EventId, PlanId, Severity};
use crate::journal::Position;

/// The fields whose values are texts.
pub(super) const FIELDS: [Field; 7] =
    [Field::Correlation, Field::Plan, Field::Root, Field::Session, Field::Actor, Field::Project, Field::User];

/// By field of [`FIELDS`]: which places have which value.
pub(super) type Values = [HashMap<String, Places>; FIELDS.len()];

/// Events of one block, and which of its places have which values.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) records: Vec<Record>,
    pub(super) kinds: Vec<(Kind, Places)>,
    pub(super) values: Values,
    /// What is written of the records, one behind the other: whoever writes has little to free then.
    written: String,
    /// Memory in which the text of a value is written.
    text: String,
}

/// What is kept of one event.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) position: Position,
    /// The place of its kind among those of the batch.
    pub(super) kind: usize,
    pub(super) id: EventId,
    pub(super) cause: Option<EventId>,
    /// Nanoseconds since 1970.
    pub(super) time: i64,
    /// The plan whose child the plan is that it created.
    pub(super) parent: Option<PlanId>,
    /// Where its JSON, and the texts of its details, stand in what is written of the batch.
    json: Range<usize>,
    texts: Range<usize>,
}

/// The kind of an event, and what follows from it now that it is indexed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) rank: Rank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rank {
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) is_critical: bool,
    pub(super) is_security: bool,
}

impl Rank {
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

impl Batch {
    pub(super) fn new(block: Block) -> Self {
        let (records, kinds, values) = (Vec::new(), Vec::new(), Values::default());
        Self { block, records, kinds, values, written: String::new(), text: String::new() }
    }

    /// An event of it as JSON.
    pub(super) fn json(&self, record: &Record) -> &str {
        self.written.get(record.json.clone()).unwrap_or_default()
    }

    /// The texts of an event's details.
    pub(super) fn texts(&self, record: &Record) -> &str {
        self.written.get(record.texts.clone()).unwrap_or_default()
    }

    fn write(&mut self, text: &str) -> Range<usize> {
        let start = self.written.len();
        self.written.push_str(text);
        start..self.written.len()
    }

    /// Adds an event of its block.
    pub(super) fn add(&mut self, row: &Row) {
        let (event, place) = (&*row.event, Place::of(row.position));
        let (json, texts) = (self.write(&row.json), self.write(&row.texts));
        let kind = self.add_kind(event, place);
        self.add_values(event, place);
        self.records.push(Record {
            position: row.position,
            kind,
            id: event.id(),
            cause: event.causation_id(),
            time: event.timestamp().unix_nanos(),
            parent: row.parent_plan_id().cloned(),
            json,
            texts,
        });
    }

    fn add_kind(&mut self, event: &DomainEvent, place: Place) -> usize {
        let (name, rank) = (event.type_name(), Rank::of(event));
        let known = self.kinds.iter_mut().enumerate();
        let mut same = known.filter(|(_, (kind, _))| kind.name == name && kind.rank == rank);
        if let Some((number, (_, places))) = same.next() {
            places.insert(place);
            return number;
        }
        self.kinds.push((Kind { name: name.to_owned(), rank }, Places::from_iter([place])));
        self.kinds.len() - 1
    }

    fn add_values(&mut self, event: &DomainEvent, place: Place) {
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
}
