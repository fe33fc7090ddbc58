//! `audit prove` and `audit check-proof`: proofs of single lines.

use std::io::{self, Read as _, Write as _};

use agentbus::audit::proof::{Inclusion, MAX_PROOF_BYTES, Proven};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::args::audit::{CheckProofArgs, ProveArgs};
use crate::cli::escape::escaped_json;
use crate::cli::journal::{Ended, VerbError, directory, keys, print_answer};
use crate::cli::regular::{self, Links};
use crate::cli::report::with_causes;

pub(super) fn prove(args: &ProveArgs) -> Result<Ended, VerbError> {
    let reader = directory::reader(&args.directory)?;
    let proof = Inclusion::of(&reader, args.position)?;
    // Its line stands in it as it is stored.
    let mut out = io::stdout().lock();
    writeln!(out, "{proof}")?;
    out.flush()?;
    Ok(Ended::Well)
}

/// What was found of a proof.
#[derive(Serialize)]
struct Answer {
    proven: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Box<RawValue>>,
}

impl Answer {
    fn of(proven: &Proven) -> Self {
        Self {
            proven: true,
            error: None,
            journal: Some(proven.journal.to_string()),
            position: Some(proven.position.get()),
            head: Some(format!("{}:{}", proven.head, proven.hash)),
            signed: Some(proven.time.to_string()),
            event: RawValue::from_string(proven.event.clone()).ok(),
        }
    }

    fn refused(error: String) -> Self {
        let (journal, position, head, signed, event) = (None, None, None, None, None);
        Self { proven: false, error: Some(error), journal, position, head, signed, event }
    }
}

pub(super) fn check(args: &CheckProofArgs) -> Result<Ended, VerbError> {
    let key = keys::public(&args.key)?;
    let failed = |source| VerbError::ReadFile { file: args.file.clone(), source };
    let file = regular::open(&args.file, Links::Followed).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than any has: it is refused for that.
    file.take(MAX_PROOF_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let checked = Inclusion::parse(&bytes).and_then(|proof| proof.check(&key));
    let answer = match &checked {
        Ok(proven) => Answer::of(proven),
        Err(fault) => Answer::refused(with_causes(fault)),
    };
    print_answer(args.json, &answer, |out| match &checked {
        Ok(Proven { journal, position, head, time, hash, event, .. }) => {
            writeln!(
                out,
                "proven: position {position} of journal {journal}, signed at {time} (head {head}:{hash})"
            )?;
            writeln!(out, "{}", escaped_json(event))
        }
        Err(fault) => writeln!(out, "not proven: {}", with_causes(fault)),
    })?;
    Ok(Ended::well_if(checked.is_ok()))
}
