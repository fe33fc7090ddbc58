//! The journal: what a bus tells, kept on disk as JSON lines, in order, to be read, followed and consumed.
//!
//! A [`Journal`] is open for writing: it is the recorder of a bus, or is [appended](Journal::append) to without one. A
//! [`JournalReader`] reads, follows, verifies and needs no writer. [`consumer`]s remember how far they have come;
//! [`replay`] tells a journal again to any bus; [`retention`] says how much is kept. What lies on disk is told in
//! [`mod@format`].
//!
//! It promises that
//!
//! - what was answered with a [`Position`], or flushed, outlives a crash of the process and, unless with
//!   [`Durability::Os`], of the machine; with [`Durability::Interval`] an answer tells only that it is written, a flush
//!   that it is synced;
//! - events stand in the order in which the bus emitted them, each once, at a position that is never used twice, also
//!   if many processes write one directory;
//! - recording waits for the disk only past the queue's bound: then the emitting thread writes a batch itself, or waits
//!   at most 100 ms for the one who does;
//! - every line's hash covers all lines before it: what was changed, removed or reordered is found;
//! - secrets that the redactor knows are masked before anything is written;
//! - a reader goes on behind a line that it cannot read, and tells of it by place and reason, never by content.
//!
//! What goes wrong: while the disk is full, read-only, gone or locked by somebody else, emission goes on, [`Health`] and
//! a line in the log tell, [`flush`](Journal::flush) fails, and writing resumes by itself. What does not fit into memory
//! meanwhile is counted and becomes a [`JournalGap`] line; an event that cannot be a line becomes a [`JournalRefused`].
//! What a crash left half written is cut by whoever opens the journal next, kept in `quarantine/`, and told by
//! [`Journal::recovery`]. Lines cut from the very end of a journal by somebody who may write there leave no trace in it.
//!
//! ```
//! use agentbus::event::SessionCreated;
//! use agentbus::journal::{Durability, Journal, ReadFrom};
//! use agentbus::{DomainEvent, EventBus, Filter, ReactiveEventBus};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let journal = Journal::builder(directory.path()).durability(Durability::Sync).open()?;
//! let bus = ReactiveEventBus::builder().journal(journal.clone()).build();
//! bus.emit(DomainEvent::new(SessionCreated::new(false)));
//! bus.flush().await?;                                            // now it is on disk
//!
//! for recorded in journal.read(ReadFrom::Start, Filter::all())?.events() {
//!     let recorded = recorded?;
//!     println!("{} {}", recorded.position, recorded.event.event_type());
//! }
//! # assert_eq!(journal.reader().last()?.map(|last| last.get()), Some(1));
//! # Ok(())
//! # }
//! ```

mod batch;
pub(crate) mod chain;
pub mod consumer;
mod durability;
mod encode;
mod error;
#[doc = include_str!("../docs/journal-format.md")]
pub mod format {}
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
mod queued;
mod reader;
mod record;
pub mod replay;
mod report;
pub mod retention;
mod settling;
mod shared;
pub mod signal;
pub mod storage;
mod tail;
mod taken;
mod writer;

pub use consumer::{
    AckError, Consumer, ConsumerError, ConsumerName, ConsumerNameError, ConsumerOptions, ConsumerState,
    ConsumerStream, ConsumerWriteError, CursorFault, CursorState, DeadLetter, DeadLetters,
    MAX_CONSUMER_NAME_BYTES, NackError, Nacked, Polled, Retry,
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
    Damage, DamageFault, Events, Follow, FollowLines, JournalReader, JournalStats, Missed, Reading, Tailed,
    Unfinished, Verification,
};
#[cfg(feature = "audit")]
pub(crate) use reader::{Link, Links, Seen, Witness};
pub use record::{Entry, ReadError, ReadFrom, Recorded, Unreadable};
pub use replay::{Pace, Replay, ReplayError, Replayed};
pub use retention::{
    CollectReason, Collected, CollectedSegment, GcError, GcMode, KeptFor, MissingSegment, Retention,
};
pub use settling::Settling;
pub use signal::{Signal, SignalProvider};
pub use storage::{FileSystem, Open, Storage, StorageFile};
