//! [`Checkpointer`]: moves what was written from SQLite's write-ahead log into the database, while more is written.
//!
//! A log that is written to without a break is never begun anew: once it is long (`wal_autocheckpoint`), whoever writes
//! moves the rest, which is little by then.

use std::panic::resume_unwind;
use std::thread::{self, Scope, ScopedJoinHandle};

use rusqlite::{Connection, Result};

use crate::audit::database::Database;
use crate::audit::error::AuditError;

/// A connection of its own, and a thread while it has something to do.
pub(super) struct Checkpointer<'s, 'e> {
    scope: &'s Scope<'s, 'e>,
    database: &'e Database,
    idle: Option<Connection>,
    running: Option<ScopedJoinHandle<'s, Result<Connection>>>,
}

impl<'s, 'e> Checkpointer<'s, 'e> {
    pub(super) fn new(scope: &'s Scope<'s, 'e>, database: &'e Database) -> Self {
        Self { scope, database, idle: None, running: None }
    }

    /// Begins to move what was written, unless it is still at what was written before.
    pub(super) fn begin(&mut self) -> Result<(), AuditError> {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return Ok(());
        }
        self.finish()?;
        let idle = self.idle.take().map_or_else(|| self.database.another(), |idle| Ok(Some(idle)));
        let Some(connection) = idle? else { return Ok(()) };
        let checkpoint = || {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            Ok(connection)
        };
        let spawned =
            thread::Builder::new().name("audit-checkpoint".into()).spawn_scoped(self.scope, checkpoint);
        self.running = Some(spawned.map_err(AuditError::Start)?);
        Ok(())
    }

    /// Waits until it is done.
    pub(super) fn finish(&mut self) -> Result<(), AuditError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let done = running.join().unwrap_or_else(|panic| resume_unwind(panic));
        self.idle = Some(done.map_err(|error| self.database.failed(error))?);
        Ok(())
    }
}
