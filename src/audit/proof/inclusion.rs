//! [`Inclusion`]: that a line is one of those that a head covers, without the others.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::head::{Head, HeadFault};
use super::heads::{self, HeadError};
use super::key::PublicKey;
use super::merkle::{self, MAX_PATH};
use crate::event::{EventId, Hash, Timestamp};
use crate::journal::{JournalReader, Link, MAX_LINE_BYTES, Position, ReadError, line};

/// The format that this build writes and reads.
const FORMAT: u32 = 1;

/// More than any proof has, in bytes: a line whose every byte is escaped, and a head.
pub const MAX_PROOF_BYTES: usize = 6 * MAX_LINE_BYTES + (64 << 10);

/// Why there is no proof of a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A head could not be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// No head covers the position yet.
    #[error("no head covers position {position} yet{}", newest.map(|newest| format!(", the newest goes up to {newest}")).unwrap_or_default())]
    NotCovered {
        /// The position asked for.
        position: Position,
        /// The last position that a head covers.
        newest: Option<Position>,
    },
    /// There is no line at that position; positions may leave gaps.
    #[error("there is no line at position {position}")]
    NoLine {
        /// The position asked for.
        position: Position,
    },
    /// Of the lines of the same head some are gone, so that its root cannot be made any more.
    #[error("lines of head {head} are gone, up to position {through}: nothing in it can be proven any more")]
    Removed {
        /// The head's number.
        head: u64,
        /// The last position that is gone.
        through: Position,
    },
    /// The lines are not those that were signed.
    #[error("the lines of head {head} are not those that were signed: see what `verify --key` says")]
    Broken {
        /// The head's number.
        head: u64,
    },
}

/// Why a proof proves nothing. Never with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFault {
    /// It is longer than any proof.
    #[error("the proof is longer than {MAX_PROOF_BYTES} bytes")]
    TooLong,
    /// It is none.
    #[error("it is no proof: the fault is at line {line}, column {column}")]
    NotAProof {
        /// The line of the fault, from 1; 0 if what it says does not fit together.
        line: usize,
        /// The column of the fault, from 1.
        column: usize,
    },
    /// It is of a later format.
    #[error("the proof has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
    /// Its head is not to be believed.
    #[error("its head is not to be believed")]
    Head(#[source] HeadFault),
    /// The line does not begin with a position that the head covers.
    #[error("the line is not at a position that its head covers")]
    Elsewhere,
    /// The path does not lead from the line to the root that was signed: one of them was changed.
    #[error("the line is not the one that was signed, or the path to it was changed")]
    Path,
}

/// A proof that a line is one of those that a head covers. It discloses that line and as many hashes as the head's
/// number of lines has bits, and nothing else of the journal.
///
/// Its text is JSON, see [`format`](mod@super::format).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    head: Head,
    /// What the line's leaf covers.
    line: String,
    /// Which of the head's lines it is, from 0.
    place: u64,
    path: Vec<Hash>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    line: String,
    place: u64,
    path: Vec<Hash>,
    head: String,
}

/// What a proof proves: that the line was recorded in that journal, at that position, before that time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proven {
    /// The id of the journal.
    pub journal: EventId,
    /// The position of the line.
    pub position: Position,
    /// The event and its position, a JSON object.
    pub event: String,
    /// The number of the head.
    pub head: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// The hash of the head.
    pub hash: Hash,
}

