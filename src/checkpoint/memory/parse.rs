//! Reads the file of a memory, which anybody may have written.

use serde::Deserialize;

use super::MemoryStore;
use super::error::MemoryFault;
use super::model::{FORMAT, Kept, MAX_DROPPED, MAX_REVISIONS};
use super::rules::is_summary;

/// The memory in a file of that name.
pub(super) fn kept(bytes: &[u8], file: &str) -> Result<Kept, MemoryFault> {
    /// Read first: what else a later format has is its own business.
    #[derive(Deserialize)]
    struct Header {
        format: u32,
    }
    let damaged = |error: serde_json::Error| MemoryFault::Json { line: error.line(), column: error.column() };
    let text = str::from_utf8(bytes).map_err(|_no_utf8| MemoryFault::Encoding)?;
    let header: Header = serde_json::from_str(text).map_err(damaged)?;
    if header.format != FORMAT {
        return Err(MemoryFault::Format { found: header.format });
    }
    let kept: Kept = serde_json::from_str(text).map_err(damaged)?;
    if MemoryStore::file_of(&kept.key) != file {
        return Err(MemoryFault::OfAnother);
    }
    let is_one = (1..=MAX_REVISIONS).contains(&kept.revisions.len())
        && kept.dropped <= MAX_DROPPED
        && kept.revisions.iter().all(|set| is_summary(&set.summary));
    if is_one { Ok(kept) } else { Err(MemoryFault::Impossible) }
}
