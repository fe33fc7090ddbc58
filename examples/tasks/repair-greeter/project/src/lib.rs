//! Greets the guests of an evening and counts what they bring.

mod greeting;
mod plural;

pub use greeting::{greet, welcome};
pub use plural::{count, plural};
