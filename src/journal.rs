//! The journal: what a bus tells, kept on disk as JSON lines, in order, to be read, followed and consumed.

mod batch;
pub(crate) mod chain;
mod durability;
mod encode;
mod error;
mod handle;
mod health;
mod kinds;
pub(crate) mod layout;
pub(crate) mod line;
mod log;
pub(crate) mod manifest;
mod open;
mod position;
mod queue;
mod reader;
mod record;
mod report;
mod shared;
pub mod storage;
mod tail;
mod writer;

pub use durability::Durability;
pub use error::{AppendError, CloseError};
pub use handle::Journal;
pub use health::Health;
pub use kinds::{JournalGap, JournalRefused, Refusal};
pub use line::{LineFault, MAX_LINE_BYTES};
pub use log::{OpenError, Recovery};
pub use manifest::ManifestError;
pub use open::{DEFAULT_QUEUE_BYTES, DEFAULT_SEGMENT_BYTES, JournalBuilder};
pub use position::{ParsePositionError, Position};
pub use reader::{Events, Follow, JournalReader, Reading};
pub use record::{Entry, ReadError, ReadFrom, Recorded, Unreadable};
pub use storage::{FileSystem, Open, Storage, StorageFile};
