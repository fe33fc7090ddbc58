//! Opening things relative to a directory handle without ever following a symbolic link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _};
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

/// Opens the directory `name` in `dir` to reach what is in it, for which it need not be readable; a link is refused.
pub(in crate::service) fn pass_dir(dir: &Dir, name: &OsStr) -> io::Result<Dir> {
    #[cfg(target_os = "linux")]
    const HOW: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const HOW: OFlags = OFlags::RDONLY;
    let flags = HOW | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
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
        dir = pass_dir(&dir, parent)?;
    }
    Ok((dir, name.to_owned()))
}

/// Sets the mode of the directory `name` in `dir`, which need not be readable; a link is refused.
pub(super) fn set_dir_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    match open_dir(dir, name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => set_closed_dir_mode(dir, name, mode),
        opened => Ok(fchmod(opened?, Mode::from_raw_mode(mode))?),
    }
}

/// A handle of what cannot be read changes no mode; by its name in `/proc` it does.
#[cfg(target_os = "linux")]
fn set_closed_dir_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    let passed = pass_dir(dir, name)?;
    let by_handle = format!("/proc/self/fd/{}", passed.as_raw_fd());
    std::fs::set_permissions(by_handle, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(target_os = "linux"))]
fn set_closed_dir_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::chmodat(dir, name, Mode::from_raw_mode(mode), flags)?)
}

/// Whether the folder still stands at `path`, where it was opened.
pub(super) fn stands_at(dir: &Dir, path: &Path) -> io::Result<bool> {
    let own = dir.dir_metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that nothing is there, or that a folder on the way is none (any more).
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_in_a_folder_that_cannot_be_read_is_reached_and_the_folder_gets_another_mode() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir_all(closed.join("deep")).unwrap();
        fs::write(closed.join("deep/file"), "content").unwrap();
        let root = open_root(folder.path()).unwrap();
        for path in ["closed/deep", "closed"] {
            fs::set_permissions(folder.path().join(path), PermissionsExt::from_mode(0o311)).unwrap();
        }
        let (dir, name) = parent_of(&root, Path::new("closed/deep/file")).unwrap();
        assert_eq!(io::read_to_string(open_file(&dir, &name).unwrap()).unwrap(), "content");
        dir.rename(&name, &dir, "renamed").unwrap();
        dir.create("new").unwrap();
        for mode in [0o000, 0o500, 0o755] {
            set_dir_mode(&root, OsStr::new("closed"), mode).unwrap();
            assert_eq!(mode_of(&closed), mode);
        }
        set_dir_mode(&open_dir(&root, OsStr::new("closed")).unwrap(), OsStr::new("deep"), 0o700).unwrap();
        assert_eq!(fs::read_dir(closed.join("deep")).unwrap().count(), 2);
    }

    #[test]
    fn no_link_is_passed_and_no_mode_set_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = open_root(folder.path()).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        symlink("folder", folder.path().join("link")).unwrap();
        for mode in [0o700, 0o000] {
            fs::set_permissions(folder.path().join("folder"), PermissionsExt::from_mode(mode)).unwrap();
            assert!(parent_of(&root, Path::new("link/file")).is_err());
            assert!(set_dir_mode(&root, OsStr::new("link"), 0o755).is_err());
            assert!(set_closed_dir_mode(&root, OsStr::new("link"), 0o755).is_err());
            assert_eq!(mode_of(&folder.path().join("folder")), mode);
        }
    }
}
