//! The journal: writing, reading, crashes.

mod write;
