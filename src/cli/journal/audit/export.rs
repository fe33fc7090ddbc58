//! `audit DIR export`: page by page, so that memory stays bounded.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use agentbus::audit::MAX_LIMIT;
use agentbus::journal::Recorded;
use agentbus::redact::Redactor;

use super::super::{Ended, VerbError};
use super::{csv, json_of, open, selected};
use crate::cli::args::audit::{AuditExportArgs, ExportFormat};
use crate::cli::report::complain;

/// How much is printed at once, in bytes.
const PRINTED_AT_ONCE: usize = 64 << 10;

pub(super) fn main(directory: &Path, args: AuditExportArgs) -> Result<Ended, VerbError> {
    let AuditExportArgs { of, format } = args;
    let no_index = of.no_index;
    let mut query = selected(of)?.limit(MAX_LIMIT).max_steps(None);
    let (mut index, mut ended) = open(directory, no_index)?;
    let mut out = BufWriter::with_capacity(PRINTED_AT_ONCE, io::stdout().lock());
    let redactor = Redactor::new();
    if format == ExportFormat::Csv {
        csv::write_names(&mut out)?;
    }
    loop {
        let page = index.query(&query)?;
        page.events.iter().try_for_each(|recorded| write(&mut out, recorded, format, &redactor))?;
        if page.is_cut && ended == Ended::Well {
            complain("more events are under that id than are looked at: those beyond are left out");
            ended = Ended::Ill;
        }
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    out.flush()?;
    Ok(ended)
}

fn write(
    out: &mut impl Write,
    recorded: &Recorded,
    format: ExportFormat,
    redactor: &Redactor,
) -> io::Result<()> {
    let Some(json) = json_of(recorded, redactor) else {
        complain(&format!("the event at position {} has no JSON form", recorded.position));
        return Ok(());
    };
    match format {
        ExportFormat::Jsonl => writeln!(out, "{json}"),
        ExportFormat::Csv => csv::write(out, recorded, &json),
    }
}
