//! Keys in files: made once, never written over, and refused where others can read the secret.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{ParseKeyError, PublicKey, SecretKey};

/// What a secret key is called in a folder that was given.
const NAME: &str = "agentbus.key";

/// The mode of a secret key's file, and the bits that it must not have.
const SECRET_MODE: u32 = 0o600;
/// Read by its owner alone, it is as good.
const READ_ONLY: u32 = 0o400;

/// The mode of a public key's file.
const PUBLIC_MODE: u32 = 0o644;

/// More than any key has, in bytes.
const MAX_BYTES: u64 = 256;

/// Why a key could not be made or read. Never with its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system has no randomness.
    #[error("cannot make a key: the system gives no randomness")]
    Random(#[source] io::Error),
    /// There is a file already; it is left as it is.
    #[error("{} is there already and is not written over; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is a link, a folder or a device, where a key has to be a file.
    #[error("{} is no regular file; give the path of the key itself", path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// The mode of the secret key is neither 0600 nor 0400.
    #[error(
        "the secret key {} has mode {mode:03o}: chmod 600 it, or make a new one if others may have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What is in the file is no key.
    #[error("{} holds no key that can be used here", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParseKeyError,
    },
}

/// The two files of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFile {
    /// The secret key's, of mode 0600.
    pub secret: PathBuf,
    /// The public key's: the name of the secret one with `.pub`.
    pub public: PathBuf,
}

impl KeyFile {
    /// Where a new key goes: `agentbus.key` in a folder that is there, else that file itself.
    pub fn at(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let secret = if path.is_dir() { path.join(NAME) } else { path.to_owned() };
        let mut public = secret.clone().into_os_string();
        public.push(".pub");
        Self { secret, public: public.into() }
    }

    /// Writes a key to these files, which must not be there; they are synced. If one cannot be written, none is left.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Write`].
    pub fn create(&self, key: &SecretKey) -> Result<(), KeyError> {
        create(&self.secret, SECRET_MODE, &key.reveal())?;
        if let Err(error) = create(&self.public, PUBLIC_MODE, &key.public().to_string()) {
            // Made a moment ago, and nobody has it.
            drop(std::fs::remove_file(&self.secret));
            return Err(error);
        }
        let folder = self.secret.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let failed = |source| KeyError::Write { path: folder.to_owned(), source };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// Makes a file with a line in it; a link in its place is not followed.
fn create(path: &Path, mode: u32, line: &str) -> Result<(), KeyError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Write { path: path.to_owned(), source },
    })?;
    // Whatever the mask of the process says.
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(line.as_bytes()))
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all());
    written.map_err(|source| {
        drop(std::fs::remove_file(path));
        KeyError::Write { path: path.to_owned(), source }
    })
}

impl SecretKey {
    /// Reads the secret key in that file.
    ///
    /// # Errors
    /// [`KeyError::Exposed`] if its mode is neither 0600 nor 0400, [`KeyError::NotAFile`] if it is a link or no file,
    /// [`KeyError::NoKey`], [`KeyError::Read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = read(path, OFlags::NOFOLLOW, |mode| {
            let is_own = matches!(mode, SECRET_MODE | READ_ONLY);
            if is_own { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode }) }
        })?;
        parsed(path, text.trim_end_matches('\n').parse())
    }
}

impl PublicKey {
    /// Reads the public key in that file.
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::NotAFile`], [`KeyError::Read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = read(path, OFlags::empty(), |_any_mode| Ok(()))?;
        parsed(path, text.trim_end_matches('\n').parse())
    }
}

fn parsed<K>(path: &Path, key: Result<K, ParseKeyError>) -> Result<K, KeyError> {
    key.map_err(|source| KeyError::NoKey { path: path.to_owned(), source })
}

/// The text of a small regular file whose mode is as it should be. A pipe in its place is not waited for.
fn read(
    path: &Path,
    flags: OFlags,
    check: impl FnOnce(u32) -> Result<(), KeyError>,
) -> Result<Zeroizing<String>, KeyError> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let is_link = |error: &io::Error| error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let failed = |source| KeyError::Read { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|source| {
        if is_link(&source) { KeyError::NotAFile { path: path.to_owned() } } else { failed(source) }
    })?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(KeyError::NotAFile { path: path.to_owned() });
    }
    check(meta.permissions().mode() & 0o7777)?;
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_BYTES).unwrap_or_default()));
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_new_key_is_for_its_owner_alone_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (files, key) = (KeyFile::at(folder.path()), SecretKey::generate().unwrap());
        files.create(&key).unwrap();
        assert_eq!(files.secret, folder.path().join("agentbus.key"));
        assert_eq!(fs::metadata(&files.secret).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(SecretKey::read(&files.secret).unwrap().public(), key.public());
        assert_eq!(PublicKey::read(&files.public).unwrap(), key.public());
        let before = fs::read(&files.secret).unwrap();
        let again = files.create(&SecretKey::generate().unwrap());
        assert!(matches!(again, Err(KeyError::Exists { path }) if path == files.secret));
        assert_eq!(fs::read(&files.secret).unwrap(), before);
    }

    #[test]
    fn a_secret_key_beside_another_public_one_is_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFile::at(folder.path().join("signer"));
        fs::write(&files.public, "another").unwrap();
        let made = files.create(&SecretKey::generate().unwrap());
        assert!(matches!(made, Err(KeyError::Exists { path }) if path == files.public));
        assert!(!files.secret.exists());
    }

    #[test]
    fn a_secret_key_that_others_may_use_is_refused_and_so_is_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeyFile::at(folder.path());
        files.create(&SecretKey::generate().unwrap()).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o610, 0o644, 0o660, 0o700, 0o4600] {
            fs::set_permissions(&files.secret, Permissions::from_mode(mode)).unwrap();
            let refused = SecretKey::read(&files.secret).unwrap_err();
            assert!(matches!(refused, KeyError::Exposed { mode: told, .. } if told == mode), "{mode:o}");
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        fs::set_permissions(&files.secret, Permissions::from_mode(0o400)).unwrap();
        SecretKey::read(&files.secret).unwrap();
        let link = folder.path().join("link");
        symlink(&files.secret, &link).unwrap();
        assert!(matches!(SecretKey::read(&link), Err(KeyError::NotAFile { .. })));
        let made = KeyFile::at(&link).create(&SecretKey::generate().unwrap());
        assert!(matches!(made, Err(KeyError::Exists { .. })));
        assert!(matches!(SecretKey::read(folder.path()), Err(KeyError::NotAFile { .. })));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let long = vec![b'a'; 1_000_000];
        for content in [&b"hunter2"[..], &[0xFF; 90], &long, b""] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let refused = SecretKey::read(&path).unwrap_err();
            assert!(!format!("{refused:?}").contains("hunter2"));
        }
    }
}