impl Inclusion {
    /// Makes the proof of the line at that position. It reads the lines of the head that covers it.
    ///
    /// # Errors
    /// [`ProveError`].
    pub fn of(journal: &impl AsRef<JournalReader>, position: Position) -> Result<Self, ProveError> {
        let journal = journal.as_ref();
        let head = covering(journal, position)?;
        let (said, number) = (head.said(), head.number());
        let mut links = journal.links(said.from.previous(), said.before);
        let (mut leaves, mut found) = (Vec::new(), None);
        let mut last = (said.from.get() - 1, said.before);
        while last.0 < said.position {
            match links.step()? {
                Link::Line { position: at, leaf, chain } => {
                    if at == position {
                        found = Some((leaves.len(), links.covered().to_owned()));
                    }
                    leaves.push(leaf);
                    last = (at.get(), chain);
                }
                Link::Removed { through } => return Err(ProveError::Removed { head: number, through }),
                Link::Broken | Link::End => return Err(ProveError::Broken { head: number }),
            }
        }
        if last != (said.position, said.chain) || merkle::root(&leaves) != said.root {
            return Err(ProveError::Broken { head: number });
        }
        let (place, line) = found.ok_or(ProveError::NoLine { position })?;
        let line = String::from_utf8(line).map_err(|_not_utf8| ProveError::Broken { head: number })?;
        let path = merkle::path(&leaves, place);
        Ok(Self { head, line, place: place as u64, path })
    }

    /// Reads a proof. Whether it proves anything is not looked at.
    ///
    /// # Errors
    /// [`ProofFault`], if it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFault> {
        /// Read first: what else a later format has is its own business.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let fault =
            |error: &serde_json::Error| ProofFault::NotAProof { line: error.line(), column: error.column() };
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofFault::TooLong);
        }
        let header: Header = serde_json::from_slice(bytes).map_err(|error| fault(&error))?;
        if header.format != FORMAT {
            return Err(ProofFault::Format { found: header.format });
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|error| fault(&error))?;
        let Written { line, place, path, head, .. } = written;
        let is_one_line = !line.contains('\n') && !head.contains('\n');
        let head = Head::parse(&head).map_err(ProofFault::Head)?;
        if path.len() > MAX_PATH || line.len() > MAX_LINE_BYTES || !is_one_line {
            return Err(ProofFault::NotAProof { line: 0, column: 0 });
        }
        Ok(Self { head, line, place, path })
    }

    /// Checks it, without the journal.
    ///
    /// # Errors
    /// [`ProofFault`]: why it proves nothing.
    pub fn check(&self, key: &PublicKey) -> Result<Proven, ProofFault> {
        self.head.check(key).map_err(ProofFault::Head)?;
        let said = self.head.said();
        let leaf = Hash::of(&self.line);
        if merkle::root_by(&self.path, &leaf, self.place, said.count) != Some(said.root) {
            return Err(ProofFault::Path);
        }
        let position = line::position(self.line.as_bytes()).ok_or(ProofFault::Elsewhere)?;
        if position < said.from || position.get() > said.position {
            return Err(ProofFault::Elsewhere);
        }
        Ok(Proven {
            journal: said.journal,
            position,
            event: format!("{}}}", self.line),
            head: said.number,
            time: said.time,
            hash: self.head.hash(),
        })
    }

    /// The head that covers the line.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

/// One object of JSON, without a newline.
impl fmt::Display for Inclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, line, place, path } = self;
        let (line, place, path) = (line.clone(), *place, path.clone());
        let written = Written { format: FORMAT, line, place, path, head: head.to_string() };
        f.write_str(&serde_json::to_string(&written).map_err(|_no_json| fmt::Error)?)
    }
}

/// The head that covers that position. They are in the order of their positions: found by bisection.
fn covering(journal: &JournalReader, position: Position) -> Result<Head, ProveError> {
    let storage = &**journal.storage();
    let numbers = heads::list(storage)?;
    let (mut low, mut high, mut found) = (0, numbers.len(), None);
    let mut newest = None;
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(number) = numbers.get(middle) else { break };
        let Some(head) = heads::read(storage, *number)? else { break };
        if head.position() >= Some(position) {
            high = middle;
            found = Some(head);
        } else {
            low = middle + 1;
            newest = head.position().max(newest);
        }
    }
    match found {
        None => Err(ProveError::NotCovered { position, newest }),
        Some(head) if head.from() > position => {
            let through = head.from().previous().unwrap_or(position);
            Err(ProveError::Removed { head: head.number(), through })
        }
        Some(head) => Ok(head),
    }
}
