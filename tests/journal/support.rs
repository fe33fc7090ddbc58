//! What the proofs share: a reader of a journal's files that has nothing of the journal's own code, a storage that is
//! watched after every call, and a scripted run.

mod files;
mod run;
mod watched;

pub(crate) use files::{Files, Line, bytes_of, files};
pub(crate) use run::{Account, DURABILITIES, LONG, OnFailure, builder, event, on_threads, run, tears, wait};
pub(crate) use watched::Watched;
