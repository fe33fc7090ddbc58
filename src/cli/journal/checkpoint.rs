//! `checkpoint`: what agents save of their sessions, to go on from.

use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::Path;

use agentbus::checkpoint::{
    Change, ChangedCheckpoint, CheckpointDraft, CheckpointError, CheckpointFilter, CheckpointStatus,
    CheckpointStore, EventsSince, MAX_DRAFT_BYTES, NoPosition, Nonconformity, Resumed, Since, Subject,
};
use agentbus::journal::Entry;

use super::recording::Recording;
use super::show::Show;
use super::{Ended, VerbError, directory, print_answer, print_json, stdout};
use crate::cli::args::checkpoint::{
    CheckpointArgs, CheckpointVerb, CleanupArgs, CreateArgs, FolderArgs, GetArgs, ListArgs, MotivatedArgs,
    ResolveArgs, ResumeArgs, StatusKind, WritingArgs,
};
use crate::cli::escape::Escaped;
use crate::cli::report::complain;

mod answer;
mod ending;

use answer::{Answer, Cleaned, NewStatus, Unusable};
use ending::{speak_of_runs, sweep_runs};

pub(super) fn main(args: CheckpointArgs) -> Result<Ended, VerbError> {
    match args.verb {
        CheckpointVerb::Create(args) => create(&args),
        CheckpointVerb::List(args) => list(args),
        CheckpointVerb::Get(args) => get(&args),
        CheckpointVerb::Resolve(args) => resolve(&args),
        CheckpointVerb::Abandon(args) => abandon(&args),
        CheckpointVerb::Quarantine(args) => quarantine(&args),
        CheckpointVerb::Cleanup(args) => cleanup(&args),
        CheckpointVerb::Sweep(args) => sweep_runs(&args),
        CheckpointVerb::Resume(args) => resume(&args),
    }
}

/// The store in a folder that has to be there.
fn existing(args: &FolderArgs) -> Result<CheckpointStore, VerbError> {
    directory::look(&args.directory)?;
    Ok(allowing(CheckpointStore::open_existing(&args.directory)?, args))
}

fn allowing(store: CheckpointStore, args: &FolderArgs) -> CheckpointStore {
    if args.allow_agent.is_empty() { store } else { store.with_agents(args.allow_agent.iter().cloned()) }
}

/// Does what a verb does that writes to a folder that is there, and records it.
fn recorded<T>(
    args: &WritingArgs,
    run: impl FnOnce(&CheckpointStore) -> Result<T, CheckpointError>,
) -> Result<(T, Ended), VerbError> {
    recorded_on(existing(&args.of)?, args.journal.as_deref(), run)
}

/// Does something, and records it.
fn recorded_on<T>(
    store: CheckpointStore,
    journal: Option<&Path>,
    run: impl FnOnce(&CheckpointStore) -> Result<T, CheckpointError>,
) -> Result<(T, Ended), VerbError> {
    let (recording, begun) = Recording::start_if_named(journal);
    let store = match &recording {
        Some(recording) => recording.of(store),
        None => store,
    };
    let done = run(&store);
    drop(store);
    let recorded = recording.map_or(begun, Recording::close);
    Ok((done?, recorded))
}

fn create(args: &CreateArgs) -> Result<Ended, VerbError> {
    let WritingArgs { of, journal } = &args.of;
    let mut json = Vec::new();
    // One byte more than is taken: what is longer is refused, and not read.
    let read = io::stdin().lock().take(MAX_DRAFT_BYTES as u64 + 1).read_to_end(&mut json);
    read.map_err(VerbError::ReadStdin)?;
    // Looked at first: for a bad one neither folder nor journal is made.
    let draft = CheckpointDraft::from_json(&json)?;
    if !of.allow_agent.is_empty() && !of.allow_agent.contains(&draft.agent) {
        let (subject, reason) = (Subject::Given, Nonconformity::Agent);
        return Err(CheckpointError::NotConforming { subject, reason }.into());
    }
    let store = allowing(CheckpointStore::open(&of.directory)?, of);
    let (stored, ended) = recorded_on(store, journal.as_deref(), |store| store.create_json(&json))?;
    print_answer(of.json, &Answer::of(&stored), |out| writeln!(out, "{}", stored.file))?;
    Ok(ended)
}

