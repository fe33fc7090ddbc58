//! [`Report`]: what was measured, printed as it comes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::Figure;
use crate::plot::Plot;

/// One thing measured at several sides; the first is ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) group: String,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    /// The plot that it is a point of, and where: the number of subscribers.
    pub(crate) point: Option<(Plot, usize)>,
    pub(crate) lines: Vec<Line>,
}

/// What one side gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) figure: Figure,
    /// The share that was delivered of what was due, where something can be lost.
    pub(crate) delivered: Option<f64>,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    Nanos,
    Micros,
    Millis,
    PerSecond,
    GigabytesPerSecond,
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Nanos if value < 10.0 => format!("{value:.2} ns"),
            Self::Nanos => format!("{value:.0} ns"),
            Self::Micros => format!("{value:.0} us"),
            Self::Millis => format!("{value:.1} ms"),
            Self::PerSecond if value < 1e6 => format!("{:.1} k/s", value / 1e3),
            Self::PerSecond => format!("{:.2} M/s", value / 1e6),
            Self::GigabytesPerSecond => format!("{value:.2} GB/s"),
        }
    }
}

impl Line {
    pub(crate) fn new(name: &str, figure: Figure) -> Self {
        Self { name: name.to_owned(), figure, delivered: None }
    }

    /// What was lost, in percent.
    pub(crate) fn lost(&self) -> Option<String> {
        self.delivered.map(|delivered| format!("{:.1} %", (1.0 - delivered) * 100.0))
    }
}

impl Section {
    pub(crate) fn new(group: &str, title: &str, unit: Unit) -> Self {
        Self { group: group.to_owned(), title: title.to_owned(), unit, point: None, lines: Vec::new() }
    }

    pub(crate) fn line(mut self, name: &str, figure: Figure) -> Self {
        self.lines.push(Line::new(name, figure));
        self
    }

    /// Ours to that line's.
    pub(crate) fn ratio(&self, place: usize) -> Option<f64> {
        (place > 0).then(|| self.lines[0].figure.ratio_to(&self.lines[place].figure))
    }

    pub(crate) fn print(&self) {
        println!("\n{}: {}", self.group, self.title);
        for (place, line) in self.lines.iter().enumerate() {
            let Figure { low, median, high, .. } = line.figure;
            let spread = format!("{} .. {}", self.unit.show(low), self.unit.show(high));
            let lost = line.lost().map_or(String::new(), |lost| format!("lost {lost}"));
            let ratio = self.ratio(place).map_or(String::new(), |ratio| format!("{ratio:.2}"));
            println!(
                "  {:<42} {:>12}  {spread:<26} {lost:<12} {ratio:>9}",
                line.name,
                self.unit.show(median)
            );
        }
    }
}

/// Everything measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    sections: RefCell<Vec<Section>>,
    keys: RefCell<BTreeMap<String, f64>>,
    as_json: bool,
}

impl Report {
    /// Prints tables for people, or lines of JSON.
    pub(crate) fn new(as_json: bool) -> Self {
        Self { sections: RefCell::default(), keys: RefCell::default(), as_json }
    }

    pub(crate) fn add(&self, section: Section) {
        if self.as_json {
            println!("{}", serde_json::to_string(&section).unwrap());
        } else {
            section.print();
        }
        self.sections.borrow_mut().push(section);
    }

    /// A figure that has a bar.
    pub(crate) fn key(&self, name: &str, value: f64) {
        self.keys.borrow_mut().insert(name.to_owned(), value);
    }

    /// `<name>_ratio` and its sides, `<name>_ours` and `<name>_theirs`.
    pub(crate) fn ratio(&self, name: &str, ours: &Figure, theirs: &Figure) {
        self.key(&format!("{name}_ratio"), ours.ratio_to(theirs));
        self.sides(name, ours, theirs);
    }

    /// What a key `name` was made of.
    pub(crate) fn sides(&self, name: &str, ours: &Figure, theirs: &Figure) {
        self.key(&format!("{name}_ours"), ours.median);
        self.key(&format!("{name}_theirs"), theirs.median);
    }

    /// A section of which the first line is ours and line `theirs` is the other side of the ratio `name`.
    pub(crate) fn add_with_ratio(&self, name: &str, section: Section, theirs: usize) {
        self.ratio(name, &section.lines[0].figure, &section.lines[theirs].figure);
        self.add(section);
    }

    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.keys.borrow().get(name).copied()
    }

    pub(crate) fn keys(&self) -> BTreeMap<String, f64> {
        self.keys.borrow().clone()
    }

    pub(crate) fn sections(&self) -> Vec<Section> {
        self.sections.borrow().clone()
    }
}
