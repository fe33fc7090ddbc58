//! The journal: what a bus tells, kept on disk as JSON lines, in order, to be read, followed and consumed.

mod batch;
pub(crate) mod chain;
pub mod consumer;
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
pub mod replay;
mod report;
pub mod retention;
mod shared;
pub mod signal;
pub mod storage;
mod tail;
mod writer;

pub use consumer::{
    AckError, Consumer, ConsumerError, ConsumerName, ConsumerNameError, ConsumerOptions, ConsumerState,
    ConsumerStream, CursorFault, CursorState, DeadLetter, DeadLetters, MAX_CONSUMER_NAME_BYTES, NackError,
    Nacked, Polled, Retry,
};
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
pub use reader::{
    Damage, DamageFault, Events, Follow, FollowLines, JournalReader, JournalStats, Reading, Unfinished,
    Verification,
};
pub use record::{Entry, ReadError, ReadFrom, Recorded, Unreadable};
pub use replay::{Pace, Replay, ReplayError, Replayed};
pub use retention::{CollectReason, Collected, CollectedSegment, GcError, GcMode, KeptFor, Retention};
pub use signal::{Signal, SignalProvider};
pub use storage::{FileSystem, Open, Storage, StorageFile};