fn list(args: ListArgs) -> Result<Ended, VerbError> {
    let store = existing(&args.of)?;
    let mut filter = CheckpointFilter::all();
    if let Some(agent) = args.agent {
        filter = filter.agent(agent);
    }
    if let Some(status) = args.status {
        filter = filter.status(status.into());
    }
    if let Some(shipment) = args.shipment {
        filter = filter.shipment(shipment);
    }
    if let Some(feature) = args.feature {
        filter = filter.feature(feature);
    }
    if let Some(max_age) = args.max_age {
        filter = filter.max_age(max_age);
    }
    let listing = store.list(&filter)?;
    let mut out = stdout(args.of.json);
    for stored in &listing.checkpoints {
        if args.of.json {
            print_json(&mut out, &Answer::of(stored))?;
        } else {
            writeln!(out, "{}", answer::line(stored))?;
        }
    }
    for malformed in &listing.malformed {
        let unusable = Unusable::of(malformed);
        if args.of.json {
            print_json(&mut out, &unusable)?;
        } else {
            writeln!(out, "{}", Escaped(&unusable.in_words()))?;
        }
    }
    out.flush()?;
    Ok(Ended::well_if(listing.malformed.is_empty()))
}

impl From<StatusKind> for CheckpointStatus {
    fn from(kind: StatusKind) -> Self {
        match kind {
            StatusKind::Active => Self::Active,
            StatusKind::Resolved => Self::Resolved,
            StatusKind::Abandoned => Self::Abandoned,
        }
    }
}

fn get(args: &GetArgs) -> Result<Ended, VerbError> {
    let stored = existing(&args.of)?.get(&args.file)?;
    print_answer(args.of.json, &Answer::of(&stored), |out| answer::in_full(out, &stored))?;
    Ok(Ended::Well)
}

fn resolve(args: &ResolveArgs) -> Result<Ended, VerbError> {
    let (resolved, ended) = recorded(&args.of, |store| store.resolve(&args.file))?;
    changed(&resolved, &args.of.of)?;
    Ok(ended)
}

fn abandon(args: &MotivatedArgs) -> Result<Ended, VerbError> {
    let run = |store: &CheckpointStore| store.abandon(&args.file, &args.reason, &args.operator);
    let (abandoned, ended) = recorded(&args.of, run)?;
    changed(&abandoned, &args.of.of)?;
    Ok(ended)
}

fn changed(
    ChangedCheckpoint { stored, change, .. }: &ChangedCheckpoint,
    args: &FolderArgs,
) -> io::Result<()> {
    let (file, status) = (stored.file.as_str(), stored.checkpoint.status);
    let is_changed = *change == Change::Written;
    print_answer(args.json, &NewStatus { file, status, changed: is_changed }, |out| {
        let again = if is_changed { "" } else { " already" };
        writeln!(out, "{} is {}{again}", Escaped(file), status.as_str())
    })?;
    speak_of_runs(&args.directory);
    Ok(())
}

fn quarantine(args: &MotivatedArgs) -> Result<Ended, VerbError> {
    let run = |store: &CheckpointStore| store.quarantine(&args.file, &args.reason, &args.operator);
    let (record, ended) = recorded(&args.of, run)?;
    print_answer(args.of.of.json, &record, |out| {
        writeln!(out, "moved {0} to quarantine/{0}", Escaped(&record.file))
    })?;
    speak_of_runs(&args.of.of.directory);
    Ok(ended)
}

fn cleanup(args: &CleanupArgs) -> Result<Ended, VerbError> {
    let run = |store: &CheckpointStore| store.cleanup(args.older_than);
    let (report, ended) = recorded(&args.of, run)?;
    print_answer(args.of.of.json, &Cleaned::of(&report), |out| answer::cleaned(out, &report))?;
    speak_of_runs(&args.of.of.directory);
    Ok(if report.errors.is_empty() { ended } else { Ended::Ill })
}

fn resume(args: &ResumeArgs) -> Result<Ended, VerbError> {
    let store = existing(&args.of)?;
    let store = match &args.journal {
        Some(journal) => store.with_journal(directory::reader(journal)?),
        None => store,
    };
    let Resumed { stored, events, malformed, .. } = store.resume(&args.session)?;
    for malformed in &malformed {
        complain(&Unusable::of(malformed).in_words());
    }
    if let Some(Since::Time(time, why @ (NoPosition::OtherJournal | NoPosition::NotReached))) =
        events.as_ref().map(EventsSince::since)
    {
        complain(&format!("{why}: of the events those are shown whose time is {time} or later"));
    }
    let answer = Answer::resumed(&stored, events.as_ref());
    print_answer(args.of.json, &answer, |out| answer::in_full(out, &stored))?;
    let ended = Ended::well_if(malformed.is_empty());
    let Some(mut events) = events else { return Ok(ended) };
    let out = BufWriter::new(stdout(args.of.json));
    let mut show = if args.of.json { Show::as_stored(out) } else { Show::timeline(out) };
    while let Some(entry) = events.next() {
        match entry? {
            event @ Entry::Event(_) => show.entry(&event, events.line())?,
            other => show.entry(&other, &[])?,
        }
    }
    let shown = show.finish()?;
    Ok(if ended == Ended::Ill { ended } else { shown })
}
