//! Streams as an embedder sees them: the operators of `Rx`, and the marble texts that test them.

mod correlate;
mod events;
mod fairness;
mod letters;
mod marbles;
mod operators;
mod promises;
