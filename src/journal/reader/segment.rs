//! [`Segment`]: a segment, opened for reading.

use std::io;

use super::lines::Lines;
use crate::journal::layout;
use crate::journal::position::Position;
use crate::journal::record::ReadError;
use crate::journal::storage::{Open, Storage};

/// A segment that is open.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: Position,
    pub(super) file: String,
    pub(super) lines: Lines,
}

impl Segment {
    /// Opens a segment; `None` if it is gone.
    pub(super) fn open(storage: &dyn Storage, first: Position) -> Result<Option<Self>, ReadError> {
        let file = layout::segment(first);
        match storage.open(&file, Open::Read) {
            Ok(opened) => Ok(Some(Self { first, file, lines: Lines::new(opened) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ReadError::Read { file, source }),
        }
    }

    pub(super) fn failed(&self, source: io::Error) -> ReadError {
        ReadError::Read { file: self.file.clone(), source }
    }
}

/// The first positions of all segments there are, ascending.
pub(super) fn list(storage: &dyn Storage) -> Result<Vec<Position>, ReadError> {
    let failed = |source| ReadError::Read { file: layout::SEGMENTS.to_owned(), source };
    let names = match storage.list(layout::SEGMENTS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(failed)?,
    };
    let mut firsts: Vec<_> = names.iter().filter_map(|name| layout::segment_first(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}
