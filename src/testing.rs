//! What a test of an embedder needs.
//!
//! - [`RecordingEventBus`] keeps what was emitted, and an assertion that fails prints it.
//! - [`MockEventBus`] expects calls, by `mockall`.
//! - [`MemoryRecorder`] records in memory, and can hold and fail.
//! - [`check_event_bus`] is the contract that every [`EventBus`](crate::EventBus) keeps; run it on your own.
//! - [`FaultyStorage`] keeps a journal in memory, and fails, tears, fills, freezes and crashes as a test says.
//! - [`check_storage`] is the contract that every [`Storage`](crate::journal::Storage) keeps.
//! - [`FixedClock`] fixes time and ids on a thread.
//! - [`marbles`] writes streams over time as text.

mod clock;
mod contract;
pub mod marbles;
mod mock;
mod recorder;
mod recording;
mod storage;

pub use clock::FixedClock;
pub use contract::{Abilities, check_event_bus};
pub use mock::MockEventBus;
pub use recorder::MemoryRecorder;
pub use recording::RecordingEventBus;
pub use storage::{Fault, FaultyStorage, Operation, When, check_storage};
