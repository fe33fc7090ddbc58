//! How a context reads: the preamble, and a section for each fragment.
//!
//! What has several lines stands under a heading and between fences of backticks, longer than any in it, so that no
//! text can end its section or begin another; what has one line is an item of a list.

use std::fmt::Write as _;

use super::{Detail, DropReason, Fragment};
use crate::event::Text;

/// A text that is longer, in bytes, is not shown in that detail.
pub const MAX_SHOWN_BYTES: usize = 1 << 20;

/// How much of a title is shown, in bytes.
const MAX_TITLE_BYTES: usize = 512;

/// How long a text may be to stand in a list, in bytes.
const MAX_ITEM_BYTES: usize = 240;

/// A count as large as those of a preamble may be.
const MANY: u64 = 9_999_999;

/// The section of a fragment in that detail; none if it has no such text, or one that is empty or too long.
pub(super) fn section(fragment: &Fragment, detail: Detail) -> Option<String> {
    let text = fragment.text(detail)?.trim_end();
    if text.trim_start().is_empty() || text.len() > MAX_SHOWN_BYTES {
        return None;
    }
    let (source, title) = (&fragment.source, one_line(fragment.title()));
    let title = title.get(..title.floor_char_boundary(MAX_TITLE_BYTES)).unwrap_or_default();
    if detail == Detail::Line {
        return Some(format!("- {source} {title}: {}\n", one_line(text)));
    }
    if text.len() <= MAX_ITEM_BYTES && !text.contains(is_break) {
        return Some(format!("- {source} {title}: {text}\n"));
    }
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let how = if detail == Detail::Outline { " (outline)" } else { "" };
    Some(format!("\n## {source} {title}{how}\n{fence}\n{text}\n{fence}\n"))
}

fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn one_line(text: &str) -> String {
    text.replace(is_break, " ")
}

/// How many backticks stand in a row at most.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// What a preamble tells.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many fragments the context holds.
    pub(super) held: u64,
    /// How many there were, those that were there twice not counted again.
    pub(super) all: u64,
    pub(super) duplicates: u64,
    /// By source, in the order of sources: how many were left out for which reason.
    pub(super) left_out: Vec<(Text, DropReason, u64)>,
    pub(super) failed: Vec<Text>,
}

impl Tally {
    /// One that says as much as one of these sources ever does.
    pub(super) fn longest(sources: &[Text]) -> Self {
        let reasons =
            sources.iter().flat_map(|name| DropReason::ALL.map(|reason| (name.clone(), reason, MANY)));
        let (left_out, failed) = (reasons.collect(), sources.to_vec());
        Self { held: MANY, all: MANY, duplicates: MANY, left_out, failed }
    }

    pub(super) fn preamble(&self) -> String {
        let mut text = format!("# Context: {} of {} fragments\n", self.held, self.all);
        for reason in DropReason::ALL {
            let of_reason = self.left_out.iter().filter(|(_, other, count)| *other == reason && *count > 0);
            let named: Vec<_> = of_reason.map(|(name, _, count)| format!("{name} {count}")).collect();
            if !named.is_empty() {
                writeln!(text, "Left out, {reason}: {}.", named.join(", ")).expect("a String takes any text");
            }
        }
        if self.duplicates > 0 {
            writeln!(text, "There twice: {}.", self.duplicates).expect("a String takes any text");
        }
        if !self.failed.is_empty() {
            writeln!(text, "No answer from: {}.", self.failed.join(", ")).expect("a String takes any text");
        }
        text
    }
}
