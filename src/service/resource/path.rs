//! Paths within a resource: how they are read, and how they are shown.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::error::PathFault;
use crate::event::Text;

/// The longest path that is taken, in bytes: what the system takes.
const MAX_PATH_BYTES: usize = 4_096;

/// The path in its plain form: relative, of names alone. A `..` takes back the name before it, whatever that is.
pub(super) fn plain(path: &Path) -> Result<PathBuf, PathFault> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() > MAX_PATH_BYTES {
        return Err(PathFault::TooLong);
    }
    if bytes.contains(&0) {
        return Err(PathFault::Zero);
    }
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !plain.pop() {
                    return Err(PathFault::Outside);
                }
            }
            Component::RootDir | Component::Prefix(_) => return Err(PathFault::Absolute),
        }
    }
    Ok(plain)
}

/// A path as events show it: `.` for the resource itself. A byte that is not UTF-8 stands as `\x` and two hex digits.
pub(super) fn shown(path: &Path) -> Text {
    if path.as_os_str().is_empty() {
        return Text::from(".");
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a String takes any text");
        }
    }
    Text::from(text)
}

/// What the names begin with of files that are being written, and of what a commit of a sandbox keeps. Nobody is shown
/// those.
pub(super) use crate::service::sandbox::tree::STAGING_PREFIX;
use crate::service::sandbox::tree::is_skipped;

/// Whether no index shows what has this name.
pub(super) fn is_left_out(name: &OsStr) -> bool {
    is_skipped(name)
}

/// Whether nobody changes what has this name: no index would show that, and no commit bring it. Where the file system
/// takes capital and small letters for the same, `.GIT` is git's own too.
pub(super) fn is_reserved(name: &OsStr) -> bool {
    is_left_out(name) || name.eq_ignore_ascii_case(".git")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_path_is_brought_to_names_alone_or_refused() {
        assert_eq!(plain(Path::new("./a//b/../c/")), Ok(PathBuf::from("a/c")));
        assert_eq!(plain(Path::new("")), Ok(PathBuf::new()));
        assert_eq!(plain(Path::new("a/../..")), Err(PathFault::Outside));
        assert_eq!(plain(Path::new("/a")), Err(PathFault::Absolute));
        assert_eq!(plain(Path::new("a\0")), Err(PathFault::Zero));
        assert_eq!(plain(Path::new(&"a".repeat(5_000))), Err(PathFault::TooLong));
    }

    #[test]
    fn a_name_that_is_not_text_is_shown_byte_for_byte() {
        let path = PathBuf::from(OsString::from_vec(b"a/\xff\xc3b\n".to_vec()));
        assert_eq!(shown(&path).as_str(), "a/\\xff\\xc3b\u{FFFD}");
    }
}
