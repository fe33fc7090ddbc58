//! The heads of a journal: `heads/<number, 20 digits>.json`.

use std::io;
use std::sync::Arc;

use super::head::{Head, HeadFault, MAX_BYTES};
use crate::journal::layout::HEADS;
use crate::journal::storage::{durably_replace, read_whole};
use crate::journal::{JournalReader, Storage};

/// The digits of a head's name.
const DIGITS: usize = 20;

/// Why the heads of a journal, or one of them, could not be read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// A file could not be read, or the folder not listed.
    #[error("cannot read {file}")]
    Read {
        /// The file, relative to the journal's directory.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A head is not believed.
    #[error("cannot believe {file}{}", way_out(*source))]
    Fault {
        /// The file, relative to the journal's directory.
        file: String,
        /// Why.
        source: HeadFault,
    },
}

/// What to do, where the fault itself does not say it.
fn way_out(fault: HeadFault) -> &'static str {
    match fault {
        HeadFault::NotAHead | HeadFault::Signature => {
            ": put a copy of it back, and see what `verify --key` says"
        }
        HeadFault::OtherKey | HeadFault::Format { .. } => "",
    }
}

/// The heads of a journal from that number on, oldest first. Signatures are not looked at.
///
/// # Errors
/// [`HeadError`], if they cannot be listed. A head that cannot be read is an error in its place.
pub fn heads(journal: &impl AsRef<JournalReader>, from: u64) -> Result<Heads, HeadError> {
    let storage = Arc::clone(journal.as_ref().storage());
    let mut numbers = list(&*storage)?;
    numbers.retain(|number| *number >= from);
    // What is told elsewhere has to outlive a crash here.
    if !numbers.is_empty() {
        storage.sync_folder(HEADS).map_err(failed(HEADS))?;
    }
    Ok(Heads { storage, numbers: numbers.into_iter() })
}

/// Heads of a journal, oldest first; made by [`heads`].
#[derive(Debug)]
#[must_use = "no head is read before it is asked for"]
pub struct Heads {
    storage: Arc<dyn Storage>,
    numbers: std::vec::IntoIter<u64>,
}

impl Iterator for Heads {
    type Item = Result<Head, HeadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let storage = &*self.storage;
        self.numbers.find_map(|number| read(storage, number).transpose())
    }
}

/// The file of the head of that number.
pub(super) fn file(number: u64) -> String {
    format!("{HEADS}/{number:0DIGITS$}.json")
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == DIGITS)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number > 0)
}

fn failed(file: impl Into<String>) -> impl FnOnce(io::Error) -> HeadError {
    let file = file.into();
    move |source| HeadError::Read { file, source }
}

/// The numbers of all heads there are, ascending.
pub(super) fn list(storage: &dyn Storage) -> Result<Vec<u64>, HeadError> {
    let names = match storage.list(HEADS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(failed(HEADS))?,
    };
    let mut numbers: Vec<_> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads the head of that number; `None` if there is none.
pub(super) fn read(storage: &dyn Storage, number: u64) -> Result<Option<Head>, HeadError> {
    let file = file(number);
    let fault = |source| HeadError::Fault { file: file.clone(), source };
    let bytes = match read_whole(storage, &file, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
            return Err(fault(HeadFault::NotAHead));
        }
        Err(source) => return Err(failed(file)(source)),
    };
    let text = str::from_utf8(&bytes).ok().filter(|text| text.ends_with('\n'));
    let head = text.ok_or(HeadFault::NotAHead).and_then(Head::parse).map_err(fault)?;
    // A copy under another name is not that head.
    if head.number() == number { Ok(Some(head)) } else { Err(fault(HeadFault::NotAHead)) }
}

/// Writes a head, whole or not at all. The caller holds the lock of the heads.
pub(super) fn write(storage: &dyn Storage, head: &Head) -> io::Result<()> {
    durably_replace(storage, &file(head.number()), format!("{head}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_named_by_its_number() {
        assert_eq!(file(7), "heads/00000000000000000007.json");
        assert_eq!(number("00000000000000000007.json"), Some(7));
        for name in [
            "7.json",
            "00000000000000000000.json",
            "00000000000000000007.json.tmp",
            "+0000000000000000007.json",
            "99999999999999999999.json",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
