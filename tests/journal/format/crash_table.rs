//! The tables of crashes in `docs/journal-format.md`: made by crashing after each step, and kept current by a test.
//!
//! `UPDATE_DOCS=1 cargo test --test journal crash_table` makes them anew.

use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use agentbus::journal::{JournalReader, ReadError, Storage};
use agentbus::testing::{Fault, FaultyStorage, FixedClock, Operation, When};

use super::disk::{Disk, called};

mod acts;

use acts::ACTS;

/// What the tables stand behind.
const MARK: &str = "<!-- What follows is made by a test. -->\n";

/// Something of which every step is crashed after.
struct Act {
    title: &'static str,
    /// What there was before.
    before: fn() -> FaultyStorage,
    /// What goes wrong in it.
    fault: Option<(Operation, Fault)>,
    /// Does it, however it ends.
    perform: fn(&FaultyStorage, &Death),
    /// What happens when it is opened again, in words.
    reopen: fn(&FaultyStorage) -> String,
}

/// When the process dies.
struct Death {
    /// After so many steps; never, if they are to be counted.
    after: Option<u64>,
    fault: Option<(Operation, Fault)>,
    /// How many calls were made before the first step.
    begun: Cell<u64>,
}

impl Death {
    /// The first step comes now.
    fn begin(&self, storage: &FaultyStorage) {
        self.begun.set(storage.calls());
        if let Some(steps) = self.after {
            storage.inject(When::Call(storage.calls() + steps + 1), Fault::Freeze);
        }
        if let Some((operation, fault)) = self.fault {
            storage.inject(When::Next(operation, "segments/"), fault);
        }
    }
}

/// A row of a table: what was done last, and what comes of a crash then.
struct Row {
    after: Vec<String>,
    disk: Disk,
    open: String,
}

impl Act {
    /// Does it up to a step, or to its end; what is left, and the steps that were made.
    fn run(&self, after: Option<u64>) -> (FaultyStorage, Vec<String>) {
        let storage = (self.before)();
        let death = Death { after, fault: self.fault, begun: Cell::new(0) };
        (self.perform)(&storage, &death);
        let begun = usize::try_from(death.begun.get()).unwrap();
        (storage.restart_process(), storage.trace().split_off(begun))
    }

    /// Steps after which the disk is as before are told with the step before them.
    fn rows(&self) -> Vec<Row> {
        let (done, steps) = self.run(None);
        let before = (self.before)();
        let mut rows: Vec<Row> = Vec::new();
        for made in 0..=steps.len() {
            let left = if made == steps.len() { done.clone() } else { self.run(Some(made as u64)).0 };
            let disk = Disk::of(&left);
            assert_intact(&left, &format!("{} after {made} steps", self.title));
            let step = made.checked_sub(1).and_then(|step| in_words(&steps[step], &before));
            let open = (self.reopen)(&left);
            match rows.last_mut() {
                Some(last) if last.disk == disk => {
                    assert_eq!(last.open, open, "{}: {:?} is one case", self.title, last.after);
                    last.after.extend(step);
                }
                _ => rows.push(Row { after: step.into_iter().collect(), disk, open }),
            }
        }
        rows
    }

    fn table(&self) -> String {
        let rows = self.rows();
        let disks: Vec<_> = rows.iter().map(|row| row.disk.clone()).collect();
        let mut table =
            format!("\n### {}\n\n| after | on disk | what opening does |\n|---|---|---|\n", self.title);
        for (number, Row { after, disk, open }) in rows.iter().enumerate() {
            let begun = (number == 0).then(|| "the beginning".to_owned());
            let after: Vec<_> = begun.into_iter().chain(after.iter().cloned()).collect();
            writeln!(table, "| {} | {} | {open} |", after.join(", "), disk.told_beside(&disks)).unwrap();
        }
        table
    }
}

/// A crash of a process damages nothing.
fn assert_intact(storage: &FaultyStorage, what: &str) {
    match JournalReader::on(Arc::new(storage.clone())) {
        Ok(reader) => assert_eq!(reader.verify().unwrap().first_damage, None, "{what}"),
        Err(error) => assert!(matches!(error, ReadError::NotAJournal { .. }), "{what}: {error}"),
    }
}

/// A step in words, if it changes what there was, or makes that last. Files under a temporary name do not count.
fn in_words(call: &str, before: &FaultyStorage) -> Option<String> {
    let (call, fault) = call.split_once(": ").unwrap_or((call, ""));
    let (operation, names) = call.split_once(' ')?;
    let name = match names.split_once(" to ") {
        Some((_, to)) if operation == "rename" => to,
        _ => names.split(' ').next()?,
    };
    let is_there = operation == "create_folder" && before.list(name).is_ok();
    if is_there || name.ends_with(".tmp") {
        return None;
    }
    let name = if name.is_empty() { "the directory".to_owned() } else { called(name) };
    let done = match operation {
        "create" | "create_folder" => format!("makes {name}"),
        "rename" => format!("puts {name} in place"),
        "append" => format!("writes {name}"),
        "sync" | "sync_folder" => format!("syncs {name}"),
        "cut" => format!("cuts {name}"),
        "remove" => format!("removes {name}"),
        _ => return None,
    };
    Some(match fault {
        "" => done,
        fault if fault.starts_with("Tear") => format!("{done} in part"),
        _ => format!("{done}, which fails"),
    })
}

#[test]
fn the_tables_of_crashes_are_current() {
    let _clock = FixedClock::at("2026-01-31T09:30:00Z".parse().unwrap());
    let made: String = ACTS.iter().map(Act::table).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/journal-format.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, tables) = document.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{MARK}{made}")).unwrap();
    } else {
        assert_eq!(tables, made, "UPDATE_DOCS=1 cargo test --test journal crash_table makes them anew");
    }
}
