//! `kinds`: the kinds of events there are.

use std::io::{self, Write};

use agentbus::EventType;
use serde::Serialize;

use super::{Ended, VerbError, print_json, stdout};
use crate::cli::args::journal::KindsArgs;
use crate::cli::timeline::style_of;

#[derive(Serialize)]
struct Kind {
    event_type: &'static str,
    category: String,
    severity: String,
    critical: bool,
    security: bool,
}

pub(super) fn list(args: KindsArgs) -> Result<Ended, VerbError> {
    let mut out = stdout(args.json);
    for event_type in EventType::ALL {
        let kind = Kind {
            event_type: event_type.as_str(),
            category: event_type.category().to_string(),
            severity: event_type.severity().to_string(),
            critical: event_type.is_critical(),
            security: event_type.is_security(),
        };
        if args.json {
            print_json(&mut out, &kind)?;
        } else {
            line(&mut out, event_type, &kind)?;
        }
    }
    out.flush()?;
    Ok(Ended::Well)
}

fn line(out: &mut impl Write, event_type: EventType, kind: &Kind) -> io::Result<()> {
    let style = style_of(event_type.severity());
    let flags = [(kind.critical, "critical"), (kind.security, "security")];
    let flags: Vec<_> = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| *flag).collect();
    let Kind { event_type, category, severity, .. } = kind;
    writeln!(out, "{style}{event_type:28}{style:#} {category:12} {severity:6} {}", flags.join(" "))
}
