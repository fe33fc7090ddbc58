//! [`Lines`]: the lines of one file, read in large chunks.

use std::io;

use crate::journal::line::MAX_LINE_BYTES;
use crate::journal::storage::StorageFile;

/// How much is read at once, in bytes: little at first, since it may be enough, then more.
const FIRST_CHUNK: usize = 8 << 10;
const CHUNK: usize = 256 << 10;

/// How much is known of the next line, so that its position can be told.
const AHEAD: usize = 32;

/// The lines of one file, one after the other.
///
/// It holds at most one line and a chunk in memory, and never gives what stands behind the last newline: that is read
/// anew each time it is asked, since it may have been cut away meanwhile.
#[derive(Debug)]
pub(super) struct Lines {
    file: Box<dyn StorageFile>,
    /// Nothing at or behind this place is read, in bytes.
    until: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins, in bytes.
    base: u64,
    /// The line given last, in the buffer.
    given: std::ops::Range<usize>,
    /// Up to where in the buffer there is no newline behind the line given last.
    searched: usize,
    /// How much of the buffer is filled.
    filled: usize,
    /// How much is read next, in bytes.
    chunk: usize,
    /// Up to there, in bytes, it was read again.
    read_again_until: u64,
    /// Where a line that is too long begins, as long as its newline has not come.
    too_long: Option<u64>,
}

/// A line, newline included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It can be had by [`Lines::line`].
    Line,
    /// It is longer than [`MAX_LINE_BYTES`] and was not kept.
    TooLong,
}

impl Lines {
    /// All lines.
    pub(super) fn new(file: Box<dyn StorageFile>) -> Self {
        Self {
            file,
            until: u64::MAX,
            buffer: Vec::new(),
            base: 0,
            given: 0..0,
            searched: 0,
            filled: 0,
            chunk: FIRST_CHUNK,
            read_again_until: 0,
            too_long: None,
        }
    }

    /// From now on only lines that end at or before that place, in bytes.
    pub(super) fn set_until(&mut self, until: u64) {
        self.until = until;
    }

    /// The file.
    pub(super) fn file(&self) -> &dyn StorageFile {
        &*self.file
    }

    /// The line found last, newline included.
    pub(super) fn line(&self) -> &[u8] {
        self.buffer.get(self.given.clone()).unwrap_or_default()
    }

    /// The beginning of what stands behind it, or more; less where the file ends.
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.given.end..self.filled).unwrap_or_default()
    }

    /// Where the next line begins, in bytes; but for a line too long whose end has not come, all before was given.
    pub(super) fn place(&self) -> u64 {
        self.too_long.unwrap_or(self.base + self.given.end as u64)
    }

    /// Goes to the next line and says where it begins; `None` where no newline comes, now. It may later.
    pub(super) fn advance(&mut self) -> io::Result<Option<(u64, Found)>> {
        loop {
            let unsearched = self.buffer.get(self.searched..self.filled).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unsearched) {
                let given = self.give(self.searched + at + 1);
                if self.filled - self.given.end < AHEAD {
                    self.fill(self.given.start)?;
                }
                return Ok(Some(given));
            }
            self.searched = self.filled;
            if self.filled - self.given.end > MAX_LINE_BYTES || self.too_long.is_some() {
                self.too_long.get_or_insert(self.base + self.given.end as u64);
                self.drop_until(self.filled);
            }
            if self.fill(self.given.end)? == 0 {
                self.filled = self.given.end;
                self.searched = self.given.end;
                return Ok(None);
            }
        }
    }

    /// Reads on at that place.
    pub(super) fn go_to(&mut self, place: u64) {
        self.drop_until(self.filled);
        (self.base, self.too_long, self.chunk) = (place, None, FIRST_CHUNK);
    }

    /// Forgets what was read of lines not given, as the file may have changed; it has that length now. Whether it was
    /// cut before the place up to which lines were given; then it is read on from its end.
    pub(super) fn look_again(&mut self, len: u64) -> bool {
        let is_cut = len < self.place();
        if is_cut {
            self.go_to(len);
        } else if self.too_long.is_none() || len < self.base + self.filled as u64 {
            self.go_to(self.place());
        }
        is_cut
    }

    /// Goes to the line found last again, in case it was read while it was cut away and written anew. What stands close
    /// behind it is read again with it, and then not once more.
    pub(super) fn read_again(&mut self) -> io::Result<Option<(u64, Found)>> {
        let at = self.base + self.given.start as u64;
        if self.place() <= self.read_again_until {
            return Ok(Some((at, Found::Line)));
        }
        self.go_to(at);
        let found = self.advance();
        self.read_again_until = self.base + self.filled as u64;
        found
    }

    fn give(&mut self, end: usize) -> (u64, Found) {
        let start = self.given.end;
        (self.given, self.searched) = (start..end, end);
        match self.too_long.take() {
            Some(at) => (at, Found::TooLong),
            None if end - start > MAX_LINE_BYTES => (self.base + start as u64, Found::TooLong),
            None => (self.base + start as u64, Found::Line),
        }
    }

    /// Forgets what stands before that place in the buffer.
    fn drop_until(&mut self, place: usize) {
        self.buffer.copy_within(place..self.filled, 0);
        self.base += place as u64;
        self.filled -= place;
        self.searched = self.searched.saturating_sub(place);
        self.given = self.given.start.saturating_sub(place)..self.given.end.saturating_sub(place);
    }

    /// Reads a chunk behind what there is, and keeps of that what stands from that place on.
    fn fill(&mut self, keep_from: usize) -> io::Result<usize> {
        self.drop_until(keep_from);
        let at = self.base + self.filled as u64;
        let wanted = usize::try_from(self.until.saturating_sub(at)).unwrap_or(CHUNK).min(self.chunk);
        self.chunk = (self.chunk * 2).min(CHUNK);
        if self.buffer.len() < self.filled + wanted {
            self.buffer.resize(self.filled + wanted, 0);
        }
        let free = self.buffer.get_mut(self.filled..self.filled + wanted).unwrap_or_default();
        let read = read_some(&*self.file, free, at)?;
        self.filled += read;
        Ok(read)
    }
}

/// Reads what there is at that place, again if it was interrupted.
pub(super) fn read_some(file: &dyn StorageFile, into: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(into, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An implementation that says it read more than there was room for is not believed.
            read => return read.map(|read| read.min(into.len())),
        }
    }
}
