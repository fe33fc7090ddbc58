//! [`ResourceUri`]: what the resources are called that this crate can open.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest address that is read, in bytes.
pub const MAX_URI_BYTES: usize = 4_096;

/// The longest name of a revision, in bytes.
const MAX_REVISION_BYTES: usize = 256;

/// The address of something on this machine.
///
/// | form | names |
/// |---|---|
/// | `file:///home/ann/notes.txt` | one file |
/// | `dir:///home/ann/project` | a folder with everything in it |
/// | `git:///home/ann/project?rev=main` | what a local repository holds at a revision |
///
/// Paths are absolute. What is no plain character stands as `%` and two hex digits, so that any path has an address,
/// one that is not UTF-8 too. Its text form is always the same for the same address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUri {
    scheme: ResourceScheme,
    path: PathBuf,
    /// Of a repository, and of nothing else.
    revision: Option<String>,
}

/// What kind of thing an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ResourceScheme {
    /// One file.
    File,
    /// A folder.
    Dir,
    /// A repository at a revision.
    Git,
}

impl ResourceScheme {
    /// What an address begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::File => "file://",
            Self::Dir => "dir://",
            Self::Git => "git://",
        }
    }
}

/// Why an address was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// It is too long.
    #[error("cannot read an address of {actual} bytes: it may have {MAX_URI_BYTES}")]
    TooLong {
        /// How many bytes it has.
        actual: usize,
    },
    /// It names something that this crate does not open.
    #[error("cannot open that address: it begins with none of file://, dir:// and git://")]
    Scheme,
    /// It is wrong at one place.
    #[error("cannot read the address at its byte {at}: {fault}")]
    Fault {
        /// Where, in bytes from the start.
        at: usize,
        /// What is wrong.
        fault: UriFault,
    },
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriFault {
    /// The path does not begin with a slash: it is relative, or names a host.
    #[error("the path must be absolute, on no other host")]
    Relative,
    /// The path is that of the root, and a file must have a name.
    #[error("it names no file")]
    Nameless,
    /// A part of the path is `.` or `..`.
    #[error("no part of the path may be `.` or `..`")]
    Climbs,
    /// There is a zero byte.
    #[error("it must not hold a zero byte")]
    Zero,
    /// A `%` is not followed by two hex digits.
    #[error("two hex digits must follow a %")]
    Escape,
    /// A slash was escaped: the name of a file cannot hold one.
    #[error("an escaped slash is part of no name")]
    Slash,
    /// A character that must be escaped was not.
    #[error("that character must be escaped")]
    Unescaped,
    /// There is something behind the path that does not belong there, or a repository lacks its `?rev=`.
    #[error("a repository needs ?rev=REVISION behind its path, and nothing else may have something there")]
    Query,
    /// The revision is empty, too long, or could be taken for an option or a range.
    #[error("that is not the name of a revision")]
    Revision,
}

impl UriError {
    fn at(at: usize, fault: UriFault) -> Self {
        Self::Fault { at, fault }
    }
}

