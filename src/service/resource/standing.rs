//! Where things really stand in a folder, whatever links lead there: by that they are told of.

use std::path::{Path, PathBuf};

use super::dir::DirHandler;
use crate::service::blocking::blocking;

/// Whether a link at the end of a path is what is meant, or what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    TheLink,
    WhatItLeadsTo,
}

impl DirHandler {
    /// The path without links of what is at `path`; `path` itself where that cannot be found out.
    pub(super) async fn real_path(&self, path: &Path, meant: Meant) -> PathBuf {
        let Ok(dir) = self.dir().try_clone() else { return path.to_owned() };
        let path = path.to_owned();
        blocking(move |_stop| {
            let place = match (meant, path.parent(), path.file_name()) {
                (Meant::WhatItLeadsTo, _, _) => dir.canonicalize(&path),
                (Meant::TheLink, Some(above), Some(name)) if !above.as_os_str().is_empty() => {
                    dir.canonicalize(above).map(|above| above.join(name))
                }
                (Meant::TheLink, _, _) => return path,
            };
            place.unwrap_or(path)
        })
        .await
    }
}
