//! Heads, what they find, and proofs of single lines.

mod crash;
mod cut;
mod damage;
mod inclusion;
mod retention;
mod signer;
mod still;
mod support;
mod text;
