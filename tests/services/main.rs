//! The services against small models of them: random operations, of which those refused change nothing and tell
//! nothing, and the others tell exactly what they must.

mod budget;
mod decision;
mod plan;
mod session;
