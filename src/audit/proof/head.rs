//! [`Head`]: how far a journal had come at some time, signed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::key::{PublicKey, SecretKey};
use crate::event::{EventId, Hash, Timestamp};
use crate::journal::Position;

/// The format that this build writes and reads.
pub(super) const FORMAT: u32 = 1;

/// More than any head has, in bytes.
pub(super) const MAX_BYTES: usize = 4 << 10;

/// What is signed begins with this, so that a signature of anything else does not pass for one of a head.
const DOMAIN: &[u8] = b"agentbus head 1\n";

/// What stands before the signature.
const BEFORE_SIGNATURE: &str = ",\"signature\":\"";

/// What stands behind it, but for the newline.
const BEHIND_SIGNATURE: &str = "\"}";

/// Why a head is not believed. Never with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// It is no head.
    #[error("it is no head")]
    NotAHead,
    /// It is of a later format.
    #[error("it has format {found}, this version reads format {FORMAT}")]
    Format {
        /// The format it has.
        found: u32,
    },
    /// It says that it is signed with another key.
    #[error("it is signed with another key: a journal has one, sign with that, or begin another journal")]
    OtherKey,
    /// The signature is not that of what it says.
    #[error("its signature does not fit: it was changed or forged")]
    Signature,
}

/// How far a journal had come at some time, signed.
///
/// It covers the lines from [`from`](Self::from) to [`position`](Self::position).
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    said: Said,
    key: PublicKey,
    /// What is signed, but for the domain: the file up to the signature.
    covered: String,
    signature: [u8; 64],
}

/// What a head says, in the order in which it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    pub(super) format: u32,
    pub(super) number: u64,
    pub(super) journal: EventId,
    pub(super) from: Position,
    /// 0 if the journal had no line.
    pub(super) position: u64,
    pub(super) count: u64,
    pub(super) before: Hash,
    pub(super) chain: Hash,
    pub(super) root: Hash,
    pub(super) time: Timestamp,
    pub(super) previous: Hash,
    /// The bytes of the public key.
    pub(super) key: Hash,
}

impl Head {
    /// Signs what it says, as of that key.
    pub(super) fn sign(mut said: Said, key: &SecretKey) -> Result<Self, serde_json::Error> {
        let public = key.public();
        said.key = Hash::from_bytes(*public.as_bytes());
        let mut covered = serde_json::to_string(&said)?;
        // The signature goes on where the object would end.
        covered.pop();
        let signature = key.sign(&signed(&covered));
        Ok(Self { said, key: public, covered, signature })
    }

    /// Reads a head, with or without the newline behind it. Its signature is not looked at.
    ///
    /// # Errors
    /// [`HeadFault::NotAHead`], [`HeadFault::Format`].
    pub fn parse(text: &str) -> Result<Self, HeadFault> {
        /// Read first: what else a later format has is its own business.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.len() > MAX_BYTES {
            return Err(HeadFault::NotAHead);
        }
        let header: Header = serde_json::from_str(text).map_err(|_no_json| HeadFault::NotAHead)?;
        if header.format != FORMAT {
            return Err(HeadFault::Format { found: header.format });
        }
        Self::take_apart(text).ok_or(HeadFault::NotAHead)
    }

    fn take_apart(text: &str) -> Option<Self> {
        let (covered, ending) = text.rsplit_once(BEFORE_SIGNATURE)?;
        let digits = ending.strip_suffix(BEHIND_SIGNATURE)?;
        let (one, other) = digits.split_at_checked(64)?;
        let [one, other] = [one, other].map(|digits| Hash::from_digits(digits.as_bytes()));
        let mut signature = [0; 64];
        signature.get_mut(..32)?.copy_from_slice(one?.as_bytes());
        signature.get_mut(32..)?.copy_from_slice(other?.as_bytes());
        let said: Said = serde_json::from_str(&format!("{covered}}}")).ok()?;
        let key = PublicKey::from_bytes(said.key.as_bytes()).ok()?;
        let is_possible = said.number > 0
            && (said.position == 0 || Position::new(said.position).is_some())
            && said.count <= (said.position + 1).saturating_sub(said.from.get())
            && said.from.get() <= said.position + 1;
        is_possible.then(|| Self { said, key, covered: covered.to_owned(), signature })
    }

    /// Whether it was signed with that key, and what it says is as it was.
    ///
    /// # Errors
    /// [`HeadFault::OtherKey`], [`HeadFault::Signature`].
    pub fn check(&self, key: &PublicKey) -> Result<(), HeadFault> {
        if self.key != *key {
            return Err(HeadFault::OtherKey);
        }
        let has_signed = key.has_signed(&signed(&self.covered), &self.signature);
        if has_signed { Ok(()) } else { Err(HeadFault::Signature) }
    }

    /// Its number: the first is 1.
    pub fn number(&self) -> u64 {
        self.said.number
    }

    /// The id of the journal.
    pub fn journal(&self) -> EventId {
        self.said.journal
    }

    /// The first position that it covers.
    pub fn from(&self) -> Position {
        self.said.from
    }

    /// The position of the last line there was; `None` if there was none.
    pub fn position(&self) -> Option<Position> {
        Position::new(self.said.position)
    }

    /// How many lines it covers: none if nothing was recorded since the head before.
    pub fn count(&self) -> u64 {
        self.said.count
    }

    /// When it was signed.
    pub fn time(&self) -> Timestamp {
        self.said.time
    }

    /// The hash of what is signed: the next head repeats it.
    pub fn hash(&self) -> Hash {
        Hash::of(signed(&self.covered))
    }

    /// By what it is known: its number and hash.
    pub fn name(&self) -> HeadName {
        HeadName { number: self.number(), hash: self.hash() }
    }

    /// The key that it says it is signed with.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    pub(super) fn said(&self) -> &Said {
        &self.said
    }
}

