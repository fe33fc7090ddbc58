//! What a test of an embedder needs.
//!
//! [`RecordingEventBus`] keeps what was emitted, and an assertion that fails prints it.

mod recording;

pub use recording::RecordingEventBus;
