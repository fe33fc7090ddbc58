//! [`Answers`]: what is said of each line.

use std::io::{self, Write as _};

use super::{Answer, print_json};
use crate::cli::report::complain;

/// Answers on stdout, errors on stderr, and how many there were of these.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// To be printed.
    bytes: Vec<u8>,
    /// How many lines were not recorded.
    pub(super) unrecorded: u64,
    /// Of how many lines it is not known.
    pub(super) unknown: u64,
    /// Why answers are not printed any more.
    pub(super) broken: Option<io::Error>,
}

impl Answers {
    pub(super) fn push(&mut self, answer: &Answer) {
        print_json(&mut self.bytes, answer).expect("a Vec takes any bytes");
    }

    /// A line is not recorded.
    pub(super) fn refuse(&mut self, number: u64, reason: &str) {
        self.unrecorded += 1;
        complain(&format!("line {number}: {reason}"));
    }

    /// It cannot be told whether a line is recorded.
    pub(super) fn doubt(&mut self, number: u64, reason: &str) {
        self.unknown += 1;
        complain(&format!("line {number}: cannot tell whether it is recorded: {reason}"));
    }

    /// Prints what there is; whether answers can be printed.
    pub(super) fn print(&mut self) -> bool {
        if self.broken.is_none() && !self.bytes.is_empty() {
            let mut out = io::stdout().lock();
            self.broken = out.write_all(&self.bytes).and_then(|()| out.flush()).err();
        }
        self.bytes.clear();
        self.broken.is_none()
    }
}
