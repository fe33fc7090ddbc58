//! Reading the lines of a segment's end, for a writer.

use std::io;

use crate::event::Hash;
use crate::journal::line::{Line, LineFault, MAX_LINE_BYTES, chain_of};
use crate::journal::storage::StorageFile;

/// How much is read at once, in bytes.
const CHUNK: usize = 1 << 18;

/// What was found in a stretch of a segment.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The last readable position, or what was known before; 0 if there is none.
    pub(super) last: u64,
    /// The chain behind the last line; none if it cannot be told.
    pub(super) chain: Option<Hash>,
    /// Behind the last newline, in bytes from the start of the file.
    pub(super) end: u64,
    /// The length of the file.
    pub(super) len: u64,
    /// Lines that are unreadable or do not follow from the one before.
    pub(super) faults: u64,
    /// Where the first of them begins, and what is wrong if it cannot be read.
    pub(super) first_fault: Option<(u64, Option<LineFault>)>,
    /// Whether the last line is one that cannot be read.
    pub(super) ends_unreadable: bool,
}

/// Where a scan begins, and what is known there.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    pub(super) at: u64,
    pub(super) last: u64,
    /// Unknown: the first line is taken on trust.
    pub(super) chain: Option<Hash>,
}

/// Reads all lines from there on and checks their chain. It holds a line and a chunk in memory, however long a line is.
pub(super) fn scan(file: &dyn StorageFile, from: From) -> io::Result<Scanned> {
    let len = file.len()?;
    let (at, last, chain) = (from.at, from.last, from.chain);
    let mut scanned =
        Scanned { last, chain, end: at, len, faults: 0, first_fault: None, ends_unreadable: false };
    let mut held: Vec<u8> = Vec::new();
    // How much of the line that is being read was let go of: it is too long.
    let mut let_go = 0;
    let mut read_to = at;
    while read_to < len {
        let start = held.len();
        let wanted = usize::try_from(len - read_to).unwrap_or(CHUNK).min(CHUNK);
        held.resize(start + wanted, 0);
        let read = file.read_at(held.get_mut(start..).unwrap_or_default(), read_to)?;
        held.truncate(start + read);
        if read == 0 {
            break;
        }
        read_to += read as u64;
        let (mut taken, mut searched) = (0, start);
        while let Some(newline) = held.get(searched..).and_then(|bytes| memchr::memchr(b'\n', bytes)) {
            searched += newline + 1;
            scanned.take(held.get(taken..searched).unwrap_or_default(), std::mem::take(&mut let_go));
            taken = searched;
        }
        held.drain(..taken);
        if held.len() > MAX_LINE_BYTES {
            let_go += held.len() as u64;
            held.clear();
        }
    }
    Ok(scanned)
}

impl Scanned {
    /// Takes the next line, before which so many bytes of it were let go of.
    fn take(&mut self, bytes: &[u8], let_go: u64) {
        let split = if let_go > 0 { Err(LineFault::TooLong) } else { Line::split(bytes) };
        let fault = match split {
            Ok(line) if line.position.get() <= self.last => Some(Some(LineFault::Backward)),
            Ok(line) => {
                let follows = self.chain.is_none_or(|chain| line.follows(&chain));
                self.last = line.position.get();
                self.chain = Some(line.chain);
                self.ends_unreadable = false;
                (!follows).then_some(None)
            }
            Err(fault) => {
                self.chain = if fault == LineFault::TooLong { None } else { chain_of(bytes) };
                self.ends_unreadable = true;
                Some(Some(fault))
            }
        };
        if let Some(fault) = fault {
            self.faults += 1;
            self.first_fault.get_or_insert((self.end, fault));
        }
        self.end += let_go + bytes.len() as u64;
    }

    /// Whether bytes stand behind the last newline.
    pub(super) fn is_torn(&self) -> bool {
        self.end < self.len
    }
}
