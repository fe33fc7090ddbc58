//! What stands behind the last newline of a segment.

use std::io;

use crate::journal::line::{ENDING_BYTES, holds_ending};
use crate::journal::reader::lines::read_some;
use crate::journal::storage::StorageFile;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Enough of the beginning of a line to tell its position, in bytes.
const BEGINNING_BYTES: usize = 32;

/// What stands at that place, up to some bytes.
pub(super) fn beginning(file: &dyn StorageFile, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; BEGINNING_BYTES];
    let read = read_some(file, &mut bytes, at)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether the ending of a line that is whole but for its newline stands between these places, in bytes.
pub(super) fn is_in(file: &dyn StorageFile, from: u64, to: u64) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < to {
        // An ending may lie across two chunks.
        let kept = bytes.len().min(ENDING_BYTES);
        bytes.drain(..bytes.len() - kept);
        let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        bytes.resize(kept + wanted, 0);
        let read = read_some(file, bytes.get_mut(kept..).unwrap_or_default(), at)?;
        bytes.truncate(kept + read);
        if holds_ending(&bytes) {
            return Ok(true);
        }
        if read == 0 {
            break;
        }
        at += read as u64;
    }
    Ok(false)
}