fn signed(covered: &str) -> Vec<u8> {
    [DOMAIN, covered.as_bytes()].concat()
}

/// As it stands in its file, without the newline.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{BEFORE_SIGNATURE}", self.covered)?;
        self.signature.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(BEHIND_SIGNATURE)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.said, f)
    }
}

/// By what a head is known, in short: `<number>:<hash>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadName {
    /// Its number.
    pub number: u64,
    /// The hash of what is signed.
    pub hash: Hash,
}

/// The text names no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the number of a head, a colon and its hash of 64 lower-case hex digits")]
pub struct ParseHeadNameError;

impl fmt::Display for HeadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

impl FromStr for HeadName {
    type Err = ParseHeadNameError;
    fn from_str(text: &str) -> Result<Self, ParseHeadNameError> {
        let (number, hash) = text.split_once(':').ok_or(ParseHeadNameError)?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| is_plain);
        let hash = hash.parse().ok();
        number.zip(hash).map(|(number, hash)| Self { number, hash }).ok_or(ParseHeadNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(key: &SecretKey) -> Head {
        let said = Said {
            format: FORMAT,
            number: 3,
            journal: "01J5Z3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            from: Position::new(11).unwrap(),
            position: 20,
            count: 10,
            before: Hash::of("before"),
            chain: Hash::of("chain"),
            root: Hash::of("root"),
            time: Timestamp::from_unix_nanos(1_000_000_000),
            previous: Hash::of("previous"),
            key: Hash::of(""),
        };
        Head::sign(said, key).unwrap()
    }

    #[test]
    fn a_head_reads_what_it_wrote() {
        let key = SecretKey::generate().unwrap();
        let head = head(&key);
        let text = head.to_string();
        assert!(text.starts_with(
            r#"{"format":1,"number":3,"journal":"01J5Z3NDEKTSV4RRFFQ69G5FAV","from":11,"position":20,"#
        ));
        for text in [text.clone(), text.clone() + "\n"] {
            let read = Head::parse(&text).unwrap();
            assert_eq!((&read, read.check(&key.public())), (&head, Ok(())));
        }
        let other = SecretKey::generate().unwrap().public();
        assert_eq!(head.check(&other), Err(HeadFault::OtherKey));
        assert_eq!(head.name().to_string().parse(), Ok(head.name()));
    }

    #[test]
    fn a_head_of_which_any_bit_was_flipped_is_not_believed() {
        let key = SecretKey::generate().unwrap();
        let text = head(&key).to_string().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = str::from_utf8(&flipped).ok().and_then(|text| Head::parse(text).ok());
            assert!(read.is_none_or(|head| head.check(&key.public()).is_err()), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let text = head(&SecretKey::generate().unwrap()).to_string();
        let later = text.replace("\"format\":1", "\"format\":2");
        assert_eq!(Head::parse(&later), Err(HeadFault::Format { found: 2 }));
        for (from, to) in [
            ("\"number\":3", "\"number\":0"),
            ("\"number\":3", "\"number\":3,\"number\":3"),
            ("\"number\":3", "\"number\":3,\"more\":1"),
            ("\"count\":10", "\"count\":11"),
            ("\"from\":11", "\"from\":22"),
            ("\"position\":20", "\"position\":9007199254740992"),
            ("\"signature\":\"", "\"signature\":\"0"),
        ] {
            assert_eq!(Head::parse(&text.replace(from, to)), Err(HeadFault::NotAHead), "{to}");
        }
        for text in ["", "{", "[]", "\n", &"[".repeat(5_000), &text.repeat(9)] {
            assert_eq!(Head::parse(text), Err(HeadFault::NotAHead));
        }
    }

    #[test]
    fn a_name_of_a_head_is_plain() {
        let hash = Hash::of("a");
        for text in
            [format!("0:{hash}"), format!("+1:{hash}"), format!("{hash}"), "1:".into(), format!("01:{hash}")]
        {
            assert_eq!(text.parse::<HeadName>(), Err(ParseHeadNameError), "{text}");
        }
    }
}
