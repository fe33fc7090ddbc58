//! The paths that a task file names: relative to its folder and inside it, wherever links lead.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::Shown;

/// What a path must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Folder => "folder",
        })
    }
}

/// Why a path is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PathError {
    #[error("\"{}\" leaves the folder of the task; expected a {kind} in it", Shown(path))]
    Leaves { path: PathBuf, kind: Kind },
    #[error("there is no {kind} \"{}\" in the folder of the task", Shown(path))]
    Missing { path: PathBuf, kind: Kind },
    #[error("the folder of the task cannot be opened: {reason}")]
    Folder { reason: std::io::Error },
}

/// The folder of a task, with all links resolved.
#[derive(Debug)]
pub(super) struct Folder {
    resolved: PathBuf,
}

impl Folder {
    pub(super) fn open(folder: &Path) -> Result<Self, PathError> {
        let resolved = folder.canonicalize().map_err(|reason| PathError::Folder { reason })?;
        Ok(Self { resolved })
    }

    /// The absolute path of what `path` names, links resolved.
    pub(super) fn locate(&self, path: &Path, kind: Kind) -> Result<PathBuf, PathError> {
        let steps_inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
        if !path.components().all(steps_inside) {
            return Err(PathError::Leaves { path: path.to_owned(), kind });
        }
        let missing = || PathError::Missing { path: path.to_owned(), kind };
        let resolved = self.resolved.join(path).canonicalize().map_err(|_not_there| missing())?;
        if !resolved.starts_with(&self.resolved) || (kind == Kind::Folder && resolved == self.resolved) {
            return Err(PathError::Leaves { path: path.to_owned(), kind });
        }
        let is_kind = match kind {
            Kind::File => resolved.is_file(),
            Kind::Folder => resolved.is_dir(),
        };
        if is_kind { Ok(resolved) } else { Err(missing()) }
    }
}
