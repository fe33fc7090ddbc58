//! Streams as an embedder sees them: the operators of `Rx`, and the marble texts that test them.

#[macro_use]
mod every;

mod bounds;
mod busy;
mod correlate;
mod events;
mod fairness;
mod joins;
mod letters;
mod marbles;
mod operators;
mod oracle;
mod promises;
mod properties;
