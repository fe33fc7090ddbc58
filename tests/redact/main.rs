//! Nothing that must not be told leaves the process, and nothing else is masked.

mod kinds;
mod secrets;
mod sinks;
