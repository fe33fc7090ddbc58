//! The figures that have a bar.

use crate::report::Report;

/// A figure, what it has to be at least or at most, and what is aimed for.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) bar: Bar,
    pub(crate) aim: Option<f64>,
    pub(crate) about: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing is promised.
    None,
}

impl Key {
    /// Whether the bar is met, if there is one.
    fn is_met(&self, value: f64) -> Option<bool> {
        match self.bar {
            Bar::AtMost(most) => Some(value <= most),
            Bar::AtLeast(least) => Some(value >= least),
            Bar::None => None,
        }
    }

    /// What a table says of that: `met`, `missed`, or nothing where there is no bar.
    pub(crate) fn met(&self, value: f64) -> &'static str {
        self.is_met(value).map_or("", |met| if met { "met" } else { "missed" })
    }

    pub(crate) fn bar(&self) -> String {
        match self.bar {
            Bar::AtMost(most) => format!("<= {most}"),
            Bar::AtLeast(least) => format!(">= {least}"),
            Bar::None => String::new(),
        }
    }
}

const fn key(name: &'static str, bar: Bar, aim: Option<f64>, about: &'static str) -> Key {
    Key { name, bar, aim, about }
}

/// All of them, in the order in which they are printed.
pub(crate) const KEYS: [Key; 25] = [
    key("none_ratio", Bar::AtMost(1.25), Some(1.0), "emission with no bus, to an empty branch"),
    key(
        "unobserved_ratio",
        Bar::AtMost(3.0),
        None,
        "emission nobody observes, to an atomic load and a closure call",
    ),
    key(
        "emit_one_ratio",
        Bar::AtMost(1.3),
        Some(1.1),
        "event built and emitted to one stream, to a bare send plus building it",
    ),
    key("allocations_per_emit", Bar::AtMost(1.0), None, "allocations of an emission to one stream"),
    key("inline8_ratio", Bar::None, Some(1.3), "eight sync handlers, to eight closures behind an ArcSwap"),
    key("inline8_caught_ratio", Bar::None, None, "the same, each closure under catch_unwind"),
    key("stream_item_ratio", Bar::None, Some(0.7), "time to take a ready item by next, to try_recv"),
    key("stream_item_many_ratio", Bar::None, Some(0.7), "the same, taken by next_many"),
    key("fanout8_ratio", Bar::None, Some(1.5), "deliveries to 8 streams read by next, to tokio's recv"),
    key("fanout8_many_ratio", Bar::None, Some(1.5), "the same, read by next_many"),
    key(
        "fanout64_ratio",
        Bar::AtLeast(1.0),
        Some(3.0),
        "deliveries to 64 streams read by next, to tokio's recv",
    ),
    key("fanout64_many_ratio", Bar::AtLeast(1.0), Some(3.0), "the same, read by next_many"),
    key(
        "flood8_delivered",
        Bar::None,
        None,
        "share delivered of a flood to 8 streams read by next; aim: four times tokio's",
    ),
    key("flood8_delivered_many", Bar::None, None, "the same, read by next_many"),
    key(
        "selective1000_ratio",
        Bar::AtLeast(100.0),
        None,
        "throughput with 1,000 streams on plans of their own, to a filter in each receiver",
    ),
    key(
        "selective_growth",
        Bar::AtMost(2.0),
        Some(1.2),
        "an emission with 1,000 streams on plans of their own, to one with one stream",
    ),
    key("reactivex_ratio", Bar::AtLeast(20.0), None, "deliveries to 8 sync handlers, to Python reactivex"),
    key("bubus_ratio", Bar::AtLeast(1_000.0), None, "deliveries to 8 async handlers, to Python bubus"),
    key("abxbus_ratio", Bar::None, None, "deliveries to 8 async handlers, to abxbus"),
    key("journal_sync_ratio", Bar::AtLeast(0.8), Some(0.9), "recording with Sync, to a bare loop"),
    key("journal_emit_ns", Bar::AtMost(150.0), None, "what a journal adds to an emission"),
    key("journal_skip_ratio", Bar::AtLeast(0.3), None, "skipping lines, to counting them with memchr"),
    key("journal_decode_ratio", Bar::AtLeast(1.0), None, "decoding events, to serde_json"),
    key("follow_p99_us", Bar::AtMost(1_000.0), None, "a follower has an event after the call of append"),
    key(
        "loss_unaccounted",
        Bar::AtMost(0.0),
        None,
        "events neither delivered nor reported missed, in all runs",
    ),
];

/// The keys that were measured, with their sides where they have some.
pub(crate) fn print(report: &Report) {
    print_row(["key", "value", "bar", "aim", "met", "ours : theirs", "what"]);
    for key in &KEYS {
        if let Some(value) = report.value(key.name) {
            let (bar, aim, sides) = (key.bar(), aim(key, report), sides(key, report));
            print_row([key.name, &format!("{value:.3}"), &bar, &aim, key.met(value), &sides, key.about]);
        }
    }
}

fn print_row([key, value, bar, aim, met, sides, about]: [&str; 7]) {
    println!("{key:<24} {value:>10}  {bar:<8} {aim:<6} {met:<6} {sides:<20} {about}");
}

/// What is aimed for: a number, or for the flood four times what tokio delivers.
fn aim(key: &Key, report: &Report) -> String {
    let aim = if key.name.starts_with("flood8_delivered") {
        report.value("flood8_delivered_tokio").map(|share| (4.0 * share).min(1.0))
    } else {
        key.aim
    };
    aim.map_or(String::new(), |aim| {
        format!("{aim:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()
    })
}

pub(crate) fn sides(key: &Key, report: &Report) -> String {
    let stem = key.name.strip_suffix("_ratio").unwrap_or(key.name);
    let side = |end: &str| report.value(&format!("{stem}_{end}"));
    if let (Some(ours), Some(theirs)) = (side("ours"), side("theirs")) {
        return format!("{} : {}", short(ours), short(theirs));
    }
    let tokio = report.value("flood8_delivered_tokio").filter(|_| key.name.starts_with("flood8_delivered"));
    tokio.map_or(String::new(), |share| format!("tokio {share:.3}"))
}

/// Four digits that count.
fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.2} M", value / 1e6),
        _ if value >= 1e4 => format!("{:.1} k", value / 1e3),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
