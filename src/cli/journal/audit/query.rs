//! `audit DIR query`.

use std::io::{BufWriter, Write};
use std::path::Path;

use agentbus::audit::{MAX_UNDER, Order};
use agentbus::journal::Entry;
use agentbus::redact::Redactor;
use serde::Serialize;

use super::super::show::Show;
use super::super::{Ended, VerbError, print_json};
use super::{json_of, open, selected};
use crate::cli::args::audit::AuditQueryArgs;
use crate::cli::report::{complain, say};

/// That there are more.
#[derive(Serialize)]
struct Next {
    next: String,
}

pub(super) fn main(directory: &Path, args: AuditQueryArgs) -> Result<Ended, VerbError> {
    let AuditQueryArgs { of, newest, limit, after, json } = args;
    let no_index = of.no_index;
    let query = selected(of)?.limit(limit.into());
    let query = query.order(if newest { Order::NewestFirst } else { Order::OldestFirst });
    let query = after.into_iter().fold(query, agentbus::audit::AuditQuery::after);
    let (mut index, ended) = open(directory, no_index)?;
    let page = index.query(&query)?;
    let next = page.next.map(|next| next.to_string());
    if json {
        let (mut out, redactor) = (BufWriter::new(std::io::stdout().lock()), Redactor::new());
        for line in page.events.iter().filter_map(|recorded| json_of(recorded, &redactor)) {
            writeln!(out, "{line}")?;
        }
        if let Some(next) = next {
            print_json(&mut out, &Next { next })?;
        }
        out.flush()?;
    } else {
        let mut show = Show::timeline(BufWriter::new(anstream::stdout().lock()));
        for recorded in page.events {
            show.entry(&Entry::Event(recorded), &[])?;
        }
        show.finish()?;
        if let Some(next) = next {
            say(&format!("there are more: --after {next}"));
        }
    }
    if page.is_cut {
        complain(&format!("more than {MAX_UNDER} events are under that id: those beyond are left out"));
    }
    Ok(if page.is_cut { Ended::Ill } else { ended })
}
