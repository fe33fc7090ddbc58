//! The audit of a journal: an index that answers questions, and [`proof`] for others that it is as it was
//! written.
//!
//! [`AuditIndex`] keeps what a journal holds in a database of SQLite, in `audit/` of the journal's directory, where
//! questions are answered that reading the journal would take long for: [`AuditQuery`].
//!
//! It promises that
//!
//! - each event of the journal is in it once, whoever indexes at the same time, and whenever one of them is killed:
//!   rows, and how far the journal is indexed, are written in one transaction;
//! - secrets that the redactor knows are masked once more before they are written;
//! - a query gives events in the order of the journal, page by page, and pages stay as they are while events come;
//! - no query takes longer than it is allowed to: one that would look at too much is refused, and told what to add;
//! - nothing that is looked for is taken for anything but words;
//! - what retention takes does not come back by indexing.
//!
//! What goes wrong: an index that is damaged, of another format or of another journal is refused with the name of the
//! file and the way out: it can be made anew from the journal. A crash of the machine may take back what was indexed
//! last; it is indexed again then. Lines that cannot be read are counted ([`Indexed`]), and passed.
//!
//! ```
//! use agentbus::audit::{AuditIndex, AuditQuery};
//! use agentbus::event::SessionCreated;
//! use agentbus::journal::Journal;
//! use agentbus::DomainEvent;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let journal = Journal::open(directory)?;
//! journal.append(DomainEvent::new(SessionCreated::new(false)).with_session_id("s-1")).await?;
//!
//! let mut index = AuditIndex::open(directory)?;
//! assert_eq!(index.index()?.events, 1);
//! let page = index.query(&AuditQuery::new().session("s-1"))?;
//! assert_eq!(page.events.len(), 1);
//! # Ok(())
//! # }
//! ```

mod batch;
mod block;
mod catch_up;
mod database;
mod error;
mod files;
mod index;
pub mod proof;
mod query;
mod rebuild;
mod retention;
mod row;
mod schema;
mod texts;
mod write;

pub use catch_up::Indexed;
pub use error::{AuditError, AuditQueryError};
pub use index::AuditIndex;
pub use query::{
    AuditPage, AuditQuery, DEFAULT_LIMIT, DEFAULT_MAX_STEPS, MAX_BEGINNINGS, MAX_LIMIT, MAX_TEXT_BYTES,
    MAX_TEXT_WORDS, MAX_UNDER, MIN_BEGINNING, Order, PageToken, ParsePageTokenError, TextError,
};
pub use rebuild::Rebuilt;
pub use retention::{AuditClass, AuditRetention, Retained, RetentionError};
