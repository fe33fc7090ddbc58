//! [`TelemetryReport`]: the intervals of a journal, put together.

use serde::{Serialize, Serializer};

use super::budgets::Budgets;
use super::check::{IntervalFault, MAX_NUMBER};
use super::interval::{DIGITS, TelemetryBudget, TelemetryGroup, TelemetryInterval};
use super::table::Table;
use super::tally::Tally;
use crate::event::{Details, DomainEvent, Few, Text, Timestamp, Usd};
use crate::filter::Filter;
use crate::journal::{Entry, JournalReader, Position, ReadError, ReadFrom, Recorded};

/// How many names of one group a report tells apart.
pub const MAX_REPORT_NAMES: usize = 256;

/// What the intervals of a journal say together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TelemetryReport {
    /// How many intervals it is made of.
    pub intervals: u64,
    /// How many more there are that ended before the time asked for.
    pub earlier: u64,
    /// When the first of them began.
    pub from: Option<Timestamp>,
    /// When the last of them ended.
    pub to: Option<Timestamp>,
    /// The fewest significant digits that one of them has in its times.
    pub digits: u8,
    /// How many events were missed, at most.
    pub missed: u64,
    /// Of how many plans it was forgotten since when they were in their phase.
    pub forgotten: u64,
    /// What was counted, by group; within one the most frequent first, and what had no room last.
    pub rows: Vec<ReportRow>,
    /// What was told of budgets; of each, what was told last.
    pub budgets: Vec<TelemetryBudget>,
    /// How often something was told of budgets that had no room.
    pub other_budgets: u64,
    /// Intervals that count for nothing, since nobody could have counted so.
    pub refused: Few<RefusedInterval>,
    /// How many lines of the journal cannot be read: there may be intervals among them.
    pub unreadable: u64,
    /// How many times lines are gone from the journal that come before others.
    pub removed: u64,
    /// How many faults of these three sorts come before the time asked for, where they do not matter: what cannot be read
    /// or is gone does if something stands behind it that is older than that.
    pub earlier_faults: u64,
}

/// What was counted under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportRow {
    /// What it counts.
    pub group: TelemetryGroup,
    /// Its name; none for all those together that had no room.
    pub name: Option<Text>,
    /// How many ended, well or ill; of kinds, how many events.
    pub count: u64,
    /// How many began.
    pub began: u64,
    /// How many failed.
    pub failed: u64,
    /// How often it was tried again.
    pub retried: u64,
    /// Tokens that models read.
    pub input_tokens: u64,
    /// Tokens that models wrote.
    pub output_tokens: u64,
    /// What was paid, as far as it was told.
    pub cost_usd: Usd,
    /// How long it took.
    pub times: TelemetryTimes,
}

/// How long things took, in milliseconds. A percentile is that of all times together, right to the digits of the
/// report: at most one in a hundred too high with two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TelemetryTimes {
    /// How many times these are of.
    pub count: u64,
    /// All of them together.
    pub sum_ms: u64,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// Nine in ten took no longer.
    pub p90_ms: u64,
    /// 99 in a hundred took no longer.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

/// An interval that counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedInterval {
    /// Where it stands in the journal.
    pub position: Position,
    /// What is wrong with it.
    #[serde(serialize_with = "in_words")]
    pub fault: IntervalFault,
}

impl TelemetryReport {
    /// Puts together the intervals in a journal: those that ended at `since` or later, or all. One that had begun before
    /// counts whole; [`from`](Self::from) says when the first began.
    ///
    /// # Errors
    /// What keeps a file from being read. What is wrong with a line is told in the report.
    pub fn read(reader: &JournalReader, since: Option<Timestamp>) -> Result<Self, ReadError> {
        let mut merging = Merging::new();
        for entry in reader.read(ReadFrom::Start, Filter::from(TelemetryInterval::TYPE))? {
            match entry? {
                Entry::Event(recorded) => merging.take(&recorded, since),
                Entry::Unreadable(_) => merging.report.unreadable += 1,
                Entry::Removed { .. } => merging.report.removed += 1,
            }
        }
        Ok(merging.finish())
    }

