//! Checkpoints of agent sessions: what an agent saves so that it, or its successor, can go on after a crash or a
//! handover.
//!
//! A [`SessionCheckpoint`] says who worked on which session, how far they had come, and what to know first. It is a file
//! of JSON in a folder ([`CheckpointStore`]), to be read by people too; `docs/checkpoints.md` tells the form. It is
//! saved ([`create`](CheckpointStore::create)), gone on from ([`resume`](CheckpointStore::resume)), and then resolved or
//! abandoned; `cleanup` archives what nobody will ask for, `quarantine` puts out of the way what cannot be read.
//!
//! It promises that
//!
//! - each change of a file is whole or not at all, whenever the process is killed or the machine crashes, and keeps the
//!   file's mode; what a verb answered `Ok` for outlives a crash of the machine;
//! - many processes may work on one folder at once: those that write take turns;
//! - no file outside the folder is ever read or written, whatever the names are and whatever links are put in the
//!   folder, also while a verb runs;
//! - verbs that read write nothing, and no more of a file is read than the longest checkpoint has;
//! - what cannot be used is listed with the reason and what to do, never passed over; nothing is written over that
//!   was not read and found sound;
//! - what the redactor calls a secret is not saved, and errors never hold what a checkpoint holds.
//!
//! What goes wrong: a verb is refused, with all that is wrong, and nothing has changed; or it could not be applied
//! ([`CheckpointError::NotApplied`]), and nothing has changed; or the change is there and it cannot be told whether it
//! outlives a crash ([`CheckpointError::Indeterminate`], whose [`Remedy`] says how it is made sure of). Somebody who does not keep to the lock of the
//! folder can change files in it as they like; what they put in the place of a file while a verb runs is found out
//! before it is written over, but for a moment that no lock guards.
//!
//! What is to be known beyond a session is kept by key: [`memory`].
//!
//! With a bus each verb tells what it did, after the fact ([`events`]); where a process dies in between, nobody is told.
//!
//! ```
//! use agentbus::checkpoint::{CheckpointDraft, CheckpointStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let store = CheckpointStore::open(directory.join("checkpoints"))?;
//! let mut draft = CheckpointDraft::new("agents/planner", "s-1", "action");
//! draft.progress.tasks_remaining.push("mend the test".to_owned());
//! let saved = store.create(&draft)?;
//!
//! let resumed = store.resume(&"s-1".into())?;                // the successor
//! assert_eq!(resumed.stored, saved);
//! store.resolve(&saved.file)?;
//! assert!(store.resume(&"s-1".into()).is_err());
//! # Ok(())
//! # }
//! ```

mod error;
pub mod events;
mod filter;
mod fold;
mod folder;
mod key_fault;
pub mod memory;
mod model;
mod parse;
mod store;
#[cfg(test)]
mod strike;

pub use error::{CheckpointError, CorruptFault, Nonconformity, Subject};
pub use filter::CheckpointFilter;
pub use folder::{Indeterminate, NotApplied, NotRead, Remedy, UnsafeReason, UnsafeTarget};
pub use key_fault::{Key, KeyFault};
pub use model::{
    Abandonment, CheckpointContext, CheckpointDraft, CheckpointProgress, CheckpointStatus,
    MAX_CHECKPOINT_BYTES, MAX_DRAFT_BYTES, MAX_REASON_BYTES, SCHEMA_VERSION, SessionCheckpoint,
};
pub use parse::MAX_DEPTH;
pub use store::{
    Change, ChangedCheckpoint, CheckpointListing, CheckpointStore, CleanupReport, EventsSince,
    MalformedCheckpoint, NoPosition, QuarantinedCheckpoint, Resumed, Since, Skipped, SkippedCheckpoint,
    StoredCheckpoint,
};
