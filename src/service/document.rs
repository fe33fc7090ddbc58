//! Documents that are kept outside of a process: JSON with a format, a schema version, a checksum and a content.
//!
//! The checksum is the BLAKE3 hash of the content, written compactly with its keys in the order of its type. It tells a
//! damaged document from a whole one; it does not tell who wrote it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::event::Hash;

/// A document as it is read: whole, and with no key that nobody knows, so that nothing stands there that the checksum
/// does not guard.
pub(super) trait Document<'a>: Deserialize<'a> {
    /// What it calls itself.
    const FORMAT: &'static str;
    /// The version of its schema that is written and read.
    const VERSION: u32;
    /// What is in it.
    type Content: Serialize;

    /// The checksum that stands there, and the content.
    fn into_parts(self) -> (Hash, Self::Content);
}

/// Why a document is not read.
#[derive(Clone, Copy, Debug)]
pub(super) enum DocumentFault {
    /// It has not the form of one, at that place, from 1.
    Malformed { line: usize, column: usize },
    /// It is one of something else.
    Format,
    /// It is of another version.
    Version { actual: u64 },
    /// Its content is not what the checksum was made of.
    Checksum { expected: Hash, actual: Hash },
}

/// What has to be known before the rest can be read.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    schema_version: u64,
}

/// The content of a document, verified.
pub(super) fn read<'a, D: Document<'a>>(text: &'a str) -> Result<D::Content, DocumentFault> {
    let header: Header<'_> = parse(text)?;
    if header.format != D::FORMAT {
        return Err(DocumentFault::Format);
    }
    if header.schema_version != u64::from(D::VERSION) {
        return Err(DocumentFault::Version { actual: header.schema_version });
    }
    let (expected, content) = parse::<D>(text)?.into_parts();
    let actual = checksum(&content);
    if actual == expected { Ok(content) } else { Err(DocumentFault::Checksum { expected, actual }) }
}

/// The checksum of a content.
pub(super) fn checksum(content: &impl Serialize) -> Hash {
    Hash::of(json(content))
}

/// The compact JSON of a document or a content, which is made of texts, numbers and lists of them.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists of them always have a JSON form")
}

/// The text of a JSON error may quote what it read, so that only its place is told.
fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, DocumentFault> {
    serde_json::from_str(text)
        .map_err(|error| DocumentFault::Malformed { line: error.line(), column: error.column() })
}
