//! `telemetry`: what happened, counted and timed.

use std::io::{self, Write};

use agentbus::Redactor;
use agentbus::event::{Text, Timestamp};
use agentbus::telemetry::{ReportRow, TelemetryBudget, TelemetryGroup, TelemetryReport};
use anstyle::Style;

use super::{Ended, VerbError, directory, stdout};
use crate::cli::args::telemetry::TelemetryArgs;
use crate::cli::escape::{Escaped, escaped_json, one_line};
use crate::cli::report::complain;
use crate::cli::timeline::{counted, millis};

/// How much of a name is shown, in characters.
const MAX_SHOWN: usize = 36;

pub(super) fn main(args: &TelemetryArgs) -> Result<Ended, VerbError> {
    let (reader, meter) = directory::metered(&args.of.directory)?;
    let progress = meter.show();
    let report = TelemetryReport::read(&reader, args.since)?;
    drop(progress);
    let mut out = stdout(args.of.json);
    if args.of.json {
        let json = serde_json::to_string(&report).map_err(io::Error::from)?;
        writeln!(out, "{}", escaped_json(&Redactor::new().redact_json(&json)))?;
    } else if report.intervals > 0 {
        print(&mut out, &report)?;
    }
    out.flush()?;
    tell_losses(&report);
    if report.intervals == 0 {
        complain(&none(&report, args.since));
    }
    Ok(Ended::well_if(report.is_whole() && report.intervals > 0))
}

/// That there is no telemetry, and how there can be.
fn none(report: &TelemetryReport, since: Option<Timestamp>) -> String {
    if let (Some(since), 1..) = (since, report.earlier) {
        let earlier = counted(report.earlier, "interval");
        return format!("no telemetry since {since}; {earlier} ended before: choose an earlier --since");
    }
    "there is no telemetry in this journal: `run --journal` records it, and a program does by \
     `Telemetry::builder().start(bus)`"
        .to_owned()
}

/// Says what is wrong with the journal.
fn tell_losses(report: &TelemetryReport) {
    for refused in report.refused.items() {
        complain(&format!("the interval at position {} does not count: {}", refused.position, refused.fault));
    }
    if report.refused.more() > 0 {
        complain(&format!("nor do {}", counted(report.refused.more(), "more interval")));
    }
    if report.unreadable > 0 {
        complain(&format!("{} cannot be read; `verify` tells more", counted(report.unreadable, "line")));
    }
    if report.removed > 0 {
        complain("lines are gone from the journal: removed by retention, or lost; `verify` tells more");
    }
    if report.earlier_faults > 0 {
        complain(&format!("what --since leaves out has {}", counted(report.earlier_faults, "fault")));
    }
}

fn print(out: &mut impl Write, report: &TelemetryReport) -> io::Result<()> {
    let (Some(from), Some(to)) = (report.from, report.to) else { return Ok(()) };
    writeln!(out, "{from} to {to}, told in {}", counted(report.intervals, "interval"))?;
    if let Some(how_far) = too_high(report.digits) {
        writeln!(
            out,
            "percentiles are up to {how_far} too high: more times differed than there is room for"
        )?;
    }
    if report.missed > 0 {
        writeln!(out, "at most {} missed, which count nowhere", counted(report.missed, "event"))?;
    }
    if report.forgotten > 0 {
        let plans = counted(report.forgotten, "plan");
        writeln!(out, "of {plans} it was forgotten since when they were in their phase")?;
    }
    for group in TelemetryGroup::ALL {
        let rows: Vec<_> = report.rows.iter().filter(|row| row.group == group).collect();
        if !rows.is_empty() {
            table(out, group, &rows)?;
        }
    }
    let (input, output, cost) = report.paid();
    writeln!(out, "\ncost\n  {input} tokens read, {output} written; {cost} USD, as far as it was told")?;
    budgets(out, &report.budgets, report.other_budgets)
}

/// How far percentiles may be off with so few digits; with two nobody sees it.
fn too_high(digits: u8) -> Option<&'static str> {
    match digits {
        0 => Some("as much again"),
        1 => Some("a tenth"),
        _ => None,
    }
}

fn table(out: &mut impl Write, group: TelemetryGroup, rows: &[&ReportRow]) -> io::Result<()> {
    let dim = Style::new().dimmed();
    let columns = columns(group, rows);
    write!(out, "\n{:38}{dim}", title(group))?;
    columns.iter().try_for_each(|column| write!(out, "{:>1$}", column.title, column.width))?;
    writeln!(out, "{dim:#}")?;
    for (number, row) in rows.iter().enumerate() {
        let cell = |Column { cells, width, .. }: &Column| {
            format!("{:>width$}", cells.get(number).map_or("", String::as_str))
        };
        let line = format!("  {:36}{}", shown(row.name.as_ref()), columns.each_ref().map(cell).concat());
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A column of numbers.
struct Column {
    title: &'static str,
    cells: Vec<String>,
    /// Wide enough that two blanks stand before each number.
    width: usize,
}

/// The columns behind the names.
fn columns(group: TelemetryGroup, rows: &[&ReportRow]) -> [Column; 8] {
    let column = |title, least, cell: &dyn Fn(&ReportRow) -> String| {
        let cells: Vec<_> = rows.iter().map(|row| cell(row)).collect();
        let width = cells.iter().map(|cell| cell.len() + 2).chain([least]).max().unwrap_or(least);
        Column { title, cells, width }
    };
    // An event neither begins nor fails.
    let more = |number: u64| if group == TelemetryGroup::Kind { String::new() } else { number.to_string() };
    let time = |row: &ReportRow, ms| if row.times.count == 0 { String::new() } else { millis(ms) };
    [
        column("count", 8, &|row| row.count.to_string()),
        column("began", 8, &|row| more(row.began)),
        column("failed", 8, &|row| more(row.failed)),
        column("retried", 8, &|row| more(row.retried)),
        column("p50", 10, &|row| time(row, row.times.p50_ms)),
        column("p90", 10, &|row| time(row, row.times.p90_ms)),
        column("p99", 10, &|row| time(row, row.times.p99_ms)),
        column("max", 10, &|row| time(row, row.times.max_ms)),
    ]
}

fn title(group: TelemetryGroup) -> &'static str {
    match group {
        TelemetryGroup::Tool => "tools",
        TelemetryGroup::Actor => "actors",
        TelemetryGroup::Validation => "validations",
        TelemetryGroup::Check => "validations that failed",
        TelemetryGroup::Phase => "plans by phase",
        _ => "events",
    }
}

/// A name as people see it.
fn shown(name: Option<&Text>) -> String {
    name.map_or_else(
        || "(all others)".to_owned(),
        |name| one_line(&Redactor::new().redact_text(name), MAX_SHOWN),
    )
}

fn budgets(out: &mut impl Write, budgets: &[TelemetryBudget], others: u64) -> io::Result<()> {
    for budget in budgets {
        let of = Redactor::new().redact_text(&budget.scope_id).into_owned();
        write!(out, "  {} {}: ", budget.tier, Escaped(&of))?;
        write!(out, "{} of {} USD spent when last told of", budget.spent_usd, budget.limit_usd)?;
        let (warnings, exceeded) = (counted(budget.warnings, "warning"), budget.exceeded);
        writeln!(out, "; {warnings}, exceeded {exceeded} times")?;
    }
    if others > 0 {
        writeln!(out, "  of other budgets something was told {others} times")?;
    }
    Ok(())
}
