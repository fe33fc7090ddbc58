//! Memories: hostile folders, a model, many processes, processes that are killed.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use agentbus::checkpoint::memory::MemoryStore;

use crate::support::Home;

mod hostile;
mod kill;
mod model;
mod processes;

/// The memories in the folder of a home.
pub(crate) fn store(home: &Home) -> MemoryStore {
    MemoryStore::open_existing(home.path()).unwrap()
}

/// The file of the memory of a key.
pub(crate) fn file(home: &Home, key: &str) -> PathBuf {
    home.file(MemoryStore::file_of(key))
}

/// The program with a verb on the memories of that folder.
pub(crate) fn command(home: &Home, verb: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentbus"));
    command.args(["memory", verb]).arg(home.path()).args(args);
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
