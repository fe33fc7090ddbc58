//! The cases, by group: what is measured, whoever is measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::bench::Bench;
use crate::load::{self, Load, Outcome};
use crate::machine::Machine;
use crate::measure::{Figure, Side, in_turns};
use crate::report::{Line, Section, Unit};
use crate::rival::Rival;
use crate::{docs, journal, key};

mod emit;
mod fanout;
mod flood;
mod handlers;
mod inline;
mod selective;
mod threads;

/// Measures one group.
type Group = fn(&Bench);

/// The groups, in the order in which they are measured.
pub(crate) const GROUPS: [(&str, Group); 8] = [
    ("emit", emit::run),
    ("inline", inline::run),
    ("fanout", fanout::run),
    ("flood", flood::run),
    ("selective", selective::run),
    ("handlers", handlers::run),
    ("threads", threads::run),
    ("journal", journal::run),
];

/// The groups that depend on the allocator enough to be measured with another.
const BY_ALLOCATOR: [&str; 2] = ["fanout", "flood"];

/// The allocator of this program.
pub(crate) const ALLOCATOR: &str = if cfg!(feature = "mimalloc") { "mimalloc" } else { "glibc" };

/// Runs the groups that were asked for and writes what came of them.
pub(crate) fn run(args: &Args) -> ExitCode {
    let bench = Bench::new(args);
    let is_asked_for = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    for (name, group) in GROUPS {
        if is_asked_for(name) {
            group(&bench);
        }
        if let Some(program) = &args.other_allocator
            && is_asked_for(name)
            && BY_ALLOCATOR.contains(&name)
        {
            with_the_other_allocator(&bench, program, name);
        }
    }
    if args.sections {
        // The program that started this one counts what of ours is unaccounted for as if it had run it.
        println!("{}", bench.loss_unaccounted());
        return ExitCode::SUCCESS;
    }
    bench.report.key("loss_unaccounted", bench.loss_unaccounted() as f64);
    println!();
    key::print(&bench.report);
    if let Some(folder) = &args.docs {
        docs::write(folder, args, &bench.report);
    }
    if let Some(file) = &args.json {
        fs::write(file, as_json(&bench)).unwrap();
    }
    verdict(bench.loss_unaccounted())
}

/// A missed bar may be the machine's fault. An event that nobody accounts for is not.
fn verdict(unaccounted: u64) -> ExitCode {
    if unaccounted == 0 {
        return ExitCode::SUCCESS;
    }
    println!("\n{unaccounted} events are NOT accounted for");
    ExitCode::FAILURE
}

/// Runs a group of the same program built with the other allocator.
fn with_the_other_allocator(bench: &Bench, program: &Path, group: &str) {
    let mut command = Command::new(program);
    command.args(["--sections", "--only", group]).stdout(Stdio::piped());
    if bench.quick {
        command.arg("--quick");
    }
    let mut child = command.spawn().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Ok(unaccounted) = line.parse() {
            bench.unaccounted(unaccounted);
        } else {
            bench.report.add(serde_json::from_str(&line).unwrap());
        }
    }
    assert!(child.wait().unwrap().success(), "{} failed", program.display());
}

fn as_json(bench: &Bench) -> String {
    let keys = bench.report.keys().into_iter().map(|(name, value)| (name, json!(value)));
    let mut object: Map<String, Value> = keys.collect();
    object.insert("quick".to_owned(), json!(bench.quick));
    object.insert("machine".to_owned(), json!(Machine::read()));
    object.insert("sections".to_owned(), json!(bench.report.sections()));
    serde_json::to_string_pretty(&object).unwrap() + "\n"
}

/// The sides of a load, each a rival, measured in turns.
struct Runs<'a> {
    bench: &'a Bench,
    load: Load,
    names: Vec<&'static str>,
    sides: Vec<Side<'a, Outcome>>,
}

impl<'a> Runs<'a> {
    fn of(bench: &'a Bench, load: Load) -> Self {
        Self { bench, load, names: Vec::new(), sides: Vec::new() }
    }

    fn rival<R: Rival>(mut self) -> Self {
        let (bench, load) = (self.bench, self.load);
        self.names.push(R::NAME);
        self.sides.push(Box::new(move || load::run::<R>(bench, &load)));
        self
    }

    /// Deliveries a second, with what was lost.
    fn deliveries(self, group: &str, title: &str) -> Section {
        self.section(group, title, Outcome::deliveries_per_second)
    }

    fn section(mut self, group: &str, title: &str, rate: impl Fn(&Outcome) -> f64) -> Section {
        let given = in_turns(self.bench.rounds(), &mut self.sides);
        let mut section = Section::new(group, &format!("{title}, {ALLOCATOR}"), Unit::PerSecond);
        for (name, outcomes) in self.names.into_iter().zip(given) {
            let figure = Figure::of(outcomes.iter().map(&rate).collect());
            let delivered = Figure::of(outcomes.iter().map(Outcome::delivered).collect()).median;
            section.lines.push(Line { delivered: Some(delivered), ..Line::new(name, figure) });
        }
        section
    }
}
