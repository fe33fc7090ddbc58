//! [`Database`]: one file of SQLite, opened and found to be ours.

use std::path::{Path, PathBuf};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::AuditError;
use super::files::{Folder, Generation};
use super::schema::{APPLICATION, CREATE, FORMAT};

mod still;

use still::Look;

/// How long somebody else may write before that is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it is until somebody who was told that another one writes tries again.
const MOMENT: Duration = Duration::from_millis(2);

/// How large a page of the database is, in bytes: a few rows fit into one.
const PAGE: i64 = 16_384;

/// How much of the database is kept in memory, in KiB, negative as SQLite wants it.
const CACHE: i64 = -65_536;

/// How long the write-ahead log may become before whoever writes moves it into the database, in pages.
const WAL_PAGES: i64 = 8_000;

/// Statements that are kept compiled.
const STATEMENTS: usize = 48;

/// A database that is open.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) generation: Generation,
    folder: Folder,
    file: PathBuf,
    /// If it is read without locks.
    seen: Option<Look>,
}

/// Whether it has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    /// It is made if it is not there.
    Optional,
}

impl Database {
    /// Opens a database of that number, `None` if it has to be there and is not.
    pub(super) fn open(
        folder: &Folder,
        generation: Generation,
        presence: Presence,
    ) -> Result<Option<Self>, AuditError> {
        let file = folder.file(generation);
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, presence == Presence::Optional);
        if !Folder::is_regular(&file) {
            return Err(AuditError::Damaged { file, source: None });
        }
        let connection = match Connection::open_with_flags(&file, flags) {
            Err(_) if presence == Presence::Required && !file.exists() => return Ok(None),
            opened => opened.map_err(|error| failed(&file, folder, error))?,
        };
        let mut database = Self { connection, generation, folder: folder.clone(), file, seen: None };
        // Several that turn a new file to WAL at once are told so at once, without being waited for.
        let until = Instant::now() + PATIENCE;
        loop {
            database.connection.busy_timeout(PATIENCE).map_err(|error| database.failed(error))?;
            database.recognise()?;
            match database.set_up().map_err(|error| database.failed(error)) {
                Err(AuditError::Busy { .. }) if Instant::now() < until => park_timeout(MOMENT),
                set_up => break set_up?,
            }
        }
        database.check()?;
        Ok(Some(database))
    }

    /// Makes a database that does not count yet, in a file that is not there. Nothing of it outlives a crash.
    pub(super) fn create_unfinished(folder: &Folder, generation: Generation) -> Result<Self, AuditError> {
        let file = folder.unfinished(generation);
        folder.remove(&file)?;
        let connection = Connection::open(&file).map_err(|error| failed(&file, folder, error))?;
        let mut database = Self { connection, generation, folder: folder.clone(), file, seen: None };
        let made = database
            .connection
            .pragma_update(None, "page_size", PAGE)
            .and_then(|()| {
                database.connection.execute_batch(
                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;",
                )
            })
            .and_then(|()| database.tune())
            .and_then(|()| database.create());
        made.map_err(|error| database.failed(error))?;
        Ok(database)
    }

    /// Another connection to it, if it has a write-ahead log; one that does not count yet has none, and nobody else may
    /// open it.
    pub(super) fn another(&self) -> Result<Option<Connection>, AuditError> {
        let open = || -> rusqlite::Result<_> {
            let mode: String = self.connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            if mode != "wal" {
                return Ok(None);
            }
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(&self.file, flags).map(Some)
        };
        open().map_err(|error| self.failed(error))
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Whether it is the one that counts, or is still to be.
    pub(super) fn counts(&self) -> Result<bool, AuditError> {
        Ok(self.folder.newest()? <= Some(self.generation))
    }

    /// What an error of SQLite becomes.
    pub(super) fn failed(&self, error: rusqlite::Error) -> AuditError {
        failed(&self.file, &self.folder, error)
    }

    /// That what stands in it is not what it should be.
    pub(super) fn damaged(&self) -> AuditError {
        AuditError::Damaged { file: self.file.clone(), source: None }
    }

    /// Closes it: everything is in its file then.
    pub(super) fn close(self) -> Result<(), AuditError> {
        let Self { connection, folder, file, .. } = self;
        connection.close().map_err(|(_, error)| failed(&file, &folder, error))
    }

    /// Refuses a database of somebody else, before anything in it is changed.
    fn recognise(&self) -> Result<(), AuditError> {
        let (objects, _) = self.objects().map_err(|error| self.failed(error))?;
        let application = self.number("application_id").map_err(|error| self.failed(error))?;
        if objects > 0 && application != APPLICATION { Err(self.damaged()) } else { Ok(()) }
    }

    fn set_up(&mut self) -> rusqlite::Result<()> {
        // It says something of a file that is new, before all else.
        self.connection.pragma_update(None, "page_size", PAGE)?;
        // NORMAL: a crash of the machine may take back the last transactions, rows and position together, never a part
        // of one; the next run then indexes those lines again.
        self.connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        self.tune()
    }

    fn tune(&self) -> rusqlite::Result<()> {
        self.connection.set_prepared_statement_cache_capacity(STATEMENTS);
        self.connection.pragma_update(None, "cache_size", CACHE)?;
        self.connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
        self.connection.pragma_update(None, "temp_store", "MEMORY")?;
        // The file may come from anybody: what its schema says runs nothing, and no statement reaches SQLite's insides.
        self.connection.pragma_update(None, "trusted_schema", false)?;
        self.connection.pragma_update(None, "cell_size_check", true)?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        Ok(())
    }

    fn number(&self, pragma: &str) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, pragma, |row| row.get(0))
    }

    /// How many objects there are, and how many that act by themselves.
    fn objects(&self) -> rusqlite::Result<(i64, i64)> {
        let sql = "SELECT count(*), count(*) FILTER (WHERE type = 'trigger') FROM sqlite_schema";
        self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn check(&mut self) -> Result<(), AuditError> {
        if self.objects().map_err(|error| self.failed(error))?.0 == 0 {
            return self.create().map_err(|error| self.failed(error));
        }
        self.check_format()
    }

    fn check_format(&self) -> Result<(), AuditError> {
        let failed = |error| failed(&self.file, &self.folder, error);
        let (_, triggers) = self.objects().map_err(failed)?;
        let (application, found) = (self.number("application_id"), self.number("user_version"));
        match (application.map_err(failed)?, found.map_err(failed)?) {
            (APPLICATION, FORMAT) if triggers == 0 => Ok(()),
            (APPLICATION, found) if found != FORMAT => {
                Err(AuditError::Format { file: self.file.clone(), found, expected: FORMAT })
            }
            _ => Err(self.damaged()),
        }
    }

    /// Makes the tables, unless somebody else did meanwhile.
    fn create(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT count(*) FROM sqlite_schema";
        let objects: i64 = transaction.query_row(sql, [], |row| row.get(0))?;
        if objects == 0 {
            transaction.execute_batch(CREATE)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
        }
        transaction.commit()
    }
}

fn failed(file: &Path, folder: &Folder, error: rusqlite::Error) -> AuditError {
    let file = file.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            AuditError::Busy { folder: folder.path().to_owned() }
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            AuditError::Damaged { file, source: Some(error) }
        }
        Some(ErrorCode::ReadOnly) => AuditError::ReadOnly { file, source: error },
        _ if is_of_other_shape(&error) => AuditError::Damaged { file, source: Some(error) },
        _ => AuditError::Database { file, source: error },
    }
}

/// Whether a table or a value is not as we write it.
fn is_of_other_shape(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::SqlInputError { .. }
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..)
            | E::FromSqlConversionFailure(..)
            | E::QueryReturnedNoRows
    )
}
