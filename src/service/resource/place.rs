//! Where in a folder something is changed: found by its handle, and nowhere that is not to be changed.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use rustix::io::Errno;

use super::error::HandlerError;
use super::path::is_reserved;
use crate::service::sandbox::place::pass_dir;

/// So many links may lead from one to the next.
const MAX_LINKS: usize = 40;

pub(super) const NO_FILE: HandlerError = HandlerError::Kind { found: "not a regular file" };

pub(super) fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// Makes the folders that a file at `path` needs.
pub(super) fn make_folder_of(dir: &Dir, path: &Path) -> Result<(), HandlerError> {
    require_open(path)?;
    let parent = path.parent().unwrap_or(Path::new(""));
    for above in parent.ancestors() {
        match open_folder(dir, above) {
            Err(HandlerError::Absent) => {}
            Err(error) => return Err(error),
            Ok(_) if above == parent => return Ok(()),
            Ok(found) => {
                let missing = parent.strip_prefix(above).expect("it is one of its ancestors");
                return Ok(found.create_dir_all(missing)?);
            }
        }
    }
    Err(HandlerError::Absent)
}

/// The folder in which the file stands to which `path` leads, and its name there: not a link any more.
pub(super) fn place_of(dir: &Dir, path: &Path) -> Result<(Dir, PathBuf), HandlerError> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let (folder, name) = folder_of(dir, &path)?;
        match folder.symlink_metadata(&name) {
            Ok(found) if found.is_symlink() => {
                let target = folder.read_link_contents(&name)?;
                path = path.parent().map_or_else(|| target.clone(), |at| at.join(&target));
            }
            Ok(found) if !found.is_file() => return Err(NO_FILE),
            Ok(_) => return Ok((folder, name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((folder, name)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::LOOP.into()).map_err(|error: io::Error| error.into())
}

/// The folder that holds `path`, and its name there; of a link, that of the link.
pub(super) fn folder_of(dir: &Dir, path: &Path) -> Result<(Dir, PathBuf), HandlerError> {
    let name = PathBuf::from(path.file_name().ok_or(NO_FILE)?);
    require_open(&name)?;
    Ok((open_folder(dir, path.parent().unwrap_or(Path::new("")))?, name))
}

/// Opens the folder to which `path` leads. Its real path is looked at first, and then no link is followed: so it is not
/// one that is reserved, whoever puts a link there meanwhile.
fn open_folder(dir: &Dir, path: &Path) -> Result<Dir, HandlerError> {
    let mut folder = dir.try_clone()?;
    if is_root(path) {
        return Ok(folder);
    }
    let real = dir.canonicalize(path)?;
    require_open(&real)?;
    for name in real.iter().filter(|name| *name != ".") {
        folder = pass_dir(&folder, name)?;
    }
    Ok(folder)
}

/// Refuses what holds a name that nobody changes.
fn require_open(path: &Path) -> Result<(), HandlerError> {
    if path.iter().any(is_reserved) { Err(HandlerError::Reserved) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use crate::service::resource::HandlerError;
    use crate::service::resource::dir::DirHandler;
    use crate::service::resource::handler::{ResourceHandler, ResourceMover, ResourceWriter};

    #[tokio::test]
    async fn what_is_gits_own_or_left_by_a_commit_is_not_changed_by_whatever_link_it_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in [".git/hooks", ".agentbus-staging-x", "src"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join(".git/config"), "config").unwrap();
        fs::write(root.join("src/file"), "file").unwrap();
        symlink("../.git", root.join("src/link")).unwrap();
        symlink("../.git/config", root.join("src/config")).unwrap();
        let handler = DirHandler::open(root).unwrap();
        for path in [
            ".git",
            ".GIT/hooks/pre-commit",
            ".git/hooks/pre-commit",
            "src/.git/config",
            ".agentbus-staging-x/log",
            ".agentbus-originals-x/new",
            "src/link/hooks/pre-commit",
            "src/link/new/deep",
            "src/config",
        ] {
            let refused = handler.write(path.as_ref(), b"x".to_vec()).await;
            assert!(matches!(refused, Err(HandlerError::Reserved)), "{path}: {refused:?}");
            let moved = handler.rename("src/file".as_ref(), path.as_ref()).await;
            let is_a_link_itself = path == "src/config";
            assert_eq!(matches!(moved, Err(HandlerError::Reserved)), !is_a_link_itself, "{path}: {moved:?}");
        }
        for path in [".git/config", "src/link/config"] {
            let refused = handler.delete(path.as_ref()).await;
            assert!(matches!(refused, Err(HandlerError::Reserved)), "{path}: {refused:?}");
            let refused = handler.rename(path.as_ref(), "here".as_ref()).await;
            assert!(matches!(refused, Err(HandlerError::Reserved)), "{path}: {refused:?}");
        }
        assert_eq!(fs::read(root.join(".git/config")).unwrap(), b"config");
        assert_eq!(fs::read_dir(root.join(".git")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(root.join(".git/hooks")).unwrap().count(), 0);
        handler.write("new/deep/file".as_ref(), b"x".to_vec()).await.unwrap();
        handler.delete("src/config".as_ref()).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_in_a_folder_that_cannot_be_listed_is_written_and_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir_all(closed.join("deep")).unwrap();
        for path in [closed.join("deep"), closed] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o311)).unwrap();
        }
        let handler = DirHandler::open(folder.path()).unwrap();
        let file = "closed/deep/file".as_ref();
        handler.write(file, b"x".to_vec()).await.unwrap();
        assert_eq!(handler.read(file, 9).await.unwrap(), b"x");
        handler.rename(file, "closed/moved".as_ref()).await.unwrap();
        handler.delete("closed/moved".as_ref()).await.unwrap();
        for path in ["closed", "closed/deep"] {
            fs::set_permissions(folder.path().join(path), PermissionsExt::from_mode(0o700)).unwrap();
        }
    }
}
