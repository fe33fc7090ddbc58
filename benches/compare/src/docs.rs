//! The comparison section of `docs/benchmarks.md`, and its plots.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::args::Args;
use crate::key::{self, KEYS};
use crate::machine::Machine;
use crate::measure::Figure;
use crate::plot::Plot;
use crate::report::{Report, Section};

const BEGIN: &str = "<!-- Made by benches/compare/run --docs. -->\n";
const END: &str = "<!-- So far. -->\n";

/// Writes the section into `benchmarks.md` of that folder, between its marks or at the end.
pub(crate) fn write(folder: &Path, args: &Args, report: &Report) {
    let plots = folder.join("benchmarks");
    fs::create_dir_all(&plots).unwrap();
    let sections = report.sections();
    // Before anything is written: it names the commit, and whether something was changed since.
    let made = section(args, report, &sections);
    Plot::ALL.iter().for_each(|plot| plot.draw(&plots, &sections));
    let file = folder.join("benchmarks.md");
    let text = fs::read_to_string(&file).unwrap();
    let (before, after) = match (text.find(BEGIN), text.find(END)) {
        (Some(begin), Some(end)) => (text[..begin].to_owned(), &text[end + END.len()..]),
        _ => (format!("{}\n\n", text.trim_end()), ""),
    };
    fs::write(&file, format!("{before}{BEGIN}\n{made}\n{END}{after}")).unwrap();
}

fn section(args: &Args, report: &Report, sections: &[Section]) -> String {
    let Machine { cpu, cores, memory_gb, system, rust, commit } = Machine::read();
    let quick = if args.quick { " --quick" } else { "" };
    let mut text = format!(
        "## The comparison\n\n`benches/compare/run{quick} --docs`; {cores} cores of {cpu}, {memory_gb} GB, {system}, \
         {rust}; commit `{commit}`.\n\n{ABOUT}\n\n| key | value | bar | met | ours : theirs | what |\n\
         |---|---|---|---|---|---|\n"
    );
    for key in &KEYS {
        if let Some(value) = report.value(key.name) {
            let (bar, met, sides) = (key.bar(), key.met(value), key::sides(key, report));
            writeln!(text, "| `{}` | {value:.3} | {bar} | {met} | {sides} | {} |", key.name, key.about)
                .unwrap();
        }
    }
    for plot in Plot::ALL {
        write!(text, "\n![{}](benchmarks/{})\n", plot.title(), plot.file()).unwrap();
    }
    let mut group = "";
    for section in sections {
        if section.group != group {
            group = &section.group;
            write!(text, "\n### {group}\n\n{TABLE}").unwrap();
        }
        rows(&mut text, section);
    }
    text
}

const ABOUT: &str = "\
Measured in turns within one run: medians, with the quartiles beside them; a ratio is the median of those of the
rounds, since the machine has quick and slow minutes. Every side carries the same event
(`tool.completed` in a `DomainEvent` behind an `Arc`; Python and abxbus a value with the same fields), built fresh for
each emission unless it says otherwise, through channels of 4,096. Publishers are threads; paced, they publish bursts
of at most 1,024 and wait until every consumer has had them. Async consumers are tasks on a tokio runtime of two
workers. The last column is ours to that side's: where time is measured, under 1 is better; where a rate, over 1.
What closures behind an `ArcSwap` and a channel for each plan reach is the most that can be had on the machine: they keep
no order, no ledger and no bounds in time, and tell nothing of what is lost.
kameo's publisher waits while the mailbox of the pubsub actor is full, and what a consumer's mailbox has no room for is
dropped untold; rxrust panics when two threads publish at once; the disruptor loses nothing, as its publisher waits.";

const TABLE: &str = "| work | side | median | quartiles | lost | ours : it |\n|---|---|---|---|---|---|\n";

fn rows(text: &mut String, section: &Section) {
    for (place, line) in section.lines.iter().enumerate() {
        let Figure { low, median, high, .. } = line.figure;
        let title = if place == 0 { &*section.title } else { "" };
        let [low, median, high] = [low, median, high].map(|value| section.unit.show(value));
        let lost = line.lost().unwrap_or_default();
        let ratio = section.ratio(place).map_or(String::new(), |ratio| format!("{ratio:.2}"));
        writeln!(text, "| {title} | {} | {median} | {low} .. {high} | {lost} | {ratio} |", line.name)
            .unwrap();
    }
}
