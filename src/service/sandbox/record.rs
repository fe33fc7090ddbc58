//! What is kept of a sandbox in files: a line that says what follows and its hash, and one line of JSON.
//!
//! ```text
//! {"agentbus_sandbox":1,"what":"commit log","hash":"<BLAKE3 of the second line without its end>"}
//! {...}
//! ```
//! A record is written whole or not at all. One that is cut, changed, of another kind or of a later version is refused
//! with its path and the way out, and never quoted.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::disk::{At, Disk};
use super::place::open_file;
use super::tree::{Entry, Manifest};
use crate::event::Hash;

/// The version that this build writes, and the only one that it reads.
const VERSION: u32 = 1;

/// Longer records are refused: a tree of a million files has about a quarter of that.
const MAX_BYTES: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Head {
    agentbus_sandbox: u32,
    what: String,
    hash: Hash,
}

/// Why a record was not read.
#[derive(Debug)]
pub(super) enum RecordError {
    Io(io::Error),
    /// What is wrong with it.
    Damaged(&'static str),
}

/// Writes a record in place of what has its name.
pub(super) fn write(disk: &Disk, at: At<'_>, what: &str, value: &impl Serialize) -> io::Result<()> {
    let body = serde_json::to_string(value)?;
    let head = Head { agentbus_sandbox: VERSION, what: what.to_owned(), hash: Hash::of(&body) };
    disk.replace(at, format!("{}\n{body}\n", serde_json::to_string(&head)?).as_bytes())
}

/// Reads a record; none if there is no such file.
pub(super) fn read<T: DeserializeOwned>((dir, name): At<'_>, what: &str) -> Result<Option<T>, RecordError> {
    let mut text = String::new();
    let file = match open_file(dir, name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecordError::Io(error)),
    };
    match file.take(MAX_BYTES).read_to_string(&mut text) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(RecordError::Damaged("it is no text"));
        }
        read => read.map_err(RecordError::Io)?,
    };
    let (head, body) = text.split_once('\n').ok_or(RecordError::Damaged("it has no head"))?;
    let head: Head =
        serde_json::from_str(head).map_err(|_quotes_it| RecordError::Damaged("its head is damaged"))?;
    if head.agentbus_sandbox != VERSION {
        return Err(RecordError::Damaged("it is of another version of agentbus, so open it by that one"));
    }
    let body = body.strip_suffix('\n').ok_or(RecordError::Damaged("it is cut"))?;
    if head.what != what || Hash::of(body) != head.hash {
        return Err(RecordError::Damaged("it is not what its hash says"));
    }
    serde_json::from_str(body).map(Some).map_err(|_quotes_it| RecordError::Damaged("it cannot be understood"))
}

/// A manifest as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Listed(Vec<Item>);

#[derive(Serialize, Deserialize)]
struct Item {
    #[serde(with = "path_text")]
    path: PathBuf,
    entry: Entry,
}

impl From<&Manifest> for Listed {
    fn from(manifest: &Manifest) -> Self {
        Self(manifest.iter().map(|(path, entry)| Item { path: path.clone(), entry: entry.clone() }).collect())
    }
}

impl From<Listed> for Manifest {
    fn from(listed: Listed) -> Self {
        listed.0.into_iter().map(|item| (item.path, item.entry)).collect()
    }
}

/// Paths as texts: what is no UTF-8, and `%`, stands as `%` and two hexadecimal digits for each byte.
pub(super) mod path_text {
    use std::ffi::OsString;
    use std::fmt::Write;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in super::super) fn encode(path: &Path) -> String {
        let mut text = String::new();
        for chunk in path.as_os_str().as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '%' { text.push_str("%25") } else { text.push(c) }
            }
            for byte in chunk.invalid() {
                // Writing to a string cannot fail.
                let _infallible = write!(text, "%{byte:02x}");
            }
        }
        text
    }

    pub(in super::super) fn decode(text: &str) -> Option<PathBuf> {
        let mut pieces = text.split('%');
        let mut bytes = pieces.next()?.as_bytes().to_vec();
        for piece in pieces {
            let (digits, rest) = piece.split_at_checked(2)?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Some(OsString::from_vec(bytes).into())
    }

    pub(in super::super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(path))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).ok_or_else(|| de::Error::custom("it is no path"))
    }
}

/// The record of that name in a folder at `folder`, with errors that say where it is.
pub(super) fn load<T: DeserializeOwned>(
    dir: &Dir,
    folder: &Path,
    name: impl AsRef<OsStr>,
    what: &str,
) -> Result<Option<T>, super::SandboxError> {
    let name = name.as_ref();
    read((dir, name), what).map_err(|error| damaged(error, &folder.join(name)))
}

/// What a record at `path` that was not read means to the caller.
pub(super) fn damaged(error: RecordError, path: &Path) -> super::SandboxError {
    match error {
        RecordError::Io(source) => super::SandboxError::Io { doing: "read", path: path.to_owned(), source },
        RecordError::Damaged(reason) => super::SandboxError::Damaged { path: path.to_owned(), reason },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::service::sandbox::place::open_root;

    proptest! {
        #[test]
        fn a_path_of_any_bytes_is_read_as_it_was_written(bytes: Vec<u8>) {
            use std::os::unix::ffi::OsStringExt;
            let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
            prop_assert_eq!(path_text::decode(&path_text::encode(&path)), Some(path));
        }
    }

    #[test]
    fn a_record_that_is_cut_or_changed_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = open_root(folder.path()).unwrap();
        let at = (&dir, OsStr::new("record"));
        write(&Disk::default(), at, "test", &["one", "two"]).unwrap();
        let whole = std::fs::read(folder.path().join("record")).unwrap();
        assert_eq!(read::<Vec<String>>(at, "test").unwrap().unwrap(), ["one", "two"]);
        assert!(matches!(read::<Vec<String>>(at, "another"), Err(RecordError::Damaged(_))));
        for place in 0..whole.len() {
            std::fs::write(folder.path().join("record"), &whole[..place]).unwrap();
            assert!(read::<Vec<String>>(at, "test").is_err(), "cut at {place}");
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(folder.path().join("record"), changed).unwrap();
            assert!(read::<Vec<String>>(at, "test").is_err(), "changed at {place}");
        }
        std::fs::remove_file(folder.path().join("record")).unwrap();
        assert!(read::<Vec<String>>(at, "test").unwrap().is_none());
    }
}