    /// Whether everything that the journal tells is in it.
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.unreadable == 0 && self.removed == 0
    }

    /// Tokens that models read and wrote, and what they cost, as far as it was told.
    pub fn paid(&self) -> (u64, u64, Usd) {
        let actors = self.rows.iter().filter(|row| row.group == TelemetryGroup::Actor);
        actors.fold((0, 0, Usd::ZERO), |(input, output, cost), row| {
            (
                input.saturating_add(row.input_tokens),
                output.saturating_add(row.output_tokens),
                cost.saturating_add(row.cost_usd),
            )
        })
    }
}

impl ReportRow {
    /// Whether it is the row of that group and name, by their words.
    pub fn is(&self, group: &str, name: &str) -> bool {
        self.group.as_str() == group && self.name.as_deref() == Some(name)
    }

    fn of(group: TelemetryGroup, name: Option<&Text>, tally: &Tally) -> Self {
        Self {
            group,
            name: name.cloned(),
            count: tally.count,
            began: tally.began,
            failed: tally.failed,
            retried: tally.retried,
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
            cost_usd: tally.cost_usd,
            times: TelemetryTimes {
                count: tally.times.count(),
                sum_ms: tally.times.sum_ms(),
                p50_ms: tally.times.at(0.5),
                p90_ms: tally.times.at(0.9),
                p99_ms: tally.times.at(0.99),
                max_ms: tally.times.max_ms(),
            },
        }
    }
}

/// A report that is being made.
struct Merging {
    report: TelemetryReport,
    table: Table,
    budgets: Budgets,
    /// How many times all histograms hold; bounded, so that no sum overflows.
    held: u64,
}

impl Merging {
    fn new() -> Self {
        let report = TelemetryReport {
            intervals: 0,
            earlier: 0,
            from: None,
            to: None,
            digits: DIGITS,
            missed: 0,
            forgotten: 0,
            rows: Vec::new(),
            budgets: Vec::new(),
            other_budgets: 0,
            refused: Few::default(),
            unreadable: 0,
            removed: 0,
            earlier_faults: 0,
        };
        Self { report, table: Table::new(MAX_REPORT_NAMES), budgets: Budgets::default(), held: 0 }
    }

    fn take(&mut self, recorded: &Recorded, since: Option<Timestamp>) {
        let is_earlier = since.is_some_and(|since| recorded.event.timestamp() < since);
        let report = &mut self.report;
        if is_earlier {
            report.earlier_faults +=
                std::mem::take(&mut report.unreadable) + std::mem::take(&mut report.removed);
        }
        match self.merge(&recorded.event, since) {
            Err(_) if is_earlier => self.report.earlier_faults += 1,
            Err(fault) => {
                self.report.refused.push(RefusedInterval { position: recorded.position, fault });
            }
            Ok(()) => {}
        }
    }

    /// Adds an interval, whole or not at all.
    fn merge(&mut self, event: &DomainEvent, since: Option<Timestamp>) -> Result<(), IntervalFault> {
        let interval: &TelemetryInterval = event.details().ok_or(IntervalFault::Details)?;
        let held = self.held + interval.check()?;
        if since.is_some_and(|since| interval.to < since) {
            self.report.earlier += 1;
            return Ok(());
        }
        if held > MAX_NUMBER {
            return Err(IntervalFault::Number);
        }
        self.held = held;
        for row in &interval.rows {
            self.table.row(row.group, row.name.as_ref()).merge(row);
        }
        self.budgets.merge(&interval.budgets, interval.other_budgets);
        let report = &mut self.report;
        report.intervals += 1;
        report.from = Some(report.from.map_or(interval.from, |from| from.min(interval.from)));
        report.to = report.to.max(Some(interval.to));
        report.digits = report.digits.min(interval.digits);
        report.missed = report.missed.saturating_add(interval.missed);
        report.forgotten = report.forgotten.saturating_add(interval.forgotten);
        Ok(())
    }

    fn finish(mut self) -> TelemetryReport {
        let mut rows: Vec<_> =
            self.table.rows().map(|(group, name, tally)| ReportRow::of(group, name, tally)).collect();
        rows.sort_by(|one, other| {
            let order = |row: &ReportRow| (row.group, row.name.is_none(), std::cmp::Reverse(row.count));
            order(one).cmp(&order(other)).then_with(|| one.name.cmp(&other.name))
        });
        self.report.rows = rows;
        (self.report.budgets, self.report.other_budgets) = self.budgets.into_parts();
        self.report
    }
}

fn in_words<S: Serializer>(fault: &IntervalFault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fault)
}
