//! [`Sight`]: what there is to see at the end of the files.

use std::io;
use std::sync::Arc;

use crate::journal::layout;
use crate::journal::line::{self, MAX_LINE_BYTES};
use crate::journal::position::Position;
use crate::journal::storage::{Open, Storage, StorageFile};
use crate::journal::tail::Tail;

/// Tells a tail what stands last in the files, when that has changed.
#[derive(Debug)]
pub(super) struct Sight {
    tail: Arc<Tail>,
    storage: Arc<dyn Storage>,
    /// The last segment, while it can be read.
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    first: Position,
    file: Box<dyn StorageFile>,
    /// Its length when it was looked at, in bytes.
    len: u64,
}

impl Sight {
    pub(super) fn new(tail: Arc<Tail>, storage: Arc<dyn Storage>) -> Self {
        Self { tail, storage, last: None }
    }

    /// Looks for new segments, and at the last one.
    pub(super) fn look_anew(&mut self) {
        let names = self.storage.list(layout::SEGMENTS).unwrap_or_default();
        let newest = names.iter().filter_map(|name| layout::segment_first(name)).max();
        let is_current = |last: &Last| Some(last.first) == newest && last.file.is_current().unwrap_or(false);
        if newest.is_some() && !self.last.as_ref().is_some_and(is_current) {
            let open = |first| {
                let file = self.storage.open(&layout::segment(first), Open::Read).ok()?;
                Some(Last { first, file, len: 0 })
            };
            self.last = newest.and_then(open);
            // The one before may have grown too, and be forgotten.
            self.tail.saw(None);
        }
        self.look();
    }

    /// Looks at the last segment.
    pub(super) fn look(&mut self) {
        let Some(last) = &mut self.last else { return };
        match last.file.len() {
            Ok(len) if len == last.len => {}
            Ok(len) => {
                last.len = len;
                self.tail.saw(last_position(&*last.file, len).unwrap_or_default());
            }
            // Whoever reads is told.
            Err(_) => self.tail.saw(None),
        }
    }
}

/// The position of the last whole line in a file of that length.
fn last_position(file: &dyn StorageFile, len: u64) -> io::Result<Option<Position>> {
    let mut span = 4096;
    loop {
        let from = len.saturating_sub(span as u64);
        let mut bytes = vec![0; span.min(usize::try_from(len).unwrap_or(span))];
        let read = file.read_at(&mut bytes, from)?;
        bytes.truncate(read);
        let end = memchr::memrchr(b'\n', &bytes);
        let whole = end.and_then(|end| bytes.get(..end)).unwrap_or_default();
        match memchr::memrchr(b'\n', whole) {
            Some(before) => return Ok(whole.get(before + 1..).and_then(line::position)),
            None if from == 0 => return Ok(line::position(whole)),
            None if span > 2 * MAX_LINE_BYTES => return Ok(None),
            None => span *= 4,
        }
    }
}
