//! `memory`: what agents are to know later, by key.

use std::io::{self, Read as _, Write};

use agentbus::checkpoint::memory::{
    MAX_SUMMARY_BYTES, Memory, MemoryError, MemoryFilter, MemoryListing, MemoryPart, MemoryStore,
};
use serde::Serialize;

use super::recording::Recording;
use super::{Ended, VerbError, directory, print_answer};
use crate::cli::args::memory::{
    KeyArgs, ListArgs, MemoryArgs, MemoryFolderArgs, MemoryVerb, RecordArgs, RemoveArgs, SearchArgs, SetArgs,
};
use crate::cli::escape::{Escaped, one_line};
use crate::cli::report::{complain, with_causes};
use crate::cli::timeline::counted;

/// How much of a summary a list shows, in characters.
const MAX_SHOWN: usize = 100;

pub(super) fn main(args: MemoryArgs) -> Result<Ended, VerbError> {
    match args.verb {
        MemoryVerb::Set(args) => set(args),
        MemoryVerb::Get(args) => get(&args),
        MemoryVerb::List(args) => list(args),
        MemoryVerb::Search(args) => search(&args),
        MemoryVerb::Rm(args) => remove(&args),
        MemoryVerb::History(args) => history(&args),
    }
}

/// The store in a folder that has to be there.
fn existing(args: &MemoryFolderArgs) -> Result<MemoryStore, VerbError> {
    directory::look(&args.directory)?;
    Ok(MemoryStore::open_existing(&args.directory)?)
}

/// Does what a verb does that writes, and records it.
fn recorded<T>(
    store: MemoryStore,
    record: &RecordArgs,
    run: impl FnOnce(&MemoryStore) -> Result<T, MemoryError>,
) -> Result<(T, Ended), VerbError> {
    let (recording, begun) = Recording::start_if_named(record.journal.as_deref());
    let store = match &recording {
        Some(recording) => store.with_bus(Some(recording.bus())),
        None => store,
    };
    let done = run(&store);
    // It holds the bus.
    drop(store);
    let ended = recording.map_or(begun, Recording::close);
    Ok((done?, ended))
}

fn set(args: SetArgs) -> Result<Ended, VerbError> {
    let SetArgs { of, key, summary, author, record } = args;
    let summary = if summary == "-" { from_stdin()? } else { summary };
    // Looked at first: for a bad one no folder is made.
    MemoryStore::check(&key, &summary, &author)?;
    let store = MemoryStore::open(&of.directory)?;
    let (memory, ended) = recorded(store, &record, |store| store.set(&key, &summary, &author))?;
    print_answer(of.json, &memory, |out| {
        writeln!(out, "{} is set, revision {}", Escaped(&memory.key), memory.revision)
    })?;
    Ok(ended)
}

/// What stands on stdin, without the line break at its end. More than a summary may have is not read.
fn from_stdin() -> Result<String, VerbError> {
    let mut bytes = Vec::new();
    let most = MAX_SUMMARY_BYTES as u64 + 2;
    io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(VerbError::ReadStdin)?;
    bytes.pop_if(|last| *last == b'\n');
    // Looked at first: what is too long may be cut within a letter here.
    if bytes.len() > MAX_SUMMARY_BYTES {
        let (part, actual, at_most) = (MemoryPart::Summary, bytes.len(), MAX_SUMMARY_BYTES);
        return Err(MemoryError::TooLarge { part, actual, at_most }.into());
    }
    String::from_utf8(bytes).map_err(|_no_utf8| VerbError::StdinNoText)
}

fn get(args: &KeyArgs) -> Result<Ended, VerbError> {
    let memory = existing(&args.of)?.get(&args.key)?;
    print_answer(args.of.json, &memory, |out| {
        heading(out, &memory)?;
        lines(out, &memory.summary)
    })?;
    Ok(Ended::Well)
}

fn history(args: &KeyArgs) -> Result<Ended, VerbError> {
    let history = existing(&args.of)?.history(&args.key)?;
    print_answer(args.of.json, &history, |out| {
        for revision in &history.revisions {
            let author = Escaped(&revision.author);
            writeln!(out, "revision {}, set {} by {author}", revision.revision, revision.at)?;
            lines(out, &revision.summary)?;
        }
        if history.dropped > 0 {
            writeln!(out, "{} before that were dropped", counted(history.dropped, "revision"))?;
        }
        Ok(())
    })?;
    Ok(Ended::Well)
}

fn remove(args: &RemoveArgs) -> Result<Ended, VerbError> {
    let store = existing(&args.of)?;
    let (deleted, ended) = recorded(store, &args.record, |store| store.delete(&args.key))?;
    print_answer(args.of.json, &deleted, |out| {
        let revisions = counted(deleted.revisions, "revision");
        writeln!(out, "{} is deleted, and its history with it: {revisions}", Escaped(&deleted.key))
    })?;
    Ok(ended)
}

fn list(args: ListArgs) -> Result<Ended, VerbError> {
    let store = existing(&args.of)?;
    let mut filter = MemoryFilter::all();
    if let Some(prefix) = args.prefix {
        filter = filter.prefix(prefix);
    }
    if let Some(author) = args.author {
        filter = filter.author(author);
    }
    show(&store.list(&filter)?, args.of.json)
}

fn search(args: &SearchArgs) -> Result<Ended, VerbError> {
    show(&existing(&args.of)?.search(&args.text, args.limit.into())?, args.of.json)
}

/// A file that is no memory, for machines.
#[derive(Serialize)]
struct Unusable<'a> {
    damaged: &'a str,
    kind: &'a str,
    reason: String,
}

/// That there are more, for machines.
#[derive(Serialize)]
struct LeftOut {
    left_out: usize,
}

fn show(listing: &MemoryListing, json: bool) -> Result<Ended, VerbError> {
    for memory in &listing.memories {
        print_answer(json, memory, |out| {
            heading(out, memory)?;
            writeln!(out, "  {}", one_line(&memory.summary, MAX_SHOWN))
        })?;
    }
    for damaged in &listing.damaged {
        let reason = with_causes(&damaged.error);
        if json {
            let unusable = Unusable { damaged: &damaged.file, kind: damaged.error.kind(), reason };
            print_answer(json, &unusable, |_out| Ok(()))?;
        } else {
            complain(&reason);
        }
    }
    if listing.left_out > 0 {
        if json {
            print_answer(json, &LeftOut { left_out: listing.left_out }, |_out| Ok(()))?;
        }
        complain(&format!("{} more are not shown", listing.left_out));
    }
    Ok(Ended::well_if(listing.damaged.is_empty()))
}

fn heading(out: &mut impl Write, memory: &Memory) -> io::Result<()> {
    let (key, author) = (Escaped(&memory.key), Escaped(&memory.author));
    writeln!(out, "{key}  (revision {}, set {} by {author})", memory.revision, memory.at)
}

/// A text of several lines, each escaped.
fn lines(out: &mut impl Write, text: &str) -> io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "  {}", Escaped(line)))
}
