//! The journal: what a bus tells, kept on disk as JSON lines, in order, to be read, followed and consumed.

pub(crate) mod chain;
pub(crate) mod layout;
pub(crate) mod line;
pub(crate) mod manifest;
mod position;
mod reader;
mod record;
pub mod storage;
pub(crate) mod tail;

pub use line::{LineFault, MAX_LINE_BYTES};
pub use manifest::ManifestError;
pub use position::{ParsePositionError, Position};
pub use reader::{Events, JournalReader, Reading};
pub use record::{Entry, ReadError, ReadFrom, Recorded, Unreadable};
pub use storage::{FileSystem, Open, Storage, StorageFile};