impl ResourceUri {
    /// The address of a file.
    ///
    /// # Errors
    /// [`UriError`] if the path is not absolute, climbs, or names no file.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, UriError> {
        Self::of(ResourceScheme::File, path.as_ref(), None)
    }

    /// The address of a folder.
    ///
    /// # Errors
    /// [`UriError`] if the path is not absolute or climbs.
    pub fn dir(path: impl AsRef<Path>) -> Result<Self, UriError> {
        Self::of(ResourceScheme::Dir, path.as_ref(), None)
    }

    /// The address of a repository at a revision: a branch, a tag, a commit, or what is so many commits before one.
    ///
    /// # Errors
    /// [`UriError`] if the path is not absolute or climbs, or the revision is not the name of one.
    pub fn git(repository: impl AsRef<Path>, revision: &str) -> Result<Self, UriError> {
        Self::of(ResourceScheme::Git, repository.as_ref(), Some(revision))
    }

    /// By way of the text form, so that there is one check for all.
    fn of(scheme: ResourceScheme, path: &Path, revision: Option<&str>) -> Result<Self, UriError> {
        let query = revision.map(|revision| format!("?rev={revision}")).unwrap_or_default();
        format!("{}{}{query}", scheme.prefix(), escape(path)).parse()
    }

    /// What kind of thing it names.
    pub fn scheme(&self) -> ResourceScheme {
        self.scheme
    }

    /// The absolute path of the file, the folder or the repository.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The revision of a repository; none of anything else.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), escape(&self.path))?;
        match &self.revision {
            Some(revision) => write!(f, "?rev={revision}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ResourceUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_URI_BYTES {
            return Err(UriError::TooLong { actual: text.len() });
        }
        let schemes = [ResourceScheme::File, ResourceScheme::Dir, ResourceScheme::Git];
        let found =
            schemes.into_iter().find_map(|scheme| Some((scheme, text.strip_prefix(scheme.prefix())?)));
        let (scheme, rest) = found.ok_or(UriError::Scheme)?;
        let start = text.len() - rest.len();
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some((start + path.len(), query))),
            None => (rest, None),
        };
        let path = read_path(path, start)?;
        if scheme == ResourceScheme::File && path.file_name().is_none() {
            return Err(UriError::at(start, UriFault::Nameless));
        }
        let revision = match (scheme, query) {
            (ResourceScheme::Git, Some((at, query))) => {
                let revision = query.strip_prefix("rev=").ok_or(UriError::at(at, UriFault::Query))?;
                check_revision(revision).map_err(|fault| UriError::at(at + "?rev=".len(), fault))?;
                Some(revision.to_owned())
            }
            (ResourceScheme::Git, None) => return Err(UriError::at(text.len(), UriFault::Query)),
            (_, Some((at, _))) => return Err(UriError::at(at, UriFault::Query)),
            (_, None) => None,
        };
        Ok(Self { scheme, path, revision })
    }
}

/// Reads an absolute path that begins at byte `start` of the address.
fn read_path(text: &str, start: usize) -> Result<PathBuf, UriError> {
    let names = text.strip_prefix('/').ok_or(UriError::at(start, UriFault::Relative))?;
    let mut path = PathBuf::from("/");
    let mut at = start + 1;
    for name in names.split('/') {
        let bytes = unescape(name.as_bytes()).map_err(|(within, fault)| UriError::at(at + within, fault))?;
        if matches!(bytes.as_slice(), b"." | b"..") {
            return Err(UriError::at(at, UriFault::Climbs));
        }
        if !bytes.is_empty() {
            path.push(OsString::from_vec(bytes));
        }
        at += name.len() + 1;
    }
    Ok(path)
}

/// Reads one name; the error says where in it something is wrong.
fn unescape(text: &[u8]) -> Result<Vec<u8>, (usize, UriFault)> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text;
    while let [first, rest @ ..] = left {
        let at = text.len() - left.len();
        let (byte, behind) = match (first, rest) {
            (b'%', [high, low, behind @ ..]) => (hex(*high, *low).ok_or((at, UriFault::Escape))?, behind),
            (b'%', _) => return Err((at, UriFault::Escape)),
            (0, _) => return Err((at, UriFault::Zero)),
            (byte, _) if byte.is_ascii_control() || *byte == b'#' => return Err((at, UriFault::Unescaped)),
            (byte, _) => (*byte, rest),
        };
        match byte {
            0 => return Err((at, UriFault::Zero)),
            b'/' => return Err((at, UriFault::Slash)),
            byte => bytes.push(byte),
        }
        left = behind;
    }
    Ok(bytes)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The text of a path with everything escaped that is no plain character.
pub(super) fn escape(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~+@=,".contains(byte) {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes any text");
        }
    }
    text
}

/// The path that [`escape`] wrote; none if it wrote no such text.
pub(super) fn unescape_path(text: &str) -> Option<PathBuf> {
    let names: Result<Vec<_>, _> = text.split('/').map(|name| unescape(name.as_bytes())).collect();
    Some(PathBuf::from(OsString::from_vec(names.ok()?.join(&b'/'))))
}

/// Refuses what git could take for something else than one revision.
fn check_revision(revision: &str) -> Result<(), UriFault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/@{}^~+-".contains(c);
    let is_good = (1..=MAX_REVISION_BYTES).contains(&revision.len())
        && revision.chars().all(is_plain)
        && !revision.starts_with('-')
        && !revision.contains("..");
    if is_good { Ok(()) } else { Err(UriFault::Revision) }
}

#[cfg(test)]
mod tests;
