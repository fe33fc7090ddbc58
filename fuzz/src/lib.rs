//! What each fuzz target does with its input. The bodies are here, apart from the fuzzer, so that the kept corpus
//! runs through them in an ordinary test as well (`tests/fuzz.rs` of the library).
//!
//! Each takes any bytes and panics if the library breaks a promise. All go through the public interface.

mod checkpoint;
mod cursor;
mod event_json;
mod files;
mod filter_text;
mod line;
mod manifest;
mod memory;
mod proof;
mod reading;
mod recovery;
mod writing;

pub use checkpoint::checkpoint;
pub use cursor::cursor;
pub use event_json::event_json;
pub use filter_text::filter_text;
pub use line::line;
pub use manifest::manifest;
pub use memory::memory;
pub use proof::proof;
pub use recovery::recovery;
