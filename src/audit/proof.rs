//! Proof: heads, signed with Ed25519, by which others can tell that a journal is as it was.
//!
//! A [`HeadSigner`] signs how far a journal has come: every thousand events, every five minutes, also when nothing
//! happens, and at its end. Each [`Head`] covers the lines since the one before by the root of a Merkle tree, all lines
//! before by the chain, and the head before by its hash. Who has the [`PublicKey`] can [`verify`] the journal, and
//! check an [`Inclusion`], which proves one line and discloses no other. What lies on disk is told in [`mod@format`].
//!
//! It promises that
//!
//! - every change up to the newest head that is there is found, by whomever it was made who has not the secret key, and
//!   named by position and kind; where all hashes behind a change were made anew, by the lines of the first head that no
//!   longer fits;
//! - what was cut from the end, together with the heads that tell of it, is found by any later head that was kept
//!   elsewhere ([`AtLeast`]);
//! - only what is on disk, synced, and follows from the head before is signed.
//!
//! It does not prove that what an event says is true, nor what happened behind the newest head, nor that whole oldest
//! segments were removed by retention and by nobody else.
//!
//! What goes wrong: a signer that finds a journal that does not go on from its last head signs nothing and tells by
//! [`HeadSigner::health`] and one line in the log; it goes on by itself if that is mended.
//!
//! ```
//! use agentbus::DomainEvent;
//! use agentbus::audit::proof::{Expected, HeadOptions, HeadSigner, Inclusion, SecretKey, verify};
//! use agentbus::event::SessionCreated;
//! use agentbus::journal::Journal;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let (key, journal) = (SecretKey::generate()?, Journal::open(directory.path())?);
//! let public = key.public();
//! let signer = HeadSigner::start(&journal, key, HeadOptions::new())?;
//! let position = journal.append(DomainEvent::new(SessionCreated::new(false))).await?;
//! let head = signer.close(Duration::from_secs(5)).await?;
//! println!("keep this elsewhere: {}", head.name());
//!
//! let found = verify(&journal, &public, &Expected::new().at_least(head.name()))?;
//! assert!(found.is_proven());
//! let proof = Inclusion::of(&journal, position)?.to_string();
//! let proven = Inclusion::parse(proof.as_bytes())?.check(&public)?;
//! assert_eq!(proven.position, position);
//! # Ok(())
//! # }
//! ```

#[doc = include_str!("../../docs/audit.md")]
pub mod format {}
mod head;
mod heads;
mod inclusion;
mod key;
mod merkle;
mod signer;
mod verify;

pub use head::{Head, HeadFault, HeadName, ParseHeadNameError};
pub use heads::{HeadError, Heads, heads};
pub use inclusion::{Inclusion, MAX_PROOF_BYTES, ProofFault, ProveError, Proven};
pub use key::{KeyError, KeyFile, ParseKeyError, PublicKey, SecretKey};
pub use signer::{DEFAULT_EVERY, DEFAULT_INTERVAL, HeadOptions, HeadSigner, MAX_EVERY, SignError};
pub use verify::{AtLeast, Change, ChangeKind, Expected, Found, MAX_CHANGES, Retired, VerifyError, verify};
