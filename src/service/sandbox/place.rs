//! Opening things relative to a directory handle without ever following a symbolic link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, fchmod, openat};

/// Opens the directory at `path`, wherever it is.
pub(in crate::service) fn open_root(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, ambient_authority())
}

/// Opens the directory `name` in `dir`; a link is refused.
pub(in crate::service) fn open_dir(dir: &Dir, name: &OsStr) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(dir, name, flags, Mode::empty())?;
    Ok(Dir::from_std_file(File::from(opened)))
}

/// Opens the regular file `name` in `dir` for reading; a link, a pipe, a device is refused, and none is waited for.
pub(in crate::service) fn open_file(dir: &Dir, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(dir, name, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok(file)
}

/// The directory that holds `path`, and the name of `path` in it. Every component on the way is a real directory.
pub(in crate::service) fn parent_of(root: &Dir, path: &Path) -> io::Result<(Dir, OsString)> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not a relative one")),
        }
    }
    let name = names.pop().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"))?;
    let mut dir = root.try_clone()?;
    for parent in names {
        dir = open_dir(&dir, parent)?;
    }
    Ok((dir, name.to_owned()))
}

/// Sets the mode of the directory `name` in `dir`.
pub(super) fn set_dir_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(fchmod(open_dir(dir, name)?, Mode::from_raw_mode(mode))?)
}
