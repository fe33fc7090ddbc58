//! What holds of the house itself: its floors, and documents that are made from code.

mod docs;
mod layering;
